/** One member, then three, five, seven, and back to one, under a writer: nothing is lost, and members come and go one at a time. */
import assert from "node:assert/strict";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import type { Scene } from "./story.ts";

export async function scaleStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of one", async () => {
    // The log of all changes is read at the end: volumes of members that left stay.
    await cluster.create({ storage: { size: "4Gi", reclaim: { onScaleDown: "Retain" } } });
    await cluster.untilAsWanted(1);
  });
  const { clusterID } = await cluster.status();
  const writer = await scene.writer();
  for (const replicas of [3, 5, 7, 5, 3, 1]) {
    await scene.step(`kubectl scale --replicas=${replicas}`, async () => {
      await cluster.scale(replicas);
      await cluster.untilAsWanted(replicas);
      await writer.works();
    });
    assert.deepEqual(await cluster.restarts(), [], "nobody who joined had to start twice");
  }
  await scene.judge(writer);
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
  assert.equal(changes.length, 19, "one birth, six learners that are promoted, six removals");
  const status = await cluster.status();
  assert.equal(status.clusterID, clusterID, "it is the same cluster");
}
