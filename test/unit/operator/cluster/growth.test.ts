/** A larger spec.storage.size comes to the claims that are there: one after the other, where their class allows it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../../operator/cluster/plan.ts";
import { growthOf } from "../../../../operator/cluster/volume-growth.ts";
import { requestedSizeOf } from "../../../../operator/resources/volume-claim.ts";
import { defaultSpec } from "../../../operator/model/objects.ts";
import {
  type ClaimSketch,
  clusterWith,
  context,
  minutesAgo,
  next,
  type Sketch,
  type Surroundings,
} from "./lab.ts";

const small: Sketch = { claim: { requested: "8Gi" } };
const large: Sketch = { claim: { requested: "16Gi" } };
const growing: Sketch = { claim: { requested: "16Gi", capacity: "8Gi" } };
const around: Surroundings = {
  spec: { storage: { ...defaultSpec.storage, size: "16Gi" } },
  storageClasses: { fast: true },
};
const grown = (members: Readonly<Record<string, Sketch>>, more: Surroundings = {}) =>
  clusterWith(members, {
    ...around,
    ...more,
    spec: { replicas: Object.keys(members).length, ...around.spec, ...more.spec },
  });
const held = (observed: ReturnType<typeof grown>): string => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "wait" || planned.kind === "stuck", planned.kind);
  return planned.message;
};

describe("claims that are smaller than wanted", () => {
  for (const [what, observed, expected] of [
    [
      "grow, followers first",
      grown({ a: small, b: small, c: small }),
      "apply PersistentVolumeClaim data-etcd-b",
    ],
    [
      "the next when the one before has its size",
      grown({ a: small, b: large, c: small }),
      "apply PersistentVolumeClaim data-etcd-c",
    ],
    [
      "the leader's last",
      grown({ a: small, b: large, c: large }),
      "apply PersistentVolumeClaim data-etcd-a",
    ],
    [
      "and nobody's beside one that grows",
      grown({ a: small, b: growing, c: small }),
      "wait VolumeResizing",
    ],
    ["and then nothing is left to do", grown({ a: large, b: large, c: large }), "done"],
    [
      "that grew by hand to more than wanted stay",
      grown({ a: { claim: { requested: "1Ti" } } }),
      "done",
    ],
    ["grow in a cluster of one", grown({ a: small }), "apply PersistentVolumeClaim data-etcd-a"],
    [
      "wait while a voter is not ready",
      grown({ a: small, b: { ...small, pod: "unready" }, c: small }),
      "wait PodNotReady",
    ],
    [
      "wait while a member joins",
      grown(
        { a: small, b: small, c: small, d: { role: "learner", lag: 50_000 } },
        { spec: { replicas: 5 } },
      ),
      "wait LearnerSyncing",
    ],
    [
      "wait for whoever defragments",
      grown({ a: small, b: small, c: small }, { maintenance: "defrag" }),
      "wait MaintenanceRunning",
    ],
    [
      "wait for a roll",
      grown({ a: small, b: { ...small, isOutdated: true }, c: small }),
      "delete Pod etcd-b",
    ],
    [
      "grow at once when their member is down: room may be what it lacks",
      grown({ a: small, b: growing, c: { ...small, pod: "unready", downSince: minutesAgo(2) } }),
      "apply PersistentVolumeClaim data-etcd-c",
    ],
    [
      "stay while the cluster sleeps",
      grown({ a: { ...small, pod: "absent" } }, { spec: { replicas: 0 }, etcd: "unasked" }),
      "done",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("are asked for with the new size and with their owner, by uid", () => {
    const planned = plan(grown({ a: small }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "apply");
    const { object } = planned.step;
    assert.equal(requestedSizeOf(object), "16Gi");
    assert.equal(object.metadata.uid, "claim-etcd-a");
    assert.equal(planned.step.reason, "GrowingVolume");
    assert.match(planned.step.message, /data-etcd-a of member etcd-a is grown from 8Gi to 16Gi/);
  });

  test("that are not bound yet cannot grow, and are waited for as ever", () => {
    const pending: ClaimSketch = { requested: "8Gi", status: { phase: "Pending" } };
    assert.equal(
      next(grown({ a: { claim: pending, pod: "pending" } }, { etcd: "unasked" })),
      "wait PodPending",
    );
  });
});

describe("a class that lets no claim grow", () => {
  test("is named, with what can be done, and nothing is asked of the API server", () => {
    const observed = grown({ a: small, b: small, c: large }, { storageClasses: { fast: false } });
    assert.equal(next(observed), "stuck VolumeNotExpandable");
    assert.match(
      held(observed),
      /data-etcd-a, data-etcd-b are smaller; their StorageClass fast does not allow it: set allowVolumeExpansion/,
    );
    assert.match(held(observed), /kubectl delete etcdmember/);
  });

  test("or that is gone is told so", () => {
    assert.match(
      held(grown({ a: small }, { storageClasses: {} })),
      /StorageClass fast does not exist any more/,
    );
    const bare = { claim: { requested: "8Gi", className: "" } };
    assert.match(held(grown({ a: bare })), /no StorageClass that could grow them/);
  });

  test("holds up no other change", () => {
    const closed = { storageClasses: { fast: false } };
    assert.equal(
      next(grown({ a: small, b: { ...small, isOutdated: true }, c: small }, closed)),
      "delete Pod etcd-b",
    );
    assert.equal(
      next(grown({ a: small, b: small, c: small }, { ...closed, spec: { replicas: 5 } })),
      "create EtcdMember etcd-new",
    );
  });

  test("does not keep claims of another class from growing", () => {
    const other = { claim: { requested: "8Gi", className: "slow" } };
    const observed = grown(
      { a: small, b: other },
      { spec: { allowEvenReplicas: true }, storageClasses: { fast: true, slow: false } },
    );
    assert.equal(next(observed), "apply PersistentVolumeClaim data-etcd-a");
  });
});

describe("a claim whose growing Kubernetes has given up", () => {
  const failed = (state: string, conditions: readonly object[] = []): Sketch => ({
    claim: {
      requested: "16Gi",
      capacity: "8Gi",
      status: {
        phase: "Bound",
        capacity: { storage: "8Gi" },
        allocatedResourceStatuses: { storage: state },
        conditions,
      },
    },
  });

  for (const state of ["ControllerResizeInfeasible", "NodeResizeInfeasible"]) {
    test(`(${state}) is told with its own words, and the others stay as they are`, () => {
      const told = { type: "ControllerResizeError", status: "True", message: "pool is full" };
      const observed = grown({ a: small, b: failed(state, [told]), c: small });
      assert.equal(next(observed), "stuck VolumeResizeFailed");
      assert.match(
        held(observed),
        new RegExp(`data-etcd-b cannot be grown to 16Gi: ${state}: pool is full`),
      );
    });
  }

  test("is no failure once it has grown after all", () => {
    const claim = {
      requested: "16Gi",
      status: { allocatedResourceStatuses: { storage: "NodeResizeInfeasible" } },
    };
    assert.equal(next(grown({ a: { claim } })), "done");
  });
});

describe("a file system that is left to grow", () => {
  const pending = (minutes: number, podCreatedAt: string, isOldCondition = false): Sketch => ({
    podCreatedAt,
    claim: {
      requested: "16Gi",
      capacity: "8Gi",
      status: {
        conditions: [
          {
            type: "FileSystemResizePending",
            status: isOldCondition ? "False" : "True",
            lastTransitionTime: minutesAgo(minutes),
          },
        ],
      },
    },
  });
  const yesterday = minutesAgo(1_440);

  test("is left to the kubelet at first", () => {
    assert.equal(
      next(grown({ a: large, b: pending(4.9, yesterday), c: large })),
      "wait VolumeResizing",
    );
  });

  test("gets a restart of its pod as a step of a roll when that does not come to it", () => {
    const observed = grown({ a: large, b: pending(5, yesterday), c: large });
    const planned = plan(observed, context);
    assert.equal(next(observed), "delete Pod etcd-b");
    assert.ok(planned.kind === "step" && planned.step.kind === "delete" && planned.step.isEviction);
    assert.match(planned.step.message, /its volume has grown/);
  });

  test("but one only: a pod that was made since has not helped", () => {
    assert.equal(
      next(grown({ a: large, b: pending(30, minutesAgo(20)), c: large })),
      "wait VolumeResizing",
    );
  });

  test("does not restart a pod while others are not well, and the leader hands over first", () => {
    assert.equal(
      next(grown({ a: large, b: pending(5, yesterday), c: { ...large, pod: "unready" } })),
      "wait PodNotReady",
    );
    assert.equal(
      next(grown({ a: pending(5, yesterday), b: large, c: large })),
      "etcd move-leader etcd-a b1",
    );
  });

  test("is over when the condition is", () => {
    const { cluster, members } = grown({ a: pending(5, yesterday, true) });
    assert.deepEqual(growthOf(cluster, members[0]?.volumeClaim), { kind: "resizing" });
  });
});
