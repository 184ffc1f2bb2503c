/** The claim of a member's volume. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { memberLabelsOf } from "./labels.ts";
import { volumeClaimNameOf } from "./names.ts";
import { isControlledBy, ownedByCluster, uidOf } from "./owners.ts";
import { quantityOf } from "./quantity.ts";
import { namespaceOf } from "./urls.ts";

/**
 * For creation. It has no owner yet: an owner that stands in the object as created belongs to the manager of that write, and server-side apply
 * could never take it away again when the policy changes to Retain.
 */
export function buildVolumeClaim(cluster: EtcdCluster, member: EtcdMember): KubernetesObject {
  const { size, storageClassName } = cluster.spec.storage;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: volumeClaimNameOf(member.metadata.name),
      namespace: namespaceOf(cluster),
      labels: memberLabelsOf(cluster.metadata.name, member.metadata.name),
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: size } },
    },
  };
}

/**
 * For server-side apply to a claim that is there: its owner by the policy, and its size as it is. With the uid, and without what a claim must have, so that
 * it can make no new one and touch no other one.
 */
export function ownedVolumeClaim(cluster: EtcdCluster, claim: KubernetesObject): KubernetesObject {
  return appliedClaim(cluster, claim, requestedSizeOf(claim));
}

/** For server-side apply: the same with the size that spec.storage asks for. Both fields stand in either, as one that is left out would be taken away. */
export function grownVolumeClaim(cluster: EtcdCluster, claim: KubernetesObject): KubernetesObject {
  return appliedClaim(cluster, claim, cluster.spec.storage.size);
}

/** Whether the claim asks for less than spec.storage does now. */
export function isTooSmall({ spec }: EtcdCluster, claim: KubernetesObject): boolean {
  const requested = quantityOf(requestedSizeOf(claim));
  const wanted = quantityOf(spec.storage.size);
  return requested !== undefined && wanted !== undefined && requested < wanted;
}

/** What the claim asks for; undefined where it does not say. */
export function requestedSizeOf(claim: KubernetesObject): string | undefined {
  return (claim["spec"] as ClaimSpec | undefined)?.resources?.requests?.storage;
}

/** Undefined for one that was bound by hand, without a class. */
export function storageClassOf(claim: KubernetesObject): string | undefined {
  const name = (claim["spec"] as ClaimSpec | undefined)?.storageClassName;
  return name === "" ? undefined : name;
}

/** Whether the claim's owner is as spec.storage.reclaim.onClusterDelete wants it. */
export function hasOwnerByPolicy(cluster: EtcdCluster, claim: KubernetesObject): boolean {
  return isControlledBy(claim, uidOf(cluster)) === isDeletedWith(cluster);
}

interface ClaimSpec {
  readonly storageClassName?: string;
  readonly resources?: { readonly requests?: { readonly storage?: string } };
}

function appliedClaim(
  cluster: EtcdCluster,
  claim: KubernetesObject,
  storage: string | undefined,
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claim.metadata.name,
      namespace: namespaceOf(cluster),
      uid: uidOf(claim),
      ...(isDeletedWith(cluster) ? { ownerReferences: [ownedByCluster(cluster)] } : {}),
    },
    ...(storage === undefined ? {} : { spec: { resources: { requests: { storage } } } }),
  };
}

function isDeletedWith(cluster: EtcdCluster): boolean {
  return cluster.spec.storage.reclaim.onClusterDelete === "Delete";
}
