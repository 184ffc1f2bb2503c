/**
 * What a decision is made from: everything about one EtcdCluster, read at one time. Pure data; the controller fills it by live reads, tests
 * and the model checker by hand.
 */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";

/** An EtcdMember object with what carries it. Found by name and owner; a Pod or claim of that name that is not the member's own is foreign. */
export interface ObservedMember {
  readonly member: EtcdMember;
  readonly pod: KubernetesObject | undefined;
  readonly volumeClaim: KubernetesObject | undefined;
}

/** One entry of etcd's own member list. */
export interface ListedMember {
  /** Lower-case hex. */
  readonly id: string;
  /** Empty until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

/** A member's own answer to Status. Ids are lower-case hex. */
export interface MemberStatusAnswer {
  readonly kind: "answered";
  readonly memberId: string;
  readonly clusterId: string;
  /** "" when it knows of none. */
  readonly leaderId: string;
  readonly version: string;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  readonly dbSizeBytes: number;
  readonly dbSizeInUseBytes: number;
  readonly isLearner: boolean;
  /** Alarms and faults that it tells of itself. */
  readonly errors: readonly string[];
}

/**
 * What etcd says of itself. Unreachable is not empty: a list is known only when a member with a quorum answered a linearizable read, and
 * nothing may be concluded from silence.
 */
export type EtcdView =
  | {
      /** No member has a running pod, so there was nobody to ask. */
      readonly kind: "unasked";
    }
  | { readonly kind: "unknown"; readonly reason: string; readonly answers: MemberAnswers }
  | {
      readonly kind: "known";
      readonly clusterId: string;
      readonly list: readonly ListedMember[];
      readonly answers: MemberAnswers;
    };

/** By the name of the EtcdMember that was asked. Members without a running pod are not asked and missing. */
export type MemberAnswers = ReadonlyMap<
  string,
  MemberStatusAnswer | { readonly kind: "silent"; readonly reason: string }
>;

export interface Observed {
  readonly cluster: EtcdCluster;
  /** Those whose controller is this very cluster object (by uid), by name. Those under deletion included. */
  readonly members: readonly ObservedMember[];
  readonly peersService: KubernetesObject | undefined;
  readonly clientService: KubernetesObject | undefined;
  /** Objects under names that we need, which belong to somebody else: "Service etcd-client". Nothing is done while there is one. */
  readonly foreign: readonly string[];
  readonly etcd: EtcdView;
}

/** What the operator was told at its start, and what the plan may know besides the world. */
export interface PlanContext {
  /** Image for members of clusters whose spec names none. */
  readonly defaultImage: string;
  /** DNS domain of the Kubernetes cluster, such as "cluster.local". */
  readonly clusterDomain: string;
  /** A name that no member had before, should one be needed: drawn anew for each plan. */
  readonly candidateMemberName: string;
}
