/** The operator's metrics of clusters: what a look and a step put into them, and that nothing of a cluster is left when it is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { deedOf, sightOf } from "../../../operator/controller/measure.ts";
import { OperatorMetrics } from "../../../operator/metrics.ts";
import { clusterWith, healthy, minutesAgo, now } from "./cluster/lab.ts";

const labels = { namespace: "prod", cluster: "etcd" };
const nowMs = Date.parse(now);

async function linesOf(metrics: OperatorMetrics): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => line.includes('cluster="etcd"'));
}

test("a look: plan, quorum, learner and certificates, and none of it when the cluster is gone", async () => {
  const metrics = new OperatorMetrics();
  const observed = clusterWith(
    { a: {}, b: { role: "learner", createdAt: minutesAgo(2) } },
    { status: { certificates: { phase: "Stable", leafNotAfter: now } } },
  );
  const waits = { kind: "wait", reason: "LearnerSyncing", message: "" } as const;
  metrics.cluster(labels, sightOf(observed, waits, nowMs));
  metrics.deed(labels, { kind: "membership", change: "promote" });
  metrics.deed(labels, { kind: "replacement" });
  metrics.deed(labels, { kind: "roll" });
  const at = 'namespace="prod",cluster="etcd"';
  const lines = await linesOf(metrics);
  for (const line of [
    `etcd_ts_cluster_members{${at}} 2`,
    `etcd_ts_operator_plan{${at},kind="wait"} 1`,
    `etcd_ts_operator_plan{${at},kind="done"} 0`,
    `etcd_ts_operator_quorum_state{${at},state="present"} 1`,
    `etcd_ts_operator_learner_age_seconds{${at}} 120`,
    `etcd_ts_operator_certificate_expiry_timestamp_seconds{${at},certificate="leaf"} ${nowMs / 1000}`,
    `etcd_ts_operator_membership_changes_total{${at},change="promote"} 1`,
    `etcd_ts_operator_member_replacements_total{${at}} 1`,
    `etcd_ts_operator_rolled_pods_total{${at}} 1`,
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(!lines.some((line) => line.includes('certificate="ca"')));
  metrics.forget(labels);
  assert.deepEqual(await linesOf(metrics), []);
});

test("quorum is present, unknown, lost or none", () => {
  const done = { kind: "done" } as const;
  const stateOf = (around: Parameters<typeof healthy>[1]): string =>
    sightOf(healthy(3, around), done, nowMs).quorum;
  const quorumRecovery = {
    phase: "WaitingForApproval",
    nonce: "1",
    estimatedLoss: "",
    survivors: [],
  } as const;
  assert.equal(stateOf({}), "present");
  assert.equal(stateOf({ etcd: "unknown" }), "unknown");
  assert.equal(stateOf({ etcd: "unasked" }), "none");
  assert.equal(stateOf({ etcd: "unknown", status: { quorumRecovery } }), "lost");
});

test("steps that count: changes of members, moves of the lead, replacements, rolled pods", () => {
  const told = { reason: "RestartingPod", message: "" };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" } };
  const etcd = { kind: "etcd", listedMembers: [], ...told } as const;
  assert.deepEqual(deedOf({ ...etcd, request: { kind: "remove", memberId: "a1" } }), {
    kind: "membership",
    change: "remove",
  });
  assert.equal(deedOf({ ...etcd, request: { kind: "compact", revision: 1 } }), undefined);
  assert.deepEqual(deedOf({ kind: "delete", object: pod, ...told }), { kind: "roll" });
  assert.equal(deedOf({ kind: "create", object: pod, ...told }), undefined);
  const fields = { replacements: [{ memberName: "a", time: now, reason: "" }] };
  const latch = { kind: "latch-cluster", fields, message: "" } as const;
  assert.deepEqual(deedOf({ ...latch, reason: "ReplacingMember" }), { kind: "replacement" });
  // Written down again, as made good, it is the same one.
  assert.equal(deedOf({ ...latch, reason: "ReplacedMember" }), undefined);
});
