/** A leader that is to go and does not hand over: it is asked for two minutes, by a time that is written down, and then goes as it is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterStatus } from "../../../../operator/api/v1alpha1/types.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { Step } from "../../../../operator/cluster/step.ts";
import { clusterWith, context, fine, minutesAgo, next, type Sketch } from "./lab.ts";

const old: Sketch = { isOutdated: true };
const asked = (minutes: number, podUID = "pod-etcd-a"): EtcdClusterStatus => ({
  handOver: { memberName: "etcd-a", podUID, raftTerm: 2, since: minutesAgo(minutes) },
});
const rolling = (status: EtcdClusterStatus = {}) =>
  clusterWith({ a: old, b: {}, c: {} }, { status });
const stepOf = (observed: ReturnType<typeof rolling>): Step => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "step", planned.kind);
  return planned.step;
};

describe("a leader that is to be rolled", () => {
  test("is asked to hand over, and that is written down with the first request", () => {
    const step = stepOf(rolling());
    assert.ok(step.kind === "etcd" && step.request.kind === "move-leader");
    assert.deepEqual(step.first, {
      handOver: { memberName: "etcd-a", podUID: "pod-etcd-a", raftTerm: 2, since: context.now },
    });
  });

  test("is asked again, and the time stays that of the first", () => {
    const step = stepOf(rolling(asked(1.9)));
    assert.ok(step.kind === "etcd" && step.request.kind === "move-leader");
    assert.equal(step.first, undefined);
  });

  test("is ended as it is after two minutes, and the event says so", () => {
    const step = stepOf(rolling(asked(2)));
    assert.equal(next(rolling(asked(2))), "delete Pod etcd-a");
    assert.match(step.message, /asked for 2 minutes to hand over/);
  });

  test("is asked anew where what is written is of another pod, another member, another term, or of long ago", () => {
    const other = { handOver: { ...asked(5).handOver!, memberName: "etcd-b" } };
    const before = { handOver: { ...asked(5).handOver!, raftTerm: 1 } };
    for (const status of [asked(5, "pod-before"), other, before, asked(31)]) {
      const step = stepOf(rolling(status));
      assert.ok(step.kind === "etcd" && step.request.kind === "move-leader");
      assert.equal(step.first?.handOver?.since, context.now);
    }
  });

  test("goes last and when all are well all the same", () => {
    assert.equal(
      next(clusterWith({ a: old, b: old, c: {} }, { status: asked(5) })),
      "delete Pod etcd-b",
    );
    assert.equal(
      next(clusterWith({ a: old, b: { pod: "unready" }, c: {} }, { status: asked(5) })),
      "wait PodNotReady",
    );
  });

  test("and whose successor is not fit is not ended", () => {
    const observed = clusterWith({ a: old, b: { lag: 6_000 }, c: {} }, { status: asked(5) });
    assert.equal(next(observed), "wait MembersNotReady");
  });
});

describe("a leader that is to be removed", () => {
  const newest = { createdAt: minutesAgo(1) };
  const scaled = (status: EtcdClusterStatus) =>
    clusterWith({ a: newest, b: {}, c: {} }, { spec: { replicas: 1 }, status });

  test("hands over first", () => {
    assert.equal(next(scaled({})), "etcd move-leader etcd-a b1");
    assert.equal(next(scaled(asked(1))), "etcd move-leader etcd-a b1");
  });

  test("is removed although it leads after two minutes, and the event says so", () => {
    assert.equal(next(scaled(asked(2))), "etcd remove a1");
    assert.match(
      stepOf(scaled(asked(2))).message,
      /3 voters are 2 more than wanted; it still leads/,
    );
  });

  test("is not removed while the others are no quorum", () => {
    const observed = clusterWith(
      { a: newest, b: { pod: "unready" }, c: {} },
      { spec: { replicas: 1 }, status: asked(5) },
    );
    assert.notEqual(next(observed), "etcd remove a1");
  });

  test("because its data differs is removed too", () => {
    const hash = { revision: 9, compactRevision: 1 };
    const status = {
      ...asked(3),
      replacements: [
        {
          memberName: "etcd-a",
          time: minutesAgo(4),
          reason: "its data differs from what a quorum has",
        },
      ],
    };
    const observed = clusterWith(fine(3), {
      status,
      alarms: [{ memberId: "a1", kind: "Corrupt" }],
      hashes: { a: { ...hash, hash: 1 }, b: { ...hash, hash: 2 }, c: { ...hash, hash: 2 } },
    });
    assert.equal(next(observed), "etcd remove a1");
  });
});

describe("the pod of a roll", () => {
  const isEvicted = (observed: ReturnType<typeof rolling>): boolean => {
    const step = stepOf(observed);
    assert.ok(step.kind === "delete", step.kind);
    assert.equal(step.object.kind, "Pod");
    return step.isEviction === true;
  };

  test("goes by way of the disruption budget where that lets one go", () => {
    assert.ok(isEvicted(clusterWith({ a: {}, b: old, c: {} })));
    assert.ok(isEvicted(clusterWith({ a: {}, b: old, c: {}, d: {}, e: {} })));
    assert.ok(isEvicted(rolling(asked(2))));
  });

  test("is deleted where the budget lets nobody take one: alone, of two, or before a change of the number", () => {
    assert.ok(!isEvicted(clusterWith({ a: old })));
    const two = { spec: { allowEvenReplicas: true } };
    assert.ok(!isEvicted(clusterWith({ a: {}, b: old }, two)));
    assert.ok(!isEvicted(clusterWith({ a: {}, b: old, c: {} }, { spec: { replicas: 5 } })));
    assert.ok(!isEvicted(clusterWith({ a: {}, b: old, c: {} }, { spec: { replicas: 1 } })));
  });

  test("is deleted when its member is down, since a budget has no say in that", () => {
    assert.ok(!isEvicted(clusterWith({ a: {}, b: {}, c: { ...old, pod: "crashing" } })));
  });

  test("for sleep is deleted", () => {
    assert.ok(!isEvicted(clusterWith(fine(3), { spec: { replicas: 0 } })));
  });
});
