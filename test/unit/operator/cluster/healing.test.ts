import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterStatus } from "../../../../operator/api/v1alpha1/types.ts";
import { lookOf } from "../../../../operator/cluster/look.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import { mayRemoveVoter } from "../../../../operator/cluster/quorum.ts";
import {
  clusterWith,
  context,
  fine,
  healthy,
  minutesAgo,
  next,
  type Sketch,
  type Surroundings,
} from "./lab.ts";

const decided = (...names: readonly string[]): EtcdClusterStatus => ({
  replacements: names.map((memberName) => ({ memberName, time: minutesAgo(0), reason: "down" })),
});
const long = { downSince: minutesAgo(6) };
const dead: Sketch = { pod: "absent", ...long };
const three = (c: Sketch, around: Surroundings = {}): string =>
  next(clusterWith({ ...fine(2), c }, around));

describe("a voter that is down", () => {
  test("is waited for, and its pod made anew, as long as its grace lasts", () => {
    assert.equal(three({ pod: "absent", downSince: minutesAgo(4) }), "create Pod etcd-c");
    assert.equal(three({ pod: "unready", downSince: minutesAgo(4) }), "wait PodNotReady");
    assert.equal(
      three({ pod: "terminating", answers: false, downSince: minutesAgo(4) }),
      "wait PodTerminating",
    );
  });

  test("is replaced after it: the decision is latched first, then it is removed", () => {
    for (const c of [
      dead,
      { pod: "unready", ...long },
      { pod: "crashing", ...long },
      { pod: "pending", ...long },
      { pod: "terminating", answers: false, ...long },
    ] as const) {
      const status = { ...decided("etcd-c") };
      assert.equal(three(c), "latch-cluster replacements", c.pod);
      assert.equal(three(c, { status }), "etcd remove c1", c.pod);
    }
  });

  test("with a grace of its own", () => {
    const recovery = {
      memberGraceSeconds: 600,
      maxReplacementsPerHour: 3,
      quorumLoss: "Manual",
    } as const;
    assert.equal(three(dead, { spec: { recovery } }), "create Pod etcd-c");
  });

  test("and is back before it is removed stays, whatever was decided", () => {
    assert.equal(three({ downSince: minutesAgo(6) }, { status: decided("etcd-c") }), "done");
    assert.equal(
      three({ pod: "unready", answers: true }, { status: decided("etcd-c") }),
      "wait PodNotReady",
    );
  });

  test("anew: a decision about an earlier time does not count for this one", () => {
    const replacements = [{ memberName: "etcd-c", time: minutesAgo(50), reason: "down" }];
    assert.equal(three(dead, { status: { replacements } }), "latch-cluster replacements");
  });

  test("is not replaced while its pod ends again and again, until that has lasted", () => {
    // It answers for a moment at each turn, so there is no downSince.
    assert.equal(three({ pod: "crashing", answers: true }), "latch-cluster replacements");
    const status = (minutes: number, reason = "Error") => ({
      phase: "Running",
      conditions: [{ type: "Ready", status: "False", lastTransitionTime: minutesAgo(minutes) }],
      containerStatuses: [
        { started: true, restartCount: 9, lastState: { terminated: { reason, exitCode: 1 } } },
      ],
    });
    assert.equal(three({ pod: "crashing", podStatus: status(4) }), "wait PodNotReady");
    assert.equal(three({ pod: "crashing", podStatus: status(6) }), "latch-cluster replacements");
    assert.equal(three({ pod: "crashing", podStatus: status(6, "OOMKilled") }), "wait PodNotReady");
  });

  test("because of what was asked of its pod last keeps its data: another one would fare no better", () => {
    const observed = clusterWith({
      a: { isOutdated: true },
      b: { isOutdated: true },
      c: { pod: "crashing", ...long },
    });
    assert.equal(next(observed), "wait PodNotReady");
    const planned = plan(observed, context);
    assert.ok(planned.kind === "wait" && planned.message.includes("set the spec right"));
  });

  test("for such a reason is replaced all the same when nobody has acted for twelve times its grace", () => {
    const crashing = (minutes: number): string =>
      next(
        clusterWith({
          a: { isOutdated: true },
          b: { isOutdated: true },
          c: { pod: "unready", downSince: minutesAgo(minutes) },
        }),
      );
    assert.equal(crashing(59), "wait PodNotReady");
    assert.equal(crashing(61), "latch-cluster replacements");
  });

  test("on a lost node is removed from etcd; its pod is never deleted by force, and a new member does not wait for it", () => {
    const gone = { role: "unlisted", id: "c1", pod: "terminating", answers: false } as const;
    assert.equal(
      next(clusterWith({ ...fine(2), c: gone }, { spec: { replicas: 3 } })),
      "create EtcdMember etcd-new",
    );
  });

  test("waits for whoever defragments", () => {
    assert.equal(three(dead, { maintenance: "defrag" }), "create Pod etcd-c");
    assert.equal(
      three({ pod: "unready", ...long }, { maintenance: "defrag" }),
      "wait MaintenanceRunning",
    );
  });
});

describe("a voter whose volume is lost", () => {
  test("is not waited for", () => {
    assert.equal(three({ volume: "gone", pod: "absent" }), "latch-cluster replacements");
    assert.equal(three({ volume: "other", pod: "pending" }), "latch-cluster replacements");
  });

  test("and nothing is made for it meanwhile", () => {
    const limit = {
      memberGraceSeconds: 300,
      maxReplacementsPerHour: 0,
      quorumLoss: "Manual",
    } as const;
    assert.equal(
      three({ volume: "gone", pod: "absent" }, { spec: { recovery: limit } }),
      "stuck TooManyReplacements",
    );
    assert.equal(three({ volume: "gone", pod: "absent" }, { etcd: "unknown" }), "wait VolumeLost");
  });

  test("with its node, where the volume was local", () => {
    const c = {
      pod: "terminating",
      answers: false,
      node: "node-9",
      downSince: minutesAgo(0),
    } as const;
    const around = {
      provisioner: "rancher.io/local-path",
      nodes: { "node-1": { isReady: true, isOutOfService: false } },
    };
    const lost = {
      ...around,
      nodes: { ...around.nodes, "node-9": { isReady: false, isOutOfService: true } },
    };
    const away = {
      ...around,
      nodes: { ...around.nodes, "node-9": { isReady: false, isOutOfService: false } },
    };
    assert.equal(three({ ...c, pod: "unready" }, around), "latch-cluster replacements");
    assert.equal(three({ ...c, pod: "unready" }, lost), "latch-cluster replacements");
    assert.equal(three({ ...c, pod: "unready" }, away), "wait PodNotReady");
    assert.equal(
      three({ ...c, pod: "unready" }, { ...around, provisioner: "ebs.csi.aws.com" }),
      "wait PodNotReady",
    );
  });

  test("and leads nonetheless hands over before it is removed", () => {
    const observed = clusterWith(
      { a: { volume: "gone" }, b: { lag: 2 }, c: { lag: 1 } },
      { status: decided("etcd-a") },
    );
    assert.equal(next(observed), "etcd move-leader etcd-a c1");
  });
});

describe("quorum", () => {
  test("is never put at risk: two dead of three, by themselves, are waited for", () => {
    const observed = clusterWith({ a: {}, b: dead, c: dead }, { etcd: "known" });
    assert.match(next(observed), /^create Pod/);
    const unready = { pod: "unready", ...long } as const;
    assert.equal(next(clusterWith({ a: {}, b: unready, c: unready })), "wait QuorumAtRisk");
  });

  test("of five with two dead: one after the other, dead ones first", () => {
    const observed = clusterWith({ ...fine(3), d: dead, e: dead });
    assert.equal(next(observed), "latch-cluster replacements");
    const after = clusterWith(
      { ...fine(3), d: { role: "unlisted", id: "d1", volume: "gone" }, e: dead },
      { spec: { replicas: 5 }, status: decided("etcd-d", "etcd-e") },
    );
    assert.equal(next(after), "delete EtcdMember etcd-d");
    const then = clusterWith(
      { ...fine(3), e: dead },
      { spec: { replicas: 5 }, status: decided("etcd-e") },
    );
    assert.equal(next(then), "etcd remove e1");
  });

  test("is not made of a member whose pod is ending, though it answers yet", () => {
    const observed = clusterWith({
      a: {},
      b: { pod: "terminating", answers: true },
      c: { pod: "unready", ...long },
    });
    assert.equal(next(observed), "wait QuorumAtRisk");
  });

  test("of two: the other one cannot be removed without it", () => {
    const observed = clusterWith(
      { a: {}, b: { pod: "unready", ...long } },
      { spec: { allowEvenReplicas: true } },
    );
    assert.equal(next(observed), "wait QuorumAtRisk");
  });

  test("of one: it is never removed", () => {
    const lookAtOne = lookOf(healthy(1), context);
    assert.ok([true, false].every((serves) => !mayRemoveVoter(lookAtOne, { serves })));
    assert.equal(
      next(clusterWith({ a: { volume: "gone", pod: "absent" } }, { etcd: "unasked" })),
      "stuck VolumeLost",
    );
  });
});

describe("the limit of replacements", () => {
  const used = (count: number, minutes: number): Surroundings => ({
    status: {
      replacements: Array.from({ length: count }, (_, at) => ({
        memberName: `etcd-old${at}`,
        time: minutesAgo(minutes),
        reason: "down",
        madeGoodAt: minutesAgo(minutes - 1),
      })),
    },
  });
  const unready = { pod: "unready", ...long } as const;

  test("stops after so many in an hour, and waits for a person", () => {
    assert.equal(three(unready, used(3, 59)), "stuck TooManyReplacements");
    assert.equal(three(unready, used(2, 59)), "latch-cluster replacements");
    assert.equal(three(unready, used(3, 61)), "latch-cluster replacements");
  });

  test("keeps at most twenty in the status, the newest last", () => {
    const planned = plan(clusterWith({ ...fine(2), c: unready }, used(20, 300)), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    const { replacements } = planned.step.fields;
    const last = (replacements ?? []).slice(19);
    assert.deepEqual(
      last.map(({ memberName, time }) => [memberName, time]),
      [["etcd-c", context.now]],
    );
  });
});

describe("a member whose EtcdMember a person deleted", () => {
  const orphan = {
    id: "c1",
    name: "etcd-c",
    peerUrls: ["http://etcd-c.etcd-peers.prod.svc.cluster.local:2380"],
    isLearner: false,
  };

  test("is replaced as one that is lost", () => {
    const around = { strangers: [orphan], spec: { replicas: 3 } };
    assert.equal(next(healthy(2, around)), "latch-cluster replacements");
    assert.equal(next(healthy(2, { ...around, status: decided("etcd-c") })), "etcd remove c1");
  });

  test("is waited for where quorum would not survive it", () => {
    const observed = clusterWith(
      { a: {}, b: { pod: "unready" } },
      { strangers: [orphan], spec: { replicas: 3 } },
    );
    assert.equal(next(observed), "wait QuorumAtRisk");
  });

  test("of another naming is somebody else's, and nothing is done", () => {
    for (const url of [
      "http://other:2380",
      "http://etcd-c.etcd-peers.dev.svc.cluster.local:2380",
      "http://etcd2-c.etcd2-peers.prod.svc.cluster.local:2380",
      "http://etcd-c.etcd-peers.prod.svcx:2380",
    ]) {
      const observed = healthy(2, {
        strangers: [{ ...orphan, peerUrls: [url] }],
        spec: { replicas: 3 },
      });
      assert.equal(next(observed), "stuck UnknownMember", url);
    }
  });
});
