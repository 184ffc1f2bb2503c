/** A cluster is paused and let go on, put to sleep and woken: the same members with the same data. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

/** So long nothing may happen: ten looks of the operator and more. */
const quietMs = 10_000;

export async function sleepStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  await scene.step("paused, nothing is done to it", () => isPaused(scene));
  await cluster.etcdctl("put", "greeting", "hello");
  const before = await identity(scene);
  await scene.step("kubectl scale --replicas=0", async () => {
    await cluster.scale(0);
    await until("the end of all pods", async () => {
      const pods = await cluster.pods();
      return pods.length === 0 ? undefined : `${pods.length} pods`;
    });
    await cluster.untilAsWanted(0, { members: 3 });
    assert.equal((await cluster.names("pvc")).length, 3, "the volumes stay");
    assert.equal((await cluster.names("etcdmember")).length, 3, "the members stay");
  });
  await scene.step("kubectl scale --replicas=3", async () => {
    await cluster.scale(3);
    await cluster.untilAsWanted(3);
  });
  assert.deepEqual(await identity(scene), before, "the same cluster of the same members");
  assert.equal(await cluster.etcdctl("get", "greeting"), "greeting\nhello\n");
}

/** A flag is changed and a pod deleted; both are seen to when the pause is over. */
async function isPaused({ cluster }: Scene): Promise<void> {
  await cluster.patch({ paused: true, etcd: { snapshotCount: 5000 } });
  await until("the condition Paused", async () => {
    const { conditions = [] } = await cluster.status();
    const paused = conditions.find(({ type }) => type === "Paused");
    return paused?.status === "True" ? undefined : "not yet";
  });
  const gone = await cluster.follower();
  const before = (await cluster.pods()).map(({ metadata }) => metadata.uid);
  await cluster.kubectl("delete", "pod", gone);
  await sleep(quietMs);
  const pods = await cluster.pods();
  assert.equal(pods.length, 2, "the pod that was deleted is not made again");
  assert.ok(
    pods.every(({ metadata }) => before.includes(metadata.uid)),
    "and no other is touched",
  );
  await cluster.patch({ paused: false });
  await cluster.untilAsWanted(3);
  for (const { spec } of await cluster.pods())
    assert.ok(
      spec.containers[0].args.includes("--snapshot-count=5000"),
      "the change was made up for",
    );
}

async function identity({ cluster }: Scene): Promise<unknown> {
  const { clusterID, members = [] } = await cluster.status();
  return { clusterID, members: members.map(({ name, id }) => ({ name, id })) };
}
