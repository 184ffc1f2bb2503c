import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  EtcdClusterSpec,
  EtcdClusterStatus,
} from "../../../../operator/api/v1alpha1/types.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import { clusterStatus, memberStatus } from "../../../../operator/cluster/status.ts";
import { clusterWith, context, fine, healthy, minutesAgo, now } from "./lab.ts";

const statusOf = (observed: Observed): EtcdClusterStatus =>
  clusterStatus(observed, plan(observed, context), context, now);
/** "Ready=True/AsWanted" for each condition. */
const brief = (status: EtcdClusterStatus): string[] =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is}/${reason}`);
const conditionOf = (status: EtcdClusterStatus, type: string): string | undefined =>
  brief(status)
    .find((text) => text.startsWith(`${type}=`))
    ?.slice(type.length + 1);
const withSpec = (spec: Partial<EtcdClusterSpec>, observed: Observed): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, spec: { ...observed.cluster.spec, ...spec } },
});

describe("the status of a cluster of several members", () => {
  test("counts as degraded when a voter is not ready", () => {
    const status = statusOf(clusterWith({ ...fine(2), c: { pod: "unready" } }));
    assert.equal(status.ready, "2/3");
    assert.equal(conditionOf(status, "Degraded"), "True/MembersNotReady");
    assert.equal(conditionOf(status, "Available"), "True/WritesPossible");
  });

  test("is not degraded by members that join or leave", () => {
    const joining = clusterWith(
      {
        ...fine(3),
        d: { role: "learner", pod: "unready" },
        e: { role: "unlisted", id: "e1", pod: "ready" },
      },
      { spec: { replicas: 5 } },
    );
    assert.equal(conditionOf(statusOf(joining), "Degraded"), "False/MembersReady");
  });

  test("tells how far a learner is, in steps that keep it calm", () => {
    const at = (lag: number): number | undefined =>
      statusOf(clusterWith({ ...fine(1), b: { role: "learner", lag } }, { spec: { replicas: 3 } }))
        .members?.[1]?.syncedPercent;
    assert.deepEqual([at(100_000), at(57_000), at(56_000), at(0)], [0, 40, 40, 100]);
    assert.equal(statusOf(healthy(3)).members?.[1]?.syncedPercent, undefined);
  });

  test("knows a learner by the list, also while it does not answer", () => {
    const observed = clusterWith(
      { ...fine(1), b: { role: "learner", pod: "pending" } },
      { spec: { replicas: 3 } },
    );
    assert.equal(statusOf(observed).members?.[1]?.role, "Learner");
  });

  test("that sleeps is ready, but serves nothing, and nothing is wrong", () => {
    const asleep = clusterWith(
      { a: { pod: "absent" }, b: { pod: "absent" }, c: { pod: "absent" } },
      { spec: { replicas: 0 }, etcd: "unasked" },
    );
    const status = statusOf(asleep);
    assert.equal(status.phase, "Hibernated");
    assert.deepEqual(brief(status).slice(0, 5), [
      "Ready=True/Hibernated",
      "Available=False/Hibernated",
      "QuorumHealthy=False/Hibernated",
      "Progressing=False/AsWanted",
      "Degraded=False/Hibernated",
    ]);
  });

  test("with its quorum lost says what may be lost", () => {
    const quorumRecovery = {
      phase: "WaitingForApproval",
      nonce: "n",
      survivor: "etcd-a",
      estimatedLoss: "writes after 7",
      survivors: [],
    } as const;
    const status = statusOf(
      clusterWith(
        { a: {}, b: { volume: "gone", pod: "absent" }, c: { volume: "gone", pod: "absent" } },
        { etcd: "unknown", leader: null, status: { quorumRecovery } },
      ),
    );
    assert.equal(conditionOf(status, "QuorumHealthy"), "False/QuorumLost");
    assert.deepEqual(status.quorumRecovery, quorumRecovery);
  });

  test("tells of a step that the API server refused", () => {
    const status = clusterStatus(
      healthy(3),
      {
        kind: "stuck",
        reason: "RequestRefused",
        message: "quota exceeded",
      },
      context,
      now,
    );
    assert.equal(conditionOf(status, "Ready"), "False/RequestRefused");
    assert.equal(status.phase, "Stuck");
  });

  test("repeats what was latched, and never makes it up", () => {
    const replacements = [{ memberName: "etcd-x", time: now, reason: "down" }];
    const status = statusOf(healthy(3, { status: { replacements } }));
    assert.deepEqual(status.replacements, replacements);
    assert.equal(status.spaceRecovery, undefined);
  });
});

describe("status.plan", () => {
  test("tells the next step and its risk", () => {
    const { plan: next } = statusOf(clusterWith({ a: { isOutdated: true }, b: {}, c: {} }));
    assert.match(next!.step, /etcd-a hands the lead over to etcd-b/);
    assert.equal(next!.risk, "writes wait for some milliseconds");
    assert.equal(next!.waitsFor, undefined);
  });

  test("tells what it waits for", () => {
    const { plan: next } = statusOf(
      healthy(3, { spec: { replicas: 5 }, maintenance: "etcd-defrag" }),
    );
    assert.match(next!.waitsFor!, /etcd-defrag holds/);
  });

  test("tells what would be done but for the pause", () => {
    const paused = withSpec({ paused: true }, healthy(3, { spec: { replicas: 1 } }));
    const { plan: next } = statusOf(paused);
    assert.match(next!.step, /member etcd-c is removed/);
    assert.match(next!.waitsFor!, /spec.paused/);
    assert.equal(statusOf(withSpec({ paused: true }, healthy(3))).plan, undefined);
  });

  test("is absent when nothing is to be done", () => {
    assert.equal(statusOf(healthy(3)).plan, undefined);
  });
});

describe("downSince", () => {
  const since = (
    sketch: Parameters<typeof clusterWith>[0][string],
    replicas = 3,
  ): string | undefined => {
    const observed = clusterWith({ ...fine(2), c: sketch }, { spec: { replicas } });
    return memberStatus(observed, observed.members[2]!, now).downSince;
  };

  test("is the first look at which a member neither answers nor is ready", () => {
    assert.equal(since({ pod: "absent" }), now);
    assert.equal(since({ pod: "crashing" }), now);
    assert.equal(since({ pod: "terminating", answers: false }), now);
  });

  test("stays as long as that is so", () => {
    assert.equal(since({ pod: "pending", downSince: minutesAgo(3) }), minutesAgo(3));
  });

  test("goes when it answers or is ready", () => {
    assert.equal(since({ pod: "unready", answers: true, downSince: minutesAgo(3) }), undefined);
    assert.equal(since({ answers: false, downSince: minutesAgo(3) }), undefined);
  });

  test("is of no member that is not to run: one that sleeps, or that has no identity yet", () => {
    assert.equal(since({ pod: "absent" }, 0), undefined);
    assert.equal(since({ role: "unlisted" }), undefined);
  });
});
