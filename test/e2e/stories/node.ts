/**
 * The plug of the machine with the leader is pulled. The cluster goes on with two members; the operator waits, since the machine may come back. A person says
 * that it does not, by the taint that Kubernetes has for this, and another member takes the place of the one whose volume was there.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { nodes } from "../cluster/layout.ts";
import { machineDown, machineUp } from "../cluster/machine.ts";
import { nodeUp } from "../cluster/node.ts";
import { runtimeUp } from "../cluster/runtime.ts";
import { kubectl } from "../support/kubectl.ts";
import { changesAtATime, changesText, membershipChanges } from "../support/membership-log.ts";
import { until } from "../support/wait.ts";
import type { Scene } from "./story.ts";

const taint = "node.kubernetes.io/out-of-service";
const quietMs = 15_000;

export async function nodeStory(scene: Scene): Promise<void> {
  const { cluster } = scene;
  await scene.step("a cluster of three", async () => {
    await cluster.create({ replicas: 3 });
    await cluster.untilAsWanted(3);
  });
  const { members: before = [] } = await cluster.status();
  const leader = await cluster.leader();
  const places = await placesOf(scene);
  scene.say([...places].map(([member, node]) => `${member} on ${node}`).join(", "));
  assert.equal(new Set(places.values()).size, 3, "each on a node of its own");
  const node = places.get(leader) ?? "";
  const writer = await scene.writer();
  try {
    await scene.step(`${node} with the leader loses power`, async () => {
      await machineDown(node);
      await writer.works();
      await untilNode(node, "Unknown");
    });
    await scene.step("the operator waits for it", async () => {
      await sleep(quietMs);
      const { members = [] } = await cluster.status();
      assert.deepEqual(ids(members), ids(before), "no member is given up");
      await writer.works();
    });
    await scene.step("it is said to be out of service: the member is replaced", async () => {
      await kubectl(["taint", "node", node, `${taint}=nodeshutdown:NoExecute`]);
      await until(
        `the end of ${leader}`,
        async () => {
          const { members = [], plan } = await cluster.status();
          if (members.every(({ name }) => name !== leader)) return undefined;
          return `${plan?.step ?? ""} ${plan?.waitsFor ?? ""}`;
        },
        { timeoutMs: 240_000 },
      );
      await cluster.untilAsWanted(3);
    });
    assert.ok(![...(await placesOf(scene)).values()].includes(node), "nobody is on that node");
    await scene.judge(writer);
  } finally {
    await scene.step(`${node} comes back`, () => comesBack(node));
  }
  await isReplaced(scene, leader);
}

async function isReplaced(scene: Scene, member: string): Promise<void> {
  const { cluster } = scene;
  const { replacements = [] } = await cluster.status();
  const told = replacements.find(({ memberName }) => memberName === member);
  scene.say(`status.replacements: ${told?.reason ?? "nothing"}`);
  assert.equal(replacements.length, 1, "one member was replaced, and no other");
  assert.ok(told?.reason !== undefined);
  const changes = membershipChanges(cluster.namespace);
  scene.say(`membership changes in the log: ${changesText(changes)}`);
  assert.deepEqual(changesAtATime(changes), []);
}

const ids = (members: readonly { readonly id?: string }[]): readonly string[] =>
  members.map(({ id }) => id ?? "").sort();

async function placesOf({ cluster }: Scene): Promise<ReadonlyMap<string, string>> {
  const pods = await cluster.pods();
  return new Map(pods.map(({ metadata, spec }) => [metadata.name, spec.nodeName ?? ""]));
}

/** `status`: of the node's condition Ready. */
async function untilNode(name: string, status: string): Promise<void> {
  const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  await until(`${name} to be ${status}`, async () => {
    const is = await kubectl(["get", "node", name, "-o", path]);
    return is === status ? undefined : `it is ${is}`;
  });
}

async function comesBack(name: string): Promise<void> {
  const node = nodes.find((each) => each.name === name);
  assert.ok(node !== undefined, `${name} is no node`);
  await machineUp(node);
  await runtimeUp(node);
  await nodeUp(node);
  const taints = await kubectl(["get", "node", name, "-o", "jsonpath={.spec.taints[*].key}"]);
  if (taints.includes(taint)) await kubectl(["taint", "node", name, `${taint}-`]);
  await untilNode(name, "True");
}
