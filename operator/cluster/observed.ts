/**
 * What a decision is made from: everything about one EtcdCluster, read at one time. Pure data; the controller fills it by live reads, tests
 * and the model checker by hand.
 */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import type { TlsFacts } from "./tls/facts.ts";

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
  /** Last index that it knows to be committed. */
  readonly raftIndex: number;
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
      readonly alarms: readonly ListedAlarm[];
      /** Newest revision, as the member knew it that gave the list. */
      readonly revision: number;
      /** What members have stored, asked for only while an alarm CORRUPT is raised; by the name of the EtcdMember. */
      readonly hashes: ReadonlyMap<string, StoreHash>;
    };

export interface ListedAlarm {
  /** Of the member that raised it, or of which it is told; lower-case hex. It need not be in the list any more. */
  readonly memberId: string;
  readonly kind: "NoSpace" | "Corrupt";
}

/** HashKV of one member: two that have the same revision and compactRevision must have the same hash. */
export interface StoreHash {
  readonly revision: number;
  readonly compactRevision: number;
  readonly hash: number;
}

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
  readonly disruptionBudget: KubernetesObject | undefined;
  /** Secrets with certificates that the cluster has or was given, by name; those that are not there are missing. Empty without TLS. */
  readonly secrets: ReadonlyMap<string, KubernetesObject>;
  /** What those Secrets say: `readTlsFacts(secrets)` of operator/tls/secret-facts.ts. `noTlsFacts` without TLS. */
  readonly tls: TlsFacts;
  /** What members show and trust, by the name of the EtcdMember: proved by dialling them. Empty without TLS. */
  readonly proofs: ReadonlyMap<string, TlsProof>;
  /** CronJobs of the cluster, by name. */
  readonly cronJobs: ReadonlyMap<string, KubernetesObject>;
  /** With which rights they run, by kind: ServiceAccount, Role, RoleBinding. Those that are not there are missing. */
  readonly maintenanceAccess: ReadonlyMap<string, KubernetesObject>;
  /** Who holds the cluster's maintenance Lease now, other than this operator: nothing that ends a Pod or changes members is begun meanwhile. */
  readonly maintenanceHolder: string | undefined;
  /** Of nodes on which members' Pods are: what is known of them. A node that is missing here does not exist any more. */
  readonly nodes: ReadonlyMap<string, NodeView>;
  /**
   * StorageClasses of claims that are smaller than wanted, by name: of others nothing is asked. One that is missing here does not exist any more.
   */
  readonly storageClasses: ReadonlyMap<string, StorageClassView>;
  /** Objects under names that we need, which belong to somebody else: "Service etcd-client". Nothing is done while there is one. */
  readonly foreign: readonly string[];
  readonly etcd: EtcdView;
}

export interface NodeView {
  readonly isReady: boolean;
  /** It has the taint node.kubernetes.io/out-of-service: a person has said that the machine is off. */
  readonly isOutOfService: boolean;
}

export interface StorageClassView {
  /** It has allowVolumeExpansion, or the operator may not see it: then the API server decides. */
  readonly mayExpand: boolean;
}

/** SHA-256 of certificates in DER, lower-case hex. "" where the port could not be asked. */
export interface TlsProof {
  /** What it shows on the client port and on the peer port. */
  readonly serverFingerprint: string;
  readonly peerFingerprint: string;
  /** Fingerprints of the CAs whose clients it let in. */
  readonly trusts: readonly string[];
}

/** What the operator was told at its start, and what the plan may know besides the world. */
export interface PlanContext {
  /** Image for members of clusters whose spec names none. */
  readonly defaultImage: string;
  /** DNS domain of the Kubernetes cluster, such as "cluster.local". */
  readonly clusterDomain: string;
  /** A name that no member had before, should one be needed: drawn anew for each plan. */
  readonly candidateMemberName: string;
  /** RFC 3339, in seconds. Compared only with times that stand in objects. */
  readonly now: string;
}
