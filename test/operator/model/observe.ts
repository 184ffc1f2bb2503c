/** What an operator sees that looks at a world now. Objects are made by the operator's own builders, once for each way that a slot can be. */
import {
  recoverQuorumAnnotation,
  templateHashAnnotation,
} from "../../../operator/api/v1alpha1/names.ts";
import type {
  EtcdCluster,
  EtcdClusterSpec,
  EtcdClusterStatus,
  EtcdMember,
} from "../../../operator/api/v1alpha1/types.ts";
import type {
  EtcdView,
  ListedMember,
  MemberStatusAnswer,
  NodeView,
  Observed,
  ObservedMember,
  PlanContext,
} from "../../../operator/cluster/observed.ts";
import { noTlsFacts } from "../../../operator/cluster/tls/facts.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { buildDisruptionBudget } from "../../../operator/resources/disruption-budget.ts";
import { buildMember } from "../../../operator/resources/member.ts";
import { ownedByCluster } from "../../../operator/resources/owners.ts";
import { buildPod } from "../../../operator/resources/pod.ts";
import { buildClientService, buildPeersService } from "../../../operator/resources/services.ts";
import { templateHashOf } from "../../../operator/resources/template-hash.ts";
import { buildVolumeClaim } from "../../../operator/resources/volume-claim.ts";
import { slotKeyOf } from "./canonical.ts";
import { isReady, leaderOf, takesPart } from "./etcd.ts";
import { context as baseContext, clusterOf, defaultSpec } from "./objects.ts";
import { type Age, nameOf, type Slot, type SlotPod, type Spec, type World } from "./world.ts";

export const now = "2026-01-01T12:00:00Z";
/** Within a grace of 300 s; past it and before any other deadline; past all of them. */
const times = [now, "2026-01-01T11:50:00Z", "2026-01-01T10:30:00Z"] as const;
const longAgo = "2026-01-01T09:00:00Z";
const timeOf = (age: Age): string => times[age];

/** That of the leader there is: what was written down in another one is forgotten (etcd.ts, elected). */
const raftTerm = 2;

export const context: PlanContext = { ...baseContext, candidateMemberName: "etcd-new", now };

const images = ["localhost/etcd-ts:1.0", "localhost/etcd-ts:2.0"] as const;
const imageAt = (at: 0 | 1): string => images[at];
export const imageIndexOf = (image: string): 0 | 1 => (image === images[1] ? 1 : 0);

const specs = new Map<string, EtcdClusterSpec>();

function specOf({ replicas, allowEvenReplicas, isPaused, image }: Spec): EtcdClusterSpec {
  return remembered(specs, `${replicas}/${allowEvenReplicas}/${isPaused}/${image}`, () => ({
    ...defaultSpec,
    replicas,
    allowEvenReplicas,
    paused: isPaused,
    image: { repository: "localhost/etcd-ts", tag: image === 0 ? "1.0" : "2.0" },
  }));
}

const plain = clusterOf(
  specOf({ replicas: 3, allowEvenReplicas: false, isPaused: false, image: 0 }),
);
const hashes = images.map((image) => templateHashOf(plain.spec, image));

/** Which image the Pod was made for, by the hash that it bears. */
export function templateOf({ metadata }: KubernetesObject): 0 | 1 {
  return metadata.annotations?.[templateHashAnnotation] === hashes[1] ? 1 : 0;
}

const peersService = buildPeersService(plain);
const clientService = buildClientService(plain);
const budgets = new Map<string, KubernetesObject>();

function idOf(slot: number, id: number): string {
  return `${slot + 1}f${id}`;
}

export function idNumberOf(id: string): number {
  return Number(id.split("f")[1]);
}

export function observe(world: World): Observed {
  const { slots, budget } = world;
  const members = slots.flatMap((slot, at) => {
    const ready = isReady(world, slot);
    return slot.member === undefined ? [] : [seenOf(slot, at, ready)];
  });
  return {
    cluster: clusterIn(world),
    members,
    peersService: world.hasPeersService ? peersService : undefined,
    clientService: world.hasClientService ? clientService : undefined,
    disruptionBudget:
      budget === undefined
        ? undefined
        : remembered(budgets, String(budget), () =>
            buildDisruptionBudget(plain, { minAvailable: budget }),
          ),
    secrets: new Map(),
    tls: noTlsFacts,
    proofs: new Map(),
    cronJobs: new Map(),
    maintenanceAccess: new Map(),
    maintenanceHolder: undefined,
    nodes: nodesOf(slots),
    storageClasses: new Map(),
    foreign: slots.flatMap(({ member, pod }, at) =>
      member !== undefined && pod?.isOrphan === true ? [`Pod ${nameOf(at)}`] : [],
    ),
    etcd: etcdView(world),
  };
}

function clusterIn(world: World): EtcdCluster {
  const { slots, recovery, isApproved } = world;
  const seed = slots.findIndex(({ isSeed }) => isSeed);
  const replacements = [
    ...world.pastReplacements.map((age) => ({ memberName: "etcd-gone", time: timeOf(age) })),
    ...slots.flatMap(({ givenUp }, at) =>
      givenUp === undefined ? [] : [{ memberName: nameOf(at), time: timeOf(givenUp) }],
    ),
  ].map((entry) => ({
    ...entry,
    reason: "it neither serves nor is ready",
    ...(world.isReplacing ? {} : { madeGoodAt: now }),
  }));
  const asked = slots.findIndex(({ pod }) => pod?.handOver !== undefined);
  const seedName = seed >= 0 ? nameOf(seed) : world.hasClusterId ? "etcd-gone" : undefined;
  const status: EtcdClusterStatus = {
    ...(world.hasClusterId ? { clusterID: "c1" } : {}),
    ...(seedName === undefined ? {} : { seedMember: seedName }),
    ...(replacements.length === 0 ? {} : { replacements }),
    ...(asked < 0
      ? {}
      : {
          handOver: {
            memberName: nameOf(asked),
            podUID: `pod-${asked}`,
            raftTerm,
            since: timeOf(slots[asked]?.pod?.handOver ?? 0),
          },
        }),
    ...(recovery === undefined
      ? {}
      : {
          quorumRecovery: recovery as unknown as NonNullable<EtcdClusterStatus["quorumRecovery"]>,
        }),
  };
  const nonce = recovery?.["nonce"];
  return {
    ...plain,
    metadata: {
      ...plain.metadata,
      ...(isApproved && typeof nonce === "string"
        ? { annotations: { [recoverQuorumAnnotation]: nonce } }
        : {}),
    },
    spec: specOf(world.spec),
    status,
  };
}

const seen = new Map<string, ObservedMember>();

function seenOf(slot: Slot, at: number, ready: boolean): ObservedMember {
  return remembered(seen, `${at}/${ready}/${slotKeyOf(slot)}`, () => {
    const member = memberOf(slot, at);
    return {
      member,
      pod:
        slot.pod === undefined || slot.pod.isOrphan
          ? undefined
          : podOf(slot, at, { member, ready }),
      volumeClaim: slot.volume === undefined ? undefined : claimOf(slot, at, member),
    };
  });
}

function memberOf({ member, entry }: Slot, at: number): EtcdMember {
  if (member === undefined) throw new Error("no member");
  const { id, volume, downSince, bootstrap, age } = member;
  const built = buildMember(plain, {
    name: nameOf(at),
    bootstrap,
    clusterDomain: context.clusterDomain,
    defaultImage: context.defaultImage,
  });
  return {
    ...built,
    metadata: {
      ...built.metadata,
      uid: `member-${at}`,
      resourceVersion: "1",
      // Whoever joins is the newest.
      creationTimestamp: entry?.isLearner === false ? longAgo : timeOf(age),
    },
    spec: { ...built.spec, image: imageAt(member.image) },
    status: {
      ...(id === undefined ? {} : { memberID: idOf(at, id) }),
      ...(volume === undefined ? {} : { volumeClaimUID: `claim-${at}-${volume}` }),
      ...(downSince === undefined ? {} : { downSince: timeOf(downSince) }),
    },
  };
}

function claimOf({ volume }: Slot, at: number, member: EtcdMember): KubernetesObject {
  const built = buildVolumeClaim(plain, member);
  return {
    ...built,
    metadata: {
      ...built.metadata,
      uid: `claim-${at}-${volume?.number ?? 0}`,
      annotations: { "volume.kubernetes.io/storage-provisioner": "rancher.io/local-path" },
      ...(volume?.isGoing === true ? { deletionTimestamp: now } : {}),
      ...(volume?.isOwned === true ? { ownerReferences: [ownedByCluster(plain)] } : {}),
    },
  };
}

function podOf(
  slot: Slot,
  at: number,
  { member, ready }: { readonly member: EtcdMember; readonly ready: boolean },
): KubernetesObject {
  const pod = slot.pod!;
  const built = buildPod(
    {
      ...plain,
      spec: specOf({ replicas: 3, allowEvenReplicas: false, isPaused: false, image: pod.template }),
    },
    { ...member, spec: { ...member.spec, image: imageAt(pod.template) } },
    {
      initialCluster: {
        state: pod.state,
        members: [{ name: nameOf(at), peerUrl: member.spec.peerURL }],
      },
      ...(pod.isForced ? { forceNewCluster: true } : {}),
      ...(pod.isTold ? { expectedClusterId: "c1" } : {}),
    },
  );
  const isScheduled = pod.process !== "Pending" || slot.node !== "gone";
  return {
    ...built,
    metadata: {
      ...built.metadata,
      uid: `pod-${at}`,
      ...(pod.isGoing ? { deletionTimestamp: now } : {}),
    },
    spec: {
      ...(built["spec"] as object),
      ...(isScheduled ? { nodeName: nodeOf(at) } : {}),
    },
    status: podStatus(pod, ready),
  };
}

function podStatus({ process, loopAge }: SlotPod, ready: boolean): unknown {
  if (process === "Pending" || process === "Failed") return { phase: process };
  const isCrashing = process === "Crashing";
  return {
    phase: "Running",
    podIP: "10.0.0.1",
    conditions: [
      {
        type: "Ready",
        status: ready ? "True" : "False",
        ...(isCrashing ? { lastTransitionTime: timeOf(loopAge) } : {}),
      },
    ],
    containerStatuses: [{ started: process === "Up", restartCount: isCrashing ? 7 : 0 }],
  };
}

const nodeOf = (at: number): string => `node-${at}`;

function nodesOf(slots: readonly Slot[]): ReadonlyMap<string, NodeView> {
  return new Map(
    slots.flatMap(({ node }, at) =>
      node === "gone"
        ? []
        : [[nodeOf(at), { isReady: node === "well", isOutOfService: false }] as const],
    ),
  );
}

/** Entries that each log state stands for: just behind is within every limit, and far is not. */
const indexes = { fresh: 100_000, stale: 99_900, far: 10_000 } as const;

function etcdView(world: World): EtcdView {
  const { slots } = world;
  const leader = leaderOf(world);
  const answers = new Map<string, MemberStatusAnswer | { kind: "silent"; reason: string }>();
  for (const [at, slot] of slots.entries()) {
    const { member, pod } = slot;
    if (member === undefined || pod === undefined || pod.isOrphan) continue;
    if (pod.process === "Pending" || pod.process === "Failed") continue;
    answers.set(nameOf(at), answerOf(world, slot, leader));
  }
  if (answers.size === 0) return { kind: "unasked" };
  if (leader === undefined || !world.canOperatorReach) {
    return { kind: "unknown", reason: "deadline exceeded", answers };
  }
  return {
    kind: "known",
    clusterId: "c1",
    list: listOf(slots),
    answers,
    alarms: [],
    revision: 9,
    hashes: new Map(),
  };
}

function answerOf(
  world: World,
  slot: Slot,
  leader: number | undefined,
): MemberStatusAnswer | { kind: "silent"; reason: string } {
  const { entry, volume } = slot;
  if (!takesPart(slot) || entry === undefined || !world.canOperatorReach) {
    return { kind: "silent", reason: "deadline exceeded" };
  }
  const index = indexes[volume?.data?.log ?? "far"];
  return {
    kind: "answered",
    memberId: idOf(world.slots.indexOf(slot), entry.id),
    clusterId: "c1",
    leaderId: leader === undefined ? "" : idOf(leader, world.slots[leader]!.entry!.id),
    version: "3.7.1",
    raftTerm,
    raftIndex: index,
    raftAppliedIndex: index,
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 16_384,
    isLearner: entry.isLearner,
    errors: [],
  };
}

function listOf(slots: readonly Slot[]): readonly ListedMember[] {
  return slots.flatMap(({ entry }, at) =>
    entry === undefined
      ? []
      : [
          {
            id: idOf(at, entry.id),
            name: entry.isStarted ? nameOf(at) : "",
            peerUrls: [peerUrlAt(at)],
            isLearner: entry.isLearner,
          },
        ],
  );
}

const peerUrls = new Map<string, string>();

function peerUrlAt(at: number): string {
  return remembered(
    peerUrls,
    String(at),
    () =>
      buildMember(plain, {
        name: nameOf(at),
        bootstrap: "JoinExisting",
        clusterDomain: context.clusterDomain,
        defaultImage: context.defaultImage,
      }).spec.peerURL,
  );
}

export function slotAtUrl(url: string): number | undefined {
  const digits = /etcd-m(\d+)\./.exec(url)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function remembered<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
