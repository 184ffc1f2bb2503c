import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  EtcdClusterSpec,
  EtcdClusterStatus,
} from "../../../../operator/api/v1alpha1/types.ts";
import type { EtcdView, ListedMember, Observed } from "../../../../operator/cluster/observed.ts";
import { plan } from "../../../../operator/cluster/plan.ts";
import type { Plan } from "../../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { context, defaultSpec } from "../../../operator/model/objects.ts";
import {
  forgetting,
  settled,
  wayToRest,
  withMember,
  withMetadata,
} from "../../../operator/model/settled.ts";
import type { PodView } from "../../../operator/model/views.ts";
import { contextOf, emptyWorld, observe } from "../../../operator/model/world.ts";

const rest = settled(defaultSpec);
const going = "2026-01-01T00:00:00Z";
const own = rest.etcd.kind === "known" ? rest.etcd.list[0]! : assert.fail("known");
const stranger: ListedMember = {
  id: "bad",
  name: "",
  peerUrls: ["http://other:2380"],
  isLearner: true,
};

/** What the plan comes to, in short. */
function brief(planned: Plan): string {
  if (planned.kind === "done") return "done";
  if (planned.kind !== "step") return `${planned.kind} ${planned.reason}`;
  const { step } = planned;
  if (step.kind === "latch-cluster" || step.kind === "latch-member") {
    return `${step.kind} ${Object.keys(step.fields).join()}`;
  }
  return `${step.kind} ${step.object.kind} ${step.object.metadata.name}`;
}

const withSpec = (spec: Partial<EtcdClusterSpec>, observed = rest): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, spec: { ...observed.cluster.spec, ...spec } },
});
const withStatus = (status: EtcdClusterStatus, observed = rest): Observed => ({
  ...observed,
  cluster: { ...observed.cluster, status },
});
const withPodStatus = (status: Readonly<Record<string, unknown>>, observed = rest): Observed =>
  withMember(observed, ({ pod }) => ({ pod: { ...pod!, status } }));
const known = (changes: Partial<Extract<EtcdView, { kind: "known" }>>): Observed => ({
  ...rest,
  etcd: { ...(rest.etcd as Extract<EtcdView, { kind: "known" }>), ...changes },
});
const withoutPod = withMember({ ...rest, etcd: { kind: "unasked" } }, () => ({ pod: undefined }));
const podIn = (observed: Observed): KubernetesObject => {
  const planned = plan(observed, context);
  assert.ok(planned.kind === "step" && planned.step.kind === "create");
  return planned.step.object;
};
const argsOf = (pod: KubernetesObject): string =>
  (pod as PodView).spec.containers[0].args.join(" ");

describe("a new cluster", () => {
  test("comes up step by step", () => {
    const way = wayToRest(emptyWorld(defaultSpec, 0)).map((world) =>
      brief(plan(observe(world), contextOf(world))),
    );
    assert.deepEqual(way, [
      "apply Service etcd-peers",
      "apply Service etcd-client",
      "latch-cluster seedMember",
      "create EtcdMember etcd-new0",
      "create PersistentVolumeClaim data-etcd-new0",
      "latch-member volumeClaimUID",
      "create Pod etcd-new0",
      "wait PodPending",
      "latch-cluster clusterID",
      "latch-member memberID",
      "wait PodNotReady",
      "done",
    ]);
  });

  test("gives its volumes the cluster as owner before the pod is, where they are to go with it", () => {
    const storage = {
      ...defaultSpec.storage,
      reclaim: { onScaleDown: "Delete", onClusterDelete: "Delete" },
    } as const;
    const way = wayToRest(emptyWorld({ ...defaultSpec, storage }, 0)).map((world) =>
      brief(plan(observe(world), contextOf(world))),
    );
    const owner = way.indexOf("apply PersistentVolumeClaim data-etcd-new0");
    assert.ok(owner > 0 && owner < way.indexOf("create Pod etcd-new0"));
    assert.equal(way.at(-1), "done");
  });
});

describe("hands off", () => {
  for (const [what, observed, expected] of [
    [
      "a cluster under deletion",
      {
        ...withSpec({ paused: true }),
        cluster: withMetadata(rest.cluster, { deletionTimestamp: going }),
        clientService: undefined,
      },
      "done",
    ],
    ["a paused cluster", { ...withSpec({ paused: true }), peersService: undefined }, "wait Paused"],
    [
      "a cluster whose names are taken",
      { ...rest, foreign: ["Service etcd-peers"], peersService: undefined },
      "stuck ForeignObject",
    ],
    [
      "a flag that the operator sets",
      withSpec({ etcd: { extraArgs: { "initial-cluster-state": "new" } } }),
      "stuck ReservedFlag",
    ],
    ["another number of replicas", withSpec({ replicas: 3 as 1 }), "stuck ScalingNotServed"],
    [
      "more members than one",
      { ...rest, members: [...rest.members, ...rest.members] },
      "stuck ScalingNotServed",
    ],
  ] as const) {
    test(`from ${what}`, () => assert.equal(brief(plan(observed, context)), expected));
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
      withSpec({ services: { client: { type: "NodePort" } } }),
      "apply Service etcd-client",
    ],
    [
      "changed by somebody",
      { ...rest, peersService: { ...rest.peersService!, spec: {} } },
      "apply Service etcd-peers",
    ],
    [
      "being deleted",
      { ...rest, clientService: withMetadata(rest.clientService!, { deletionTimestamp: going }) },
      "wait ServiceTerminating",
    ],
  ] as const) {
    test(what, () => assert.equal(brief(plan(observed, context)), expected));
  }
});

describe("the seed", () => {
  const nobody = { ...rest, members: [], etcd: { kind: "unasked" } } as const;
  for (const [what, observed, expected] of [
    [
      "a name is latched before anything of it exists",
      withStatus({}, nobody),
      "latch-cluster seedMember",
    ],
    [
      "the latched name is the one that is created",
      withStatus({ seedMember: "etcd-first" }, nobody),
      "create EtcdMember etcd-first",
    ],
    ["a cluster that lived is never started anew", nobody, "stuck MembersLost"],
    [
      "nobody starts it in the place of the one that was chosen",
      withStatus({ seedMember: "etcd-other" }),
      "stuck SeedMismatch",
    ],
    [
      "nor one whose seed was forgotten",
      withStatus({ clusterID: "c1" }, nobody),
      "stuck MembersLost",
    ],
  ] as const) {
    test(what, () => assert.equal(brief(plan(observed, context)), expected));
  }

  test("of a cluster whose status was emptied is the member that is there", () => {
    const planned = plan(withStatus({}), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "latch-cluster");
    assert.deepEqual(planned.step.fields, { seedMember: "etcd-new0" });
  });
});

describe("identity", () => {
  const young = withMember(withStatus({ seedMember: "etcd-new0" }), ({ member }) => ({
    member: forgetting(member, "memberID"),
  }));
  const silent = {
    kind: "unknown",
    reason: "deadline exceeded",
    answers: new Map(),
  } as const;
  for (const [what, observed, expected] of [
    ["the cluster id is latched from etcd", young, "latch-cluster clusterID"],
    ["not from silence", { ...young, etcd: silent }, "wait EtcdUnreachable"],
    [
      "not from a list with others in it",
      { ...young, etcd: known({ list: [own, stranger] }).etcd },
      "stuck UnknownMember",
    ],
    [
      "not from an empty list",
      { ...young, etcd: known({ list: [] }).etcd },
      "wait EtcdUnreachable",
    ],
    [
      "the member id is latched after it",
      withMember(rest, ({ member }) => ({ member: forgetting(member, "memberID") })),
      "latch-member memberID",
    ],
    ["another cluster id", known({ clusterId: "c2" }), "stuck ClusterIDMismatch"],
    ["another id of our member", known({ list: [{ ...own, id: "a2" }] }), "stuck MemberIDMismatch"],
    ["a member that is not ours", known({ list: [stranger, own] }), "stuck UnknownMember"],
  ] as const) {
    test(what, () => assert.equal(brief(plan(observed, context)), expected));
  }

  test("another cluster id in the answer of one member, also while there is no list", () => {
    assert.ok(rest.etcd.kind === "known");
    const answers = new Map(
      [...rest.etcd.answers].map(([name, answer]) => [name, { ...answer, clusterId: "c2" }]),
    );
    const etcd = { kind: "unknown", reason: "no quorum", answers } as unknown as EtcdView;
    assert.equal(brief(plan({ ...rest, etcd }, context)), "stuck ClusterIDMismatch");
  });
});

describe("a volume", () => {
  const claim = rest.members[0]!.volumeClaim!;
  const goingClaim = withMetadata(claim, { deletionTimestamp: going });
  const unlatched = withMember(withoutPod, ({ member }) => ({
    member: forgetting(member, "volumeClaimUID"),
  }));
  for (const [what, observed, expected] of [
    ["that is gone", withMember(rest, () => ({ volumeClaim: undefined })), "stuck VolumeLost"],
    [
      "that is another one",
      withMember(rest, () => ({ volumeClaim: withMetadata(claim, { uid: "other" }) })),
      "stuck VolumeLost",
    ],
    [
      "that never was",
      withMember(unlatched, () => ({ volumeClaim: undefined })),
      "create PersistentVolumeClaim data-etcd-new0",
    ],
    ["is latched before the pod is", unlatched, "latch-member volumeClaimUID"],
    [
      "that goes before it was used",
      withMember(unlatched, () => ({ volumeClaim: goingClaim })),
      "wait VolumeTerminating",
    ],
    [
      "that is deleted while its pod holds it",
      withMember(rest, () => ({ volumeClaim: goingClaim })),
      "stuck VolumeDeletionPending",
    ],
    [
      "that is deleted, with a pod that would be replaced",
      withMember(withSpec({ etcd: { snapshotCount: 1 } }), () => ({ volumeClaim: goingClaim })),
      "stuck VolumeDeletionPending",
    ],
    [
      "that is deleted, without a pod",
      withMember(withoutPod, () => ({ volumeClaim: goingClaim })),
      "stuck VolumeDeletionPending",
    ],
  ] as const) {
    test(what, () => assert.equal(brief(plan(observed, context)), expected));
  }

  test("is released from the cluster when the policy becomes Retain", () => {
    const reclaim = { onScaleDown: "Delete", onClusterDelete: "Delete" } as const;
    const owned = settled({ ...defaultSpec, storage: { ...defaultSpec.storage, reclaim } });
    const planned = plan(withSpec({ storage: defaultSpec.storage }, owned), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "apply");
    assert.equal(planned.step.object.kind, "PersistentVolumeClaim");
    assert.equal(planned.step.object.metadata.ownerReferences, undefined);
  });
});

describe("a pod", () => {
  const twoSteps = withSpec({ image: { repository: "localhost/etcd-ts", tag: "2.0" } });
  for (const [what, observed, expected] of [
    ["missing", withoutPod, "create Pod etcd-new0"],
    ["evicted", withPodStatus({ phase: "Failed", reason: "Evicted" }), "delete Pod etcd-new0"],
    ["ended", withPodStatus({ phase: "Succeeded" }), "delete Pod etcd-new0"],
    [
      "ending",
      withMember(withSpec({ etcd: { snapshotCount: 1 } }), ({ pod }) => ({
        pod: withMetadata(pod!, { deletionTimestamp: going }),
      })),
      "wait PodTerminating",
    ],
    ["of another template", withSpec({ etcd: { snapshotCount: 1 } }), "delete Pod etcd-new0"],
    ["of another image: the member first", twoSteps, "apply EtcdMember etcd-new0"],
    [
      "of another image: then the pod",
      withMember(twoSteps, ({ member }) => ({
        member: { ...member, spec: { ...member.spec, image: "localhost/etcd-ts:2.0" } },
      })),
      "delete Pod etcd-new0",
    ],
    ["not scheduled", withPodStatus({ phase: "Pending" }), "wait PodPending"],
    ["not ready", withPodStatus({ phase: "Running" }), "wait PodNotReady"],
    [
      "of an EtcdMember under deletion",
      withMember(withoutPod, ({ member }) => ({
        member: withMetadata(member, { deletionTimestamp: going }),
      })),
      "wait MemberTerminating",
    ],
  ] as const) {
    test(what, () => assert.equal(brief(plan(observed, context)), expected));
  }

  test("stays as it is when the operator gets another default image and domain", () => {
    const upgraded = { ...context, defaultImage: "localhost/etcd-ts:9", clusterDomain: "other" };
    assert.equal(brief(plan(rest, upgraded)), "done");
    const mirrored = withSpec({ image: { repository: "localhost/etcd-ts" } });
    assert.equal(brief(plan(mirrored, upgraded)), "done");
  });

  test("is deleted by the uid that was seen", () => {
    const planned = plan(withSpec({ etcd: { snapshotCount: 1 } }), context);
    assert.ok(planned.kind === "step" && planned.step.kind === "delete");
    assert.equal(planned.step.object.metadata.uid, rest.members[0]?.pod?.metadata.uid);
  });
});

describe("the initial cluster of a pod", () => {
  const seed = withStatus({ seedMember: "etcd-new0" }, withoutPod);
  const unknownSeed = withMember(seed, ({ member }) => ({
    member: forgetting(member, "memberID"),
  }));
  const joining = withMember(withoutPod, ({ member }) => ({
    member: {
      ...forgetting(member, "memberID"),
      spec: { ...member.spec, bootstrap: "JoinExisting" },
    },
  }));

  test("is new for the seed of a cluster without an id", () => {
    assert.match(argsOf(podIn(unknownSeed)), /--initial-cluster-state=new/);
  });

  for (const [what, observed] of [
    [
      "a cluster with an id",
      withMember(withoutPod, ({ member }) => ({ member: forgetting(member, "memberID") })),
    ],
    ["a member with an id", seed],
  ] as const) {
    test(`is existing for ${what}`, () => {
      assert.match(argsOf(podIn(observed)), /--initial-cluster-state=existing/);
    });
  }

  test("is etcd's member list, where it is known: with our names, and an id where there is none", () => {
    assert.ok(rest.etcd.kind === "known");
    const list = [
      { ...own, name: "" },
      { ...stranger, peerUrls: [...own.peerUrls, "http://o:2380"] },
    ];
    const observed = withMember({ ...rest, etcd: { ...rest.etcd, list } }, () => ({
      pod: undefined,
    }));
    assert.match(
      argsOf(podIn(observed)),
      /--initial-cluster=etcd-new0=http:\/\/etcd-new0[^,]*,etcd-new0=http:\/\/etcd-new0[^,]*,bad=http:\/\/o:2380 /,
    );
  });

  test("waits for a member that joins until etcd lists it", () => {
    assert.equal(brief(plan(joining, context)), "wait MemberNotListed");
    const listed = { ...joining, etcd: rest.etcd };
    assert.equal(brief(plan(listed, context)), "latch-member memberID");
  });
});

describe("etcd", () => {
  test("that does not answer is waited for, whatever the pods say", () => {
    const etcd = { kind: "unknown", reason: "deadline exceeded", answers: new Map() } as const;
    assert.equal(brief(plan({ ...rest, etcd }, context)), "wait EtcdUnreachable");
    assert.equal(
      brief(plan({ ...rest, etcd: { kind: "unasked" } }, context)),
      "wait EtcdUnreachable",
    );
  });
});
