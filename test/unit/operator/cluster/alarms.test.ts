import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { EtcdClusterStatus } from "../../../../operator/api/v1alpha1/types.ts";
import type { StoreHash } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
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

const hash = (value: number, at: Partial<StoreHash> = {}): StoreHash => ({
  revision: 100,
  compactRevision: 10,
  hash: value,
  ...at,
});

describe("alarm CORRUPT", () => {
  const corrupt = { memberId: "c1", kind: "Corrupt" } as const;
  const decided: EtcdClusterStatus = {
    replacements: [
      {
        memberName: "etcd-c",
        time: minutesAgo(1),
        reason: "its data differs from what a quorum has at the same revision",
      },
    ],
  };
  const compared = (...values: readonly number[]): Surroundings => ({
    alarms: [corrupt],
    hashes: Object.fromEntries(values.map((value, at) => ["abcde"[at]!, hash(value)])),
  });

  for (const [what, replicas, around, expected] of [
    ["one of three differs", 3, compared(1, 1, 2), "latch-cluster replacements"],
    [
      "one of three differs, and it is decided",
      3,
      { ...compared(1, 1, 2), status: decided },
      "etcd remove c1",
    ],
    [
      "the leader differs",
      3,
      {
        ...compared(2, 1, 1),
        status: { replacements: [{ ...decided.replacements![0]!, memberName: "etcd-a" }] },
      },
      "etcd move-leader etcd-a b1",
    ],
    ["two of five differ", 5, compared(1, 1, 1, 2, 2), "stuck Corrupt"],
    ["two of three differ", 3, compared(1, 2, 3), "stuck Corrupt"],
    ["one of two differs: no quorum agrees", 2, compared(1, 2), "stuck Corrupt"],
    [
      "of another revision nothing follows",
      3,
      { ...compared(1, 1), hashes: { a: hash(1), b: hash(1), c: hash(2, { revision: 99 }) } },
      "wait ComparingData",
    ],
    [
      "nor of another compaction",
      3,
      { ...compared(1, 1), hashes: { a: hash(1), b: hash(1), c: hash(2, { compactRevision: 9 }) } },
      "wait ComparingData",
    ],
    ["nor while one is not compared", 3, compared(1, 1), "wait ComparingData"],
    ["all agree, and the accused is there", 3, compared(1, 1, 1), "stuck Corrupt"],
    [
      "all agree, and the accused is gone",
      3,
      { ...compared(1, 1, 1), alarms: [{ memberId: "f9", kind: "Corrupt" }] },
      "etcd disarm f9 Corrupt",
    ],
  ] as readonly (readonly [string, number, Surroundings, string])[]) {
    test(what, () => assert.equal(next(healthy(replicas, around)), expected));
  }

  test("keeps the volume of the one that was replaced, whatever the policy", () => {
    const removed = { ...fine(2), c: { role: "unlisted", id: "c1" } } as const;
    const around = { spec: { replicas: 3 }, status: decided };
    assert.equal(next(clusterWith(removed, around)), "delete EtcdMember etcd-c");
    assert.equal(
      next(clusterWith(removed, { spec: { replicas: 3 } })),
      "delete PersistentVolumeClaim data-etcd-c",
    );
  });

  test("lets nothing else be healed: the volume that goes might be the right one", () => {
    const c = { pod: "unready", downSince: minutesAgo(9) } as const;
    assert.equal(next(clusterWith({ ...fine(2), c }, compared(1, 2))), "wait ComparingData");
  });

  test("is removed only where quorum survives it", () => {
    const observed = clusterWith(
      { a: {}, b: {}, c: { leaderId: "" } },
      { ...compared(1, 2, 1), spec: { replicas: 3 } },
    );
    assert.equal(next(observed), "wait QuorumAtRisk");
  });

  test("lets nobody be rolled or added", () => {
    assert.equal(
      next(healthy(3, { ...compared(1, 2, 3), spec: { replicas: 5 } })),
      "stuck Corrupt",
    );
  });
});

describe("alarm NOSPACE", () => {
  const full = 2 ** 31;
  const alarms = [{ memberId: "b1", kind: "NoSpace" }] as const;
  const work = (
    spaceRecovery: EtcdClusterStatus["spaceRecovery"],
    b: Sketch = {},
    around: Surroundings = {},
  ): ReturnType<typeof clusterWith> =>
    clusterWith(
      { ...fine(3), b },
      { alarms, ...around, ...(spaceRecovery === undefined ? {} : { status: { spaceRecovery } }) },
    );
  const at = (
    phase: "Compacting" | "Defragmenting" | "Disarming",
    defragmented: readonly string[] = [],
    minutes = 1,
  ) => ({ phase, startedAt: minutesAgo(minutes), compactRevision: 5_000, defragmented });

  for (const [what, observed, expected] of [
    ["is begun by a note of it", work(undefined), "latch-cluster spaceRecovery"],
    ["compacts to the revision that was noted", work(at("Compacting")), "etcd compact 5000"],
    ["defragments followers by name", work(at("Defragmenting")), "etcd defragment etcd-b"],
    ["one after the other", work(at("Defragmenting", ["etcd-b"])), "etcd defragment etcd-c"],
    ["the leader last", work(at("Defragmenting", ["etcd-b", "etcd-c"])), "etcd defragment etcd-a"],
    [
      "then disarms",
      work(at("Defragmenting", ["etcd-a", "etcd-b", "etcd-c"])),
      "latch-cluster spaceRecovery",
    ],
    ["where there is room", work(at("Disarming")), "etcd disarm b1 NoSpace"],
    [
      "where there is none, a person is needed",
      work(at("Disarming"), { dbSizeBytes: 0.95 * full }),
      "stuck NoSpace",
    ],
    [
      "and it is tried again after ten minutes",
      work(at("Disarming", [], 11), { dbSizeBytes: full }),
      "latch-cluster spaceRecovery",
    ],
    [
      "a quota that was raised counts after the roll",
      work(at("Disarming"), { isOutdated: true }),
      "delete Pod etcd-b",
    ],
    [
      "waits while a member is away: a second one would cost quorum",
      work(at("Defragmenting"), { pod: "unready" }),
      "wait PodNotReady",
    ],
    [
      "waits for whoever defragments",
      work(at("Defragmenting"), {}, { maintenance: "defrag" }),
      "wait MaintenanceRunning",
    ],
    [
      "is over when the alarm is",
      work(at("Disarming"), {}, { alarms: [] }),
      "latch-cluster spaceRecovery",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("notes what was done along with the request that did it", () => {
    const planned = plan(work(at("Defragmenting", ["etcd-b"])), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "etcd");
    assert.deepEqual(planned.step.then?.spaceRecovery?.defragmented, ["etcd-b", "etcd-c"]);
    const compacting = plan(work(at("Compacting")), context);
    assert.ok(compacting.kind === "step" && compacting.step.kind === "etcd");
    assert.equal(compacting.step.then?.spaceRecovery?.phase, "Defragmenting");
  });

  test("ends with no trace in the status", () => {
    const planned = plan(work(at("Disarming"), {}, { alarms: [] }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.equal(planned.step.fields.spaceRecovery, null);
  });
});
