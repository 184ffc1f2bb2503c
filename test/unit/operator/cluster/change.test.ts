import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../../operator/cluster/plan.ts";
import { clusterWith, context, fine, healthy, minutesAgo, next, type Sketch } from "./lab.ts";

const old: Sketch = { isOutdated: true };

describe("a roll", () => {
  for (const [what, observed, expected] of [
    ["takes followers by name", clusterWith({ a: old, b: old, c: old }), "delete Pod etcd-b"],
    [
      "goes on with the next when all are well",
      clusterWith({ a: old, b: {}, c: old }),
      "delete Pod etcd-c",
    ],
    [
      "has the leader hand over before its turn",
      clusterWith({ a: old, b: { lag: 1 }, c: {} }),
      "etcd move-leader etcd-a c1",
    ],
    [
      "of equals, to the first by name",
      clusterWith({ a: old, b: {}, c: {} }),
      "etcd move-leader etcd-a b1",
    ],
    [
      "ends the one that led when it leads no more",
      clusterWith({ a: old, b: {}, c: {} }, { leader: "b" }),
      "delete Pod etcd-a",
    ],
    [
      "takes a pod first whose member is down anyway",
      clusterWith({ a: old, b: old, c: { ...old, pod: "unready", downSince: minutesAgo(1) } }),
      "delete Pod etcd-c",
    ],
    [
      "but not one that may only have stalled",
      clusterWith(
        { a: old, b: { pod: "absent" }, c: { ...old, pod: "unready", downSince: minutesAgo(0.9) } },
        { etcd: "unknown" },
      ),
      "create Pod etcd-b",
    ],
    [
      "nor while it may be needed",
      clusterWith(
        { a: old, b: { pod: "unready" }, c: { ...old, pod: "unready" } },
        { etcd: "unknown" },
      ),
      "wait PodNotReady",
    ],
    [
      "and that without waiting for anybody",
      clusterWith(
        { a: {}, b: { ...old, pod: "crashing" }, c: { ...old, pod: "pending" } },
        { etcd: "unknown" },
      ),
      "delete Pod etcd-b",
    ],
    [
      "is never two at once",
      clusterWith({ a: old, b: { pod: "absent" }, c: old }),
      "create Pod etcd-b",
    ],
    [
      "waits while one is ending",
      clusterWith({ a: old, b: { pod: "terminating" }, c: old }),
      "wait PodTerminating",
    ],
    [
      "waits while one does not answer, whatever its pod says",
      clusterWith({ a: old, b: { answers: false }, c: old }),
      "wait MemberNotServing",
    ],
    [
      "waits while etcd is not known",
      clusterWith({ a: old, b: old, c: old }, { etcd: "unknown" }),
      "wait EtcdUnreachable",
    ],
    [
      "waits while nobody leads",
      clusterWith({ a: old, b: old, c: old }, { leader: "z" }),
      "wait NoLeader",
    ],
    [
      "waits while a member joins",
      clusterWith(
        { a: old, b: old, c: {}, d: { role: "learner", lag: 50_000 } },
        { spec: { replicas: 5 } },
      ),
      "wait LearnerSyncing",
    ],
    [
      "waits for whoever defragments",
      clusterWith({ a: old, b: old, c: old }, { maintenance: "etcd-defrag-1" }),
      "wait MaintenanceRunning",
    ],
    [
      "of a single member just does it",
      clusterWith({ a: old }, { etcd: "unknown" }),
      "delete Pod etcd-a",
    ],
    [
      "of two goes by the leader last, too",
      clusterWith({ a: old, b: {} }, { spec: { allowEvenReplicas: true } }),
      "etcd move-leader etcd-a b1",
    ],
    [
      "stands still while a claim is deleted under a pod, and another member is added",
      clusterWith({ a: old, b: { volume: "going" }, c: old }),
      "create EtcdMember etcd-new",
    ],
    [
      "goes before a change of the number",
      clusterWith({ a: {}, b: old, c: {} }, { spec: { replicas: 5 } }),
      "delete Pod etcd-b",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("does not end a pod at once whose member answers, though it was started again and is not ready", () => {
    const podStatus = {
      phase: "Running",
      conditions: [{ type: "Ready", status: "False", lastTransitionTime: minutesAgo(1) }],
      containerStatuses: [{ started: true, restartCount: 1 }],
    };
    const c = { ...old, pod: "unready", podStatus } as const;
    assert.equal(
      next(clusterWith({ a: {}, b: {}, c: { ...c, answers: true } })),
      "wait PodNotReady",
    );
    assert.equal(next(clusterWith({ a: {}, b: {}, c })), "delete Pod etcd-c");
  });

  test("does not hand over to a follower that is behind", () => {
    const observed = clusterWith({ a: old, b: { lag: 6_000 }, c: {} });
    assert.equal(next(observed), "wait MembersNotReady");
  });
});

describe("the number of voters", () => {
  for (const [what, observed, expected] of [
    [
      "grows by an EtcdMember, which is only the intent",
      healthy(3, { spec: { replicas: 5 } }),
      "create EtcdMember etcd-new",
    ],
    [
      "grows only while all are well",
      clusterWith({ ...fine(2), c: { pod: "unready" } }, { spec: { replicas: 5 } }),
      "wait PodNotReady",
    ],
    [
      "shrinks by the newest",
      clusterWith({ a: {}, b: { createdAt: minutesAgo(1) }, c: {} }, { spec: { replicas: 1 } }),
      "etcd remove b1",
    ],
    [
      "of two of one age by the later name",
      healthy(3, { spec: { replicas: 1 } }),
      "etcd remove c1",
    ],
    [
      "by one that is not well first (EIO#463)",
      clusterWith({ a: {}, b: { pod: "unready" }, c: {} }, { spec: { replicas: 1 } }),
      "etcd remove b1",
    ],
    [
      "and not by one that is well while another is not",
      clusterWith({ ...fine(4), e: { pod: "unready" } }, { spec: { replicas: 3 } }),
      "etcd remove e1",
    ],
    [
      "has a leader that goes hand over first",
      healthy(3, { spec: { replicas: 1 }, leader: "c" }),
      "etcd move-leader etcd-c a1",
    ],
    [
      "from 3 to 1 not to a survivor that lags",
      clusterWith({ a: { lag: 9_000 }, b: {}, c: {} }, { spec: { replicas: 1 }, leader: "b" }),
      "wait MembersNotReady",
    ],
    ["from 2 to 1 on the way", healthy(2, { spec: { replicas: 1 } }), "etcd remove b1"],
    [
      "from 2 to 1 not without the second: it would take quorum along",
      clusterWith({ a: {}, b: { answers: false } }, { spec: { replicas: 1 } }),
      "wait MemberNotServing",
    ],
    ["is never even unless asked for", healthy(3, { spec: { replicas: 4 } }), "stuck EvenReplicas"],
    [
      "is even where asked for",
      healthy(3, { spec: { replicas: 4, allowEvenReplicas: true } }),
      "create EtcdMember etcd-new",
    ],
    ["stays even until somebody changes it", healthy(4), "done"],
    [
      "stays while somebody defragments",
      healthy(3, { spec: { replicas: 5 }, maintenance: "defrag" }),
      "wait MaintenanceRunning",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }
});

describe("a claim that somebody deleted under its pod", () => {
  const going: Sketch = { volume: "going" };
  test("is answered by another voter first, since the data lives as long as the pod", () => {
    assert.equal(next(clusterWith({ ...fine(2), c: going })), "create EtcdMember etcd-new");
    assert.equal(next(clusterWith({ a: going })), "create EtcdMember etcd-new");
  });

  test("and when that one is there, the member goes: its lead first", () => {
    const four = (leader: string): string =>
      next(clusterWith({ ...fine(3), c: going, d: {} }, { spec: { replicas: 3 }, leader }));
    assert.equal(four("a"), "etcd remove c1");
    assert.equal(four("c"), "etcd move-leader etcd-c a1");
    assert.equal(
      next(clusterWith({ a: going, b: {} }, { spec: { replicas: 1 } })),
      "etcd move-leader etcd-a b1",
    );
  });

  test("is told as long as nothing more can be done", () => {
    assert.equal(
      next(clusterWith({ a: going }, { etcd: "unknown" })),
      "stuck VolumeDeletionPending",
    );
  });

  test("keeps the pod even from hibernation", () => {
    const observed = clusterWith({ ...fine(2), c: going }, { spec: { replicas: 0 } });
    assert.equal(next(observed), "delete Pod etcd-b");
    const last = clusterWith(
      { a: { pod: "absent" }, b: { pod: "absent" }, c: going },
      { spec: { replicas: 0 }, etcd: "unknown" },
    );
    assert.equal(next(last), "stuck VolumeDeletionPending");
  });
});

describe("hibernation", () => {
  const asleep = { spec: { replicas: 0 } };
  for (const [what, observed, expected] of [
    ["ends the followers first", healthy(3, asleep), "delete Pod etcd-b"],
    [
      "one by one",
      clusterWith({ a: {}, b: { pod: "terminating" }, c: {} }, asleep),
      "wait PodTerminating",
    ],
    [
      "the leader last",
      clusterWith(
        { a: {}, b: { pod: "absent" }, c: { pod: "absent" } },
        { ...asleep, etcd: "unknown" },
      ),
      "delete Pod etcd-a",
    ],
    [
      "and then nothing",
      clusterWith({ a: { pod: "absent" }, b: { pod: "absent" } }, { ...asleep, etcd: "unasked" }),
      "done",
    ],
    [
      "wakes all members at once",
      clusterWith({ a: {}, b: { pod: "absent" }, c: { pod: "absent" } }, { etcd: "unknown" }),
      "create Pod etcd-b",
    ],
    [
      "is not begun before the birth is over",
      clusterWith(
        { a: { pod: "unready" } },
        { ...asleep, status: { clusterID: undefined } as never, etcd: "unknown" },
      ),
      "wait PodNotReady",
    ],
    [
      "waits for whoever defragments",
      healthy(3, { ...asleep, maintenance: "defrag" }),
      "wait MaintenanceRunning",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("never starts a member anew after it: its pod is told the cluster's id (DRUID#1022)", () => {
    const observed = clusterWith(
      { a: { pod: "absent" } },
      { etcd: "unasked", spec: { replicas: 3 } },
    );
    const planned = plan(observed, context);
    assert.ok(planned.kind === "step" && planned.step.kind === "create");
    const text = JSON.stringify(planned.step.object);
    assert.match(text, /--initial-cluster-state=existing/);
    assert.match(text, /--expected-cluster-id=c1/);
  });
});
