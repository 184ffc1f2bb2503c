/**
 * A small Kubernetes with etcd in it, as plain data: what the operator's plan is about, without a clock and without a network. The objects are the real
 * ones, as the operator builds them; a Pod's process and a volume's content are what they mean.
 */
import type { EtcdClusterSpec, EtcdMember } from "../../../operator/api/v1alpha1/types.ts";
import type {
  EtcdView,
  ListedMember,
  Observed,
  ObservedMember,
  PlanContext,
} from "../../../operator/cluster/observed.ts";
import type { Step } from "../../../operator/cluster/step.ts";
import type { KubernetesObject } from "../../../operator/kernel/resource.ts";
import { volumeClaimNameOf } from "../../../operator/resources/names.ts";
import { isControlledBy, uidOf } from "../../../operator/resources/owners.ts";
import { clusterOf, context } from "./objects.ts";

/** What is on a volume. Ids follow from names and tokens, as on etcd: a second cluster founded alike has the same ones. */
export interface Data {
  readonly clusterId: string;
  readonly memberId: string;
}

export interface WorldClaim {
  readonly object: KubernetesObject;
  readonly data: Data | undefined;
}

export interface WorldPod {
  readonly object: KubernetesObject;
  /** Crashing: started again and again, since an empty volume joins nothing. */
  readonly process: "Pending" | "Running" | "Ready" | "Crashing" | "Failed";
  /** What the process has mounted: it keeps it when the claim goes. */
  readonly data: Data | undefined;
}

/** A write of an operator, with what it was decided upon. */
export interface WorldRequest {
  readonly step: Step;
  readonly clusterVersion: number;
  readonly memberVersion: number | undefined;
}

/** What has happened, for judging: the plan never sees it. */
export interface Facts {
  /** Empty volumes on which a cluster was started. */
  readonly foundings: number;
  readonly isFoundedAfterLatch: boolean;
  /** Names of members that were to start a cluster. */
  readonly seeds: readonly string[];
  /** Names of the faults that happened, each once. */
  readonly faults: readonly string[];
}

export interface World {
  readonly spec: EtcdClusterSpec;
  readonly generation: number;
  readonly clusterVersion: number;
  readonly latched: { readonly seedMember?: string; readonly clusterID?: string };
  readonly members: readonly EtcdMember[];
  readonly claims: readonly WorldClaim[];
  readonly pods: readonly WorldPod[];
  readonly services: readonly KubernetesObject[];
  readonly isEtcdReachable: boolean;
  /** The node does not answer: what is terminating stays so. */
  readonly isNodeLost: boolean;
  /** Somebody added a member to etcd by hand. */
  readonly hasStranger: boolean;
  /** A write that is still under way, or will arrive a second time. */
  readonly underWay: WorldRequest | undefined;
  readonly uids: number;
  readonly faultsLeft: number;
  readonly facts: Facts;
}

export function emptyWorld(spec: EtcdClusterSpec, faults: number): World {
  return {
    spec,
    generation: 1,
    clusterVersion: 1,
    latched: {},
    members: [],
    claims: [],
    pods: [],
    services: [],
    isEtcdReachable: true,
    isNodeLost: false,
    hasStranger: false,
    underWay: undefined,
    uids: 0,
    faultsLeft: faults,
    facts: { foundings: 0, isFoundedAfterLatch: false, seeds: [], faults: [] },
  };
}

/** A name that nothing has had: each look may draw another one. */
export function contextOf(world: World): PlanContext {
  return { ...context, candidateMemberName: `etcd-new${world.uids}` };
}

/** What an operator sees that looks now. */
export function observe(world: World): Observed {
  const base = clusterOf(world.spec, world.latched);
  const cluster = {
    ...base,
    metadata: {
      ...base.metadata,
      generation: world.generation,
      resourceVersion: String(world.clusterVersion),
    },
  };
  const foreign: string[] = [];
  const members = world.members.map((member): ObservedMember => {
    const pod = podOf(world, member.metadata.name);
    const isOwn = pod !== undefined && isControlledBy(pod.object, uidOf(member));
    if (pod !== undefined && !isOwn) foreign.push(`Pod ${member.metadata.name}`);
    const volumeClaim = claimOf(world, member.metadata.name)?.object;
    return { member, pod: isOwn ? withStatus(pod) : undefined, volumeClaim };
  });
  const service = (name: string): KubernetesObject | undefined =>
    world.services.find(({ metadata }) => metadata.name === name);
  return {
    cluster,
    members,
    peersService: service("etcd-peers"),
    clientService: service("etcd-client"),
    foreign,
    etcd: etcdView(world, members),
  };
}

export function podOf(world: World, memberName: string): WorldPod | undefined {
  return world.pods.find(({ object }) => object.metadata.name === memberName);
}

export function claimOf(world: World, memberName: string): WorldClaim | undefined {
  const name = volumeClaimNameOf(memberName);
  return world.claims.find(({ object }) => object.metadata.name === name);
}

export function isTerminating(object: KubernetesObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

function withStatus({ object, process }: WorldPod): KubernetesObject {
  if (process === "Pending" || process === "Failed") {
    return { ...object, status: { phase: process } };
  }
  const started = process !== "Crashing";
  return {
    ...object,
    status: {
      phase: "Running",
      podIP: "10.0.0.1",
      conditions: [{ type: "Ready", status: process === "Ready" ? "True" : "False" }],
      containerStatuses: [{ started, restartCount: started ? 0 : 3 }],
    },
  };
}

function etcdView(world: World, members: readonly ObservedMember[]): EtcdView {
  const running = members.flatMap(({ member, pod }) => {
    const seen = pod === undefined ? undefined : podOf(world, member.metadata.name);
    const isAsked = seen !== undefined && !["Pending", "Failed"].includes(seen.process);
    return isAsked ? [{ member, pod: seen }] : [];
  });
  const [first] = running;
  if (first === undefined) return { kind: "unasked" };
  const { member, pod } = first;
  if (!world.isEtcdReachable || pod.data === undefined) {
    const silent = { kind: "silent", reason: "deadline exceeded" } as const;
    return {
      kind: "unknown",
      reason: "deadline exceeded",
      answers: new Map([[member.metadata.name, silent]]),
    };
  }
  const { clusterId, memberId } = pod.data;
  const own: ListedMember = {
    id: memberId,
    name: member.metadata.name,
    peerUrls: [member.spec.peerURL],
    isLearner: false,
  };
  const stranger = { id: "bad", name: "stranger", peerUrls: ["http://stranger:2380"] };
  const answer = {
    kind: "answered",
    memberId,
    clusterId,
    leaderId: memberId,
    version: "3.7.1",
    raftTerm: 2,
    raftAppliedIndex: 10,
    dbSizeBytes: 20_480,
    dbSizeInUseBytes: 16_384,
    isLearner: false,
    errors: [],
  } as const;
  return {
    kind: "known",
    clusterId,
    list: world.hasStranger ? [own, { ...stranger, isLearner: true }] : [own],
    answers: new Map([[member.metadata.name, answer]]),
  };
}
