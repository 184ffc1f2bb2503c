import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  EtcdClusterSpec,
  EtcdClusterStatus,
} from "../../../../operator/api/v1alpha1/types.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { clusterWith, context, healthy, next, now, type Sketch, type Surroundings } from "./lab.ts";

const rest = healthy(1);
const withMetadata = <Thing extends KubernetesObject>(
  object: Thing,
  metadata: Partial<KubernetesObject["metadata"]>,
): Thing => ({ ...object, metadata: { ...object.metadata, ...metadata } });
/** The status as a whole, with nothing latched but this. */
const withStatus = (observed: Observed, status: EtcdClusterStatus): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, status },
});
const withSpec = (observed: Observed, spec: Partial<EtcdClusterSpec>): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, spec: { ...observed.cluster.spec, ...spec } },
});
const nobody = clusterWith({}, { etcd: "unasked", spec: { replicas: 1 } });

describe("hands off", () => {
  for (const [what, observed, expected] of [
    [
      "a cluster under deletion",
      {
        ...healthy(1, { spec: { paused: true } }),
        cluster: withMetadata(healthy(1, { spec: { paused: true } }).cluster, {
          deletionTimestamp: now,
        }),
        clientService: undefined,
      },
      "done",
    ],
    [
      "a paused cluster",
      { ...healthy(3, { spec: { paused: true } }), peersService: undefined },
      "wait Paused",
    ],
    [
      "a cluster whose names are taken",
      { ...rest, foreign: ["Service etcd-peers"], peersService: undefined },
      "stuck ForeignObject",
    ],
    [
      "a flag that the operator sets",
      withSpec(rest, { etcd: { extraArgs: { "initial-cluster-state": "new" } } }),
      "stuck ReservedFlag",
    ],
  ] as const) {
    test(`from ${what}`, () => assert.equal(next(observed), expected));
  }

  test("the message about names that are taken says which", () => {
    const planned = plan({ ...rest, foreign: ["Service a", "Pod b"] }, context);
    assert.ok(planned.kind === "stuck" && planned.message.includes("Service a, Pod b"));
  });
});

describe("Services", () => {
  for (const [what, observed, expected] of [
    ["missing", { ...rest, clientService: undefined }, "apply Service etcd-client"],
    [
      "changed by the spec",
      {
        ...healthy(1, { spec: { services: { client: { type: "NodePort" } } } }),
        clientService: rest.clientService,
      },
      "apply Service etcd-client",
    ],
    [
      "changed by somebody",
      { ...rest, peersService: { ...rest.peersService!, spec: {} } },
      "apply Service etcd-peers",
    ],
    [
      "being deleted",
      { ...rest, clientService: withMetadata(rest.clientService!, { deletionTimestamp: now }) },
      "wait ServiceTerminating",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("being deleted keep nobody from being brought up", () => {
    const observed = clusterWith({ a: {}, b: { pod: "absent" }, c: {} });
    const clientService = withMetadata(observed.clientService!, { deletionTimestamp: now });
    assert.equal(next({ ...observed, clientService }), "create Pod etcd-b");
  });
});

describe("the seed", () => {
  for (const [what, observed, expected] of [
    [
      "a name is latched before anything of it exists",
      withStatus(nobody, {}),
      "latch-cluster seedMember",
    ],
    [
      "the latched name is the one that is created",
      withStatus(nobody, { seedMember: "etcd-first" }),
      "create EtcdMember etcd-first",
    ],
    ["a cluster that lived is never started anew", nobody, "stuck MembersLost"],
    [
      "nobody starts it in the place of the one that was chosen",
      withStatus(rest, { seedMember: "etcd-other" }),
      "stuck SeedMismatch",
    ],
    [
      "nor one whose seed was forgotten",
      withStatus(nobody, { clusterID: "c1" }),
      "stuck MembersLost",
    ],
    [
      "a birth that has begun is finished before the cluster may sleep",
      withStatus(clusterWith({}, { etcd: "unasked", spec: { replicas: 0 } }), {
        seedMember: "etcd-a",
      }),
      "create EtcdMember etcd-a",
    ],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("of a cluster whose status was emptied is the member that is there", () => {
    const planned = plan(withStatus(rest, {}), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.deepEqual(planned.step.fields, { seedMember: "etcd-a" });
  });
});

describe("identity", () => {
  const own = (changes: Sketch, around: Surroundings = {}): Observed =>
    clusterWith({ a: changes }, around);
  const unlatched = (observed: Observed): Observed =>
    withStatus(observed, { seedMember: "etcd-a" });
  const stranger = { id: "bad", name: "", peerUrls: ["http://other:2380"], isLearner: true };
  for (const [what, observed, expected] of [
    [
      "the cluster id is latched from etcd",
      unlatched(own({ id: null })),
      "latch-cluster clusterID",
    ],
    ["not from silence", unlatched(own({ id: null }, { etcd: "unknown" })), "wait EtcdUnreachable"],
    [
      "not from a list with others in it",
      unlatched(own({ id: null }, { strangers: [stranger] })),
      "stuck UnknownMember",
    ],
    [
      "not from an empty list",
      unlatched(own({ id: null, role: "unlisted", pod: "ready", volume: "own", answers: true })),
      "wait EtcdUnreachable",
    ],
    ["the member id is latched after it", own({ id: null }), "latch-member memberID"],
    ["another cluster id", healthy(3, { status: { clusterID: "c2" } }), "stuck ClusterIDMismatch"],
    ["another id of our member", own({ listedId: "a2" }), "stuck MemberIDMismatch"],
    [
      "an id that a late request added anew: it never started, and goes",
      clusterWith(
        { a: {}, b: { role: "learner", listedId: "b2", listedName: "" } },
        { spec: { replicas: 3 } },
      ),
      "etcd remove b2",
    ],
    ["a member that is not ours", healthy(3, { strangers: [stranger] }), "stuck UnknownMember"],
  ] as const) {
    test(what, () => assert.equal(next(observed), expected));
  }

  test("another cluster id in the answer of one member, also while there is no list", () => {
    const observed = healthy(3, { etcd: "unknown", status: { clusterID: "c2" } });
    assert.equal(next(observed), "stuck ClusterIDMismatch");
  });
});
