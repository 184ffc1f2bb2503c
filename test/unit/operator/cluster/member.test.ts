import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { PodView } from "../../../operator/model/views.ts";
import {
  clusterWith,
  context,
  fine,
  healthy,
  next,
  type Sketch,
  type Surroundings,
} from "./lab.ts";

const one = (a: Sketch, around: Surroundings = {}): Observed => clusterWith({ a }, around);
const argsIn = (observed: Observed): string => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "step" && planned.step.kind === "create", next(observed));
  return (planned.step.object as PodView).spec.containers[0].args.join(" ");
};
const unasked = { etcd: "unasked" } as const;

describe("the volume of the only member", () => {
  for (const [what, observed, expected] of [
    ["that is gone", one({ volume: "gone" }), "stuck VolumeLost"],
    ["that is another one", one({ volume: "other", pod: "absent" }, unasked), "stuck VolumeLost"],
    [
      "that never was",
      one({ volume: "never", pod: "absent" }, unasked),
      "create PersistentVolumeClaim data-etcd-a",
    ],
    [
      "that is deleted while its pod holds it, and no list is known",
      one({ volume: "going" }, { etcd: "unknown" }),
      "stuck VolumeDeletionPending",
    ],
    [
      "that is deleted, with a pod that would be replaced",
      one({ volume: "going", isOutdated: true }, { etcd: "unknown" }),
      "stuck VolumeDeletionPending",
    ],
    [
      "that is deleted, without a pod",
      one({ volume: "going", pod: "absent" }, unasked),
      "stuck VolumeDeletionPending",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("is latched before the pod is", () => {
    const observed = one({ volume: "own", pod: "absent" }, unasked);
    const [seen] = observed.members;
    const member = { ...seen!.member, status: { memberID: "a1" } };
    const unlatched = { ...observed, members: [{ ...seen!, member }] };
    assert.equal(next(unlatched), "latch-member volumeClaimUID");
    const going = one({ volume: "going", pod: "absent" }, unasked).members[0]!.volumeClaim;
    assert.equal(
      next({ ...unlatched, members: [{ ...seen!, member, volumeClaim: going }] }),
      "wait VolumeTerminating",
    );
  });

  test("is released from the cluster when the policy becomes Retain, and owned when it becomes Delete", () => {
    const reclaim = { onScaleDown: "Delete", onClusterDelete: "Delete" } as const;
    const planned = plan(healthy(1, { spec: { storage: { size: "8Gi", reclaim } } }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "apply");
    assert.equal(planned.step.object.kind, "PersistentVolumeClaim");
    assert.equal(planned.step.object.metadata.ownerReferences?.length, 1);
    const owned = healthy(1);
    const [seen] = owned.members;
    const { ownerReferences } = planned.step.object.metadata;
    const volumeClaim = {
      ...seen!.volumeClaim!,
      metadata: { ...seen!.volumeClaim!.metadata, ownerReferences: ownerReferences },
    };
    const released = plan({ ...owned, members: [{ ...seen!, volumeClaim }] }, context);
    assert.ok(released.kind === "step" && released.step.kind === "apply");
    assert.equal(released.step.object.metadata.ownerReferences, undefined);
  });
});

describe("a pod", () => {
  const image = { repository: "localhost/etcd-ts", tag: "2.0" };
  for (const [what, observed, expected] of [
    ["missing", one({ pod: "absent" }, unasked), "create Pod etcd-a"],
    ["ended", one({ pod: "failed" }, unasked), "delete Pod etcd-a"],
    ["ending", one({ pod: "terminating", isOutdated: true }), "wait PodTerminating"],
    ["of another template", one({ isOutdated: true }), "delete Pod etcd-a"],
    ["of another image: the member first", one({}, { spec: { image } }), "apply EtcdMember etcd-a"],
    [
      "missing, of another image: the member first",
      one({ pod: "absent" }, { ...unasked, spec: { image } }),
      "apply EtcdMember etcd-a",
    ],
    ["not scheduled", one({ pod: "pending" }, unasked), "wait PodPending"],
    ["not ready", one({ pod: "unready" }, { etcd: "unknown" }), "wait PodNotReady"],
    [
      "of an EtcdMember under deletion",
      one({ pod: "absent", isGoing: true }, unasked),
      "wait MemberTerminating",
    ],
    ["ready, while etcd does not answer", healthy(1, { etcd: "unknown" }), "wait EtcdUnreachable"],
    ["ready, while nobody was asked", healthy(1, unasked), "wait EtcdUnreachable"],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("stays as it is when the operator gets another default image and domain", () => {
    const upgraded = { ...context, defaultImage: "localhost/etcd-ts:9", clusterDomain: "other" };
    assert.equal(next(healthy(3), upgraded), "done");
    assert.equal(
      next(healthy(3, { spec: { image: { repository: "localhost/etcd-ts" } } }), upgraded),
      "done",
    );
  });

  test("is deleted by the uid that was seen", () => {
    const planned = plan(one({ isOutdated: true }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "delete");
    assert.equal(planned.step.object.metadata.uid, "pod-etcd-a");
  });
});

describe("after a stop of everything", () => {
  test("all pods are made, whether others are ready, ending or not to be had", () => {
    const down = { pod: "absent" } as const;
    assert.equal(next(clusterWith({ a: down, b: down, c: down }, unasked)), "create Pod etcd-a");
    assert.equal(
      next(clusterWith({ a: { pod: "pending" }, b: down, c: down }, unasked)),
      "create Pod etcd-b",
    );
    const mixed = { a: { pod: "terminating" }, b: { pod: "crashing" }, c: down } as const;
    assert.equal(next(clusterWith(mixed, { etcd: "unknown" })), "create Pod etcd-c");
    const lost = { a: { pod: "unready" }, b: { volume: "gone", pod: "absent" }, c: down } as const;
    assert.equal(next(clusterWith(lost, { etcd: "unknown" })), "create Pod etcd-c");
  });

  test("so are volumes, and pods that have ended are replaced", () => {
    const members = { a: { pod: "terminating" }, b: { pod: "failed" }, c: {} } as const;
    assert.equal(next(clusterWith(members, { etcd: "unknown" })), "delete Pod etcd-b");
  });
});

describe("the initial cluster of a pod", () => {
  const unborn = { status: { clusterID: undefined } as never, ...unasked };

  test("is new for the seed of a cluster without an id", () => {
    assert.match(argsIn(one({ pod: "absent", id: null }, unborn)), /--initial-cluster-state=new/);
  });

  test("is existing for a cluster with an id, though the member's was not latched yet, and says which cluster", () => {
    const args = argsIn(one({ pod: "absent", id: null }, unasked));
    assert.match(args, /--initial-cluster-state=existing/);
    assert.match(args, /--expected-cluster-id=c1/);
  });

  test("is existing for a member with an id", () => {
    assert.match(argsIn(one({ pod: "absent" }, unborn)), /--initial-cluster-state=existing/);
  });

  test("is etcd's list, and not the EtcdMembers, where it is known (COZY#336)", () => {
    const removed = { role: "unlisted", id: "d1", pod: "terminating" } as const;
    const args = argsIn(
      clusterWith({ ...fine(2), c: { pod: "absent" }, d: removed }, { spec: { replicas: 3 } }),
    );
    const flag = /--initial-cluster=(\S+)/.exec(args)![1]!;
    assert.deepEqual(
      flag.split(",").map((part) => part.split("=")[0]),
      ["etcd-a", "etcd-b", "etcd-c"],
    );
  });

  test("is not made up for a member that has no id yet", () => {
    const joining = one(
      { pod: "absent", id: null, bootstrap: "JoinExisting", role: "unlisted", volume: "own" },
      { etcd: "unknown" },
    );
    assert.equal(next(joining), "wait MemberNotListed");
  });
});
