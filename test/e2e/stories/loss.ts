/**
 * Pods, processes and a volume are lost one after the other, under a writer, while the operator itself is killed at random: each comes back as
 * it was, but for the member that lost its volume, whose place another one takes.
 */
import assert from "node:assert/strict";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import { OperatorKiller } from "../support/operator-release.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

const betweenKillsMs = [10_000, 30_000] as const;

export async function lossStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const { clusterID, members: before = [] } = await cluster.status();
  const writer = await scene.writer();
  const killer = new OperatorKiller(betweenKillsMs);
  try {
    await scene.step("a follower's pod is deleted", async () => {
      await losesItsPod(scene, await cluster.follower());
    });
    await scene.step("the leader's pod is deleted, without grace", async () => {
      await losesItsPod(scene, await cluster.leader(), "--grace-period=0", "--force");
    });
    await scene.step("the leader's process ends", async () => {
      await losesItsProcess(scene, await cluster.leader());
    });
    await writer.works();
    await scene.step("a member's volume is deleted with its pod", () => losesItsVolume(scene));
    await writer.works();
  } finally {
    const kills = await scene.step("the operator is left alone", () => killer.stop());
    scene.say(`the operator was killed ${kills} times`);
  }
  await cluster.untilAsWanted(3);
  await scene.judge(writer);
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
  const { clusterID: after, members = [] } = await cluster.status();
  assert.equal(after, clusterID, "it is the same cluster");
  const stayed = members.filter(({ id }) => before.some((each) => each.id === id));
  assert.equal(stayed.length, 2, "one member was replaced, and no other");
}

async function losesItsPod({ cluster }: Scene, name: string, ...how: string[]): Promise<void> {
  const { metadata } = await cluster.pod(name);
  await cluster.kubectl("delete", "pod", name, ...how);
  await until(`another pod ${name}`, async () => {
    const now = (await cluster.pods()).find((pod) => pod.metadata.name === name);
    return now === undefined || now.metadata.uid === metadata.uid ? "there is none" : undefined;
  });
  await cluster.untilAsWanted(3);
}

async function losesItsProcess({ cluster }: Scene, name: string): Promise<void> {
  const restarts = async (): Promise<number> =>
    (await cluster.pod(name)).status.containerStatuses?.[0]?.restartCount ?? 0;
  const before = await restarts();
  await cluster.kubectl("exec", name, "--", "sh", "-c", "kill -TERM 1");
  await until("a restart of the container", async () =>
    (await restarts()) > before ? undefined : "it still runs",
  );
  await cluster.untilAsWanted(3);
}

/** The member that joined last: the log of the first one tells of all changes. */
async function losesItsVolume({ cluster }: Scene): Promise<void> {
  const { items } = await cluster.json<{
    items: readonly { metadata: { name: string; creationTimestamp: string } }[];
  }>("get", "etcdmember");
  const byAge = items.map(({ metadata }) => metadata);
  byAge.sort((left, right) => left.creationTimestamp.localeCompare(right.creationTimestamp));
  const name = byAge.at(-1)?.name ?? "";
  await cluster.kubectl("delete", "pvc", `data-${name}`, "--wait=false");
  await cluster.kubectl("delete", "pod", name);
  await until(`the end of ${name}`, async () => {
    const { members = [], plan } = await cluster.status();
    if (members.every((member) => member.name !== name)) return undefined;
    return `${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
  });
  await cluster.untilAsWanted(3);
  const { replacements = [] } = await cluster.status();
  assert.ok(
    replacements.some(({ memberName }) => memberName === name),
    "the status tells of the replacement",
  );
}
