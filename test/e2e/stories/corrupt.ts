/**
 * A member has other data than the others, which is found out: etcd's alarm CORRUPT stops all writes. The operator sees by hashes who differs, and puts a new
 * member in its place; the volume stays for whoever wants to know what happened.
 *
 * The data is really different (support/forged-data.ts). Members of etcd-ts do not compare themselves, so the alarm is raised by a request, as a
 * person or a monitor does.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { forgeData } from "../support/forged-data.ts";
import { inNamespace } from "../support/kubectl.ts";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import { run } from "../support/run.ts";
import { volumeFolderOf } from "../support/volumes.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

const raising = join(import.meta.dirname, "../writer/raise-corrupt.ts");
const truth = { key: "truth", value: "the earth is round" };
const lie = "the earth is flat!";

export async function corruptStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  assert.equal(await cluster.etcdctl("put", truth.key, truth.value), "OK\n");
  const writer = await scene.writer();
  const name = await cluster.follower();
  const id = (await cluster.status()).members?.find((member) => member.name === name)?.id ?? "";
  await scene.step(`the data of ${name} is changed while it is away`, () => forge(scene, name));
  assert.equal(await ownAnswer(scene, name), lie, "it believes what its disk says");
  await writer.works();
  await scene.step("alarm CORRUPT is raised, and the member replaced", async () => {
    await raise(scene, id);
    await until(
      `the end of ${name}`,
      async () => {
        const { members = [], plan } = await cluster.status();
        if (members.every((member) => member.name !== name)) return undefined;
        return `${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
      },
      { timeoutMs: 240_000 },
    );
    await cluster.untilAsWanted(3);
  });
  assert.equal(await cluster.etcdctl("alarm", "list"), "", "the alarm is disarmed");
  await writer.works();
  await scene.judge(writer);
  await isReplaced(scene, name);
}

/** The operator is told to leave the cluster alone, so that the pod does not come back in the middle. */
async function forge(scene: Scene, name: string): Promise<void> {
  const { cluster } = scene;
  await cluster.patch({ paused: true });
  await until("the condition Paused", async () => {
    const { conditions = [] } = await cluster.status();
    const paused = conditions.find(({ type }) => type === "Paused");
    return paused?.status === "True" ? undefined : "not yet";
  });
  await cluster.kubectl("delete", "pod", name);
  const dataDir = join(volumeFolderOf(cluster.namespace, name), "data");
  await forgeData(dataDir, { from: truth.value, to: lie });
  await cluster.patch({ paused: false });
  await cluster.untilAsWanted(3);
}

/** A serializable read in the member's own pod. */
async function ownAnswer({ cluster }: Scene, name: string): Promise<string> {
  const answer = await cluster.etcdctlOn(
    name,
    ...["get", truth.key, "--consistency=s", "--print-value-only"],
  );
  return answer.trim();
}

async function raise({ cluster }: Scene, id: string): Promise<void> {
  const { namespace, name } = cluster;
  await run(
    inNamespace([
      process.execPath,
      raising,
      ...[`--namespace=${namespace}`, `--cluster=${name}`, "--application=writer"],
      `--member=${id}`,
    ]),
  );
}

async function isReplaced(scene: Scene, name: string): Promise<void> {
  const { cluster } = scene;
  const { replacements = [], members = [] } = await cluster.status();
  const told = replacements.find(({ memberName }) => memberName === name);
  scene.say(`status.replacements: ${told?.reason ?? "nothing"}`);
  assert.match(told?.reason ?? "", /differs from what a quorum has/);
  assert.ok((await cluster.names("pvc")).includes(`persistentvolumeclaim/data-${name}`));
  for (const member of members)
    assert.equal(await ownAnswer(scene, member.name), truth.value, member.name);
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
}
