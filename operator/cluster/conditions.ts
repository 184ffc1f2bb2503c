/**
 * The words of a cluster's status: types of conditions, and the reasons why there is no step or why a condition is as it is. Programs and
 * people match on them, so a reason keeps its name and meaning.
 */
import type { Condition } from "../api/v1alpha1/types.ts";

/** In the order in which they are shown. The first three are good when True, Degraded is bad. */
export const conditionTypes = [
  "Ready",
  "Available",
  "QuorumHealthy",
  "Progressing",
  "Degraded",
  "Paused",
] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** Something else has to happen first. */
export type WaitReason =
  | "Paused"
  /** Somebody deleted an EtcdMember; it goes with its Pod. */
  | "MemberTerminating"
  | "PodTerminating"
  /** A claim that never had a Pod is going away. */
  | "VolumeTerminating"
  /** Not scheduled, no volume yet, image not there. */
  | "PodPending"
  | "PodNotReady"
  /** The member is not in etcd's list yet, and must not start before it is. */
  | "MemberNotListed"
  /** The Pods are ready, but etcd does not answer the operator. */
  | "EtcdUnreachable"
  | "ServiceTerminating"
  /** A program that compacts or defragments holds the cluster's Lease. */
  | "MaintenanceRunning"
  /** A change waits until all voters are there and have the log. */
  | "MembersNotReady"
  | "NoLeader"
  /** Nobody else is fit to lead, so the leader stays. */
  | "NoSuccessor"
  /** A learner is joining; one change at a time. */
  | "MembershipChanging"
  | "LearnerSyncing"
  /** Its Pod is ready, but the member does not take part. */
  | "MemberNotServing"
  /** A member's volume is gone, or another one is there under its name. Stuck where there is no other member. */
  | "VolumeLost"
  /** A claim was made larger, and its storage driver or the kubelet is at it. */
  | "VolumeResizing"
  /** A disruption budget does not let the Pod go that is to be replaced. Found out when the step is carried out. */
  | "EvictionRefused"
  /** A removal waits until quorum survives it. */
  | "QuorumAtRisk"
  /** Alarm CORRUPT is raised, and changes wait. */
  | "CorruptAlarm"
  /** Alarm CORRUPT: hashes of one revision are not there from all voters. */
  | "ComparingData"
  /** Alarm NOSPACE: the roll goes first. */
  | "RollingFirst"
  | "QuorumRecovery"
  /** A Secret with certificates that a user gives is not there yet. */
  | "CertificatesMissing"
  /** A change of the CA waits until members and clients have what was written. */
  | "CertificatesSpreading";

/** Only a person can help. */
export type StuckReason =
  | "ForeignObject"
  /** Certificates that a user gives, or asks for, cannot serve. */
  | "CertificatesInvalid"
  /** The Secret with the CA holds another one, or cannot be read. */
  | "CertificateAuthorityLost"
  /** The API server does not take what the plan asks for. Found out when the step is carried out. */
  | "RequestRefused"
  | "ReservedFlag"
  | "EvenReplicas"
  /** The cluster lived, and has no member any more. */
  | "MembersLost"
  /** The member that is there is not the one that was chosen to start the cluster. */
  | "SeedMismatch"
  | "VolumeLost"
  /** The claim is being deleted while its Pod still holds it. */
  | "VolumeDeletionPending"
  /** spec.storage.size was made larger, and the StorageClass of the claims does not let them grow. */
  | "VolumeNotExpandable"
  /** Kubernetes has given up to grow a claim. */
  | "VolumeResizeFailed"
  | "ClusterIDMismatch"
  | "MemberIDMismatch"
  /** etcd lists a member that is none of ours. */
  | "UnknownMember"
  | "TooManyReplacements"
  /** Too few members are left to decide anything; status.quorumRecovery holds what is left. */
  | "QuorumLost"
  /** An alarm that the operator cannot end. */
  | "Corrupt"
  | "NoSpace";

/** Of conditions, besides those of the plan. */
export type HealthReason =
  | "AsWanted"
  | "Creating"
  | "Updating"
  | "Deleting"
  | "NotPaused"
  | "MembersReady"
  /** A member was lost and has left; fewer voters than wanted are there until its successor has joined. */
  | "MemberReplacing"
  | "WritesPossible"
  | "QuorumPresent"
  | "NoMemberRunning"
  /** spec.replicas is 0, and no Pod runs. */
  | "Hibernated"
  /** The node of a Pod does not confirm that it has ended. */
  | "PodStuckTerminating";

export type ConditionReason = WaitReason | StuckReason | HealthReason;

/** What a condition is to say now. */
export interface Verdict {
  readonly status: Condition["status"];
  readonly reason: ConditionReason;
  /** For people: why, and what to do. Holds no time and no counter, so that it stays as long as the matter does. */
  readonly message: string;
}

/**
 * The list of conditions after the one before: the time of a condition moves only when its status does. `now` is RFC 3339. Conditions of other
 * types, which somebody else put there, are dropped.
 */
export function conditionsOf<Type extends string>(
  verdicts: Readonly<Record<Type, Verdict>>,
  before: readonly Condition[] | undefined,
  at: { readonly generation: number | undefined; readonly now: string },
): readonly Condition[] {
  return (Object.entries(verdicts) as [Type, Verdict][]).map(([type, verdict]) => {
    const previous = before?.find((condition) => condition.type === type);
    return {
      type,
      ...verdict,
      lastTransitionTime:
        previous?.status === verdict.status ? previous.lastTransitionTime : at.now,
      ...(at.generation === undefined ? {} : { observedGeneration: at.generation }),
    };
  });
}
