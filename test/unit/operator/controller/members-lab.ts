/** Stories of clusters of several members: what every one of them has to leave behind. */
import assert from "node:assert/strict";

import type { EtcdClusterSpec } from "../../../../operator/api/v1alpha1/types.ts";
import type { FakeEtcd } from "../../../operator/fake-etcd.ts";
import { OperatorLab } from "../../../operator/operator-lab.ts";

/** A cluster that is ready, with one operator. */
export async function readyCluster(
  replicas: number,
  spec: Partial<EtcdClusterSpec> = {},
): Promise<OperatorLab> {
  const lab = new OperatorLab();
  lab.start();
  lab.createCluster("db", { replicas, ...spec });
  await lab.until(() => lab.isReady("db"), 300_000);
  return lab;
}

export async function scaledTo(lab: OperatorLab, replicas: number): Promise<void> {
  lab.changeSpec("db", { replicas });
  await lab.until(() => lab.isReady("db"), 300_000);
}

/** One birth, nothing that must not happen, one change at a time, and as many of everything as members. */
export function assertSound(lab: OperatorLab, replicas: number, what = ""): void {
  const etcd = lab.etcd("db");
  assert.deepEqual([...lab.node.births.values()], [1], `${what} births`);
  assert.deepEqual(etcd.violations, [], `${what} violations`);
  assertOneAtATime(etcd, what);
  assert.equal(etcd.voters.length, replicas, `${what} voters`);
  assert.equal(etcd.members.length, replicas, `${what} members of etcd`);
  for (const kind of ["members", "pods"] as const) {
    assert.equal(lab.list(kind).length, replicas, `${what} ${kind}`);
  }
}

/** From etcd's own log: no learner is added before the one before is promoted or removed, and nothing is done twice. */
function assertOneAtATime({ changes }: FakeEtcd, what: string): void {
  let learners = 0;
  for (const change of changes) {
    if (change.startsWith("add")) learners += 1;
    if (change.startsWith("promote")) learners -= 1;
    assert.ok(learners <= 1, `${what}: ${changes.join("; ")}`);
    if (change.startsWith("remove")) learners = Math.max(0, learners - 1);
  }
  assert.equal(new Set(changes).size, changes.length, `${what} twice: ${changes.join("; ")}`);
}

/** Whether there was one at any time. */
export function wasTold(lab: OperatorLab, reason: string): boolean {
  return lab.list("events").some((event) => event["reason"] === reason);
}

export function nodeOf(lab: OperatorLab, podName: string): string {
  const pod = lab.list("pods").find(({ metadata }) => metadata.name === podName);
  return String((pod?.["spec"] as { nodeName?: string } | undefined)?.nodeName);
}

/** Name of the member that leads. */
export function leaderOf(lab: OperatorLab): string {
  const etcd = lab.etcd("db");
  return etcd.members.find(({ id }) => id === etcd.leaderId)?.name ?? "";
}

export function followersOf(lab: OperatorLab): string[] {
  const leader = leaderOf(lab);
  return lab
    .etcd("db")
    .members.map(({ name }) => name)
    .filter((name) => name !== leader);
}
