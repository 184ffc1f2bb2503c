/** The claim of a member's volume. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { memberLabelsOf } from "./labels.ts";
import { volumeClaimNameOf } from "./names.ts";
import { isControlledBy, ownedByCluster, uidOf } from "./owners.ts";
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
 * For server-side apply to a claim that is there: its owner by the policy. With the uid, and without what a claim must have, so that it can make no new
 * one and touch no other one.
 */
export function ownedVolumeClaim(cluster: EtcdCluster, claim: KubernetesObject): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claim.metadata.name,
      namespace: namespaceOf(cluster),
      uid: uidOf(claim),
      ...(isDeletedWith(cluster) ? { ownerReferences: [ownedByCluster(cluster)] } : {}),
    },
  };
}

/** Whether the claim's owner is as spec.storage.reclaim.onClusterDelete wants it. */
export function hasOwnerByPolicy(cluster: EtcdCluster, claim: KubernetesObject): boolean {
  return isControlledBy(claim, uidOf(cluster)) === isDeletedWith(cluster);
}

function isDeletedWith(cluster: EtcdCluster): boolean {
  return cluster.spec.storage.reclaim.onClusterDelete === "Delete";
}
