/** Owner references, by which Kubernetes' own garbage collection deletes what belonged to a cluster, with or without an operator. */
import { etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { assert } from "../kernel/assert.ts";
import {
  apiVersionOf,
  type KubernetesObject,
  type OwnerReference,
  type ResourceType,
} from "../kernel/resource.ts";

export function ownedByCluster(cluster: EtcdCluster): OwnerReference {
  return ownerReference(etcdClusters, cluster);
}

export function ownedByMember(member: EtcdMember): OwnerReference {
  return ownerReference(etcdMembers, member);
}

/** By uid: an object of the same name that was there before is somebody else. */
export function isControlledBy(object: KubernetesObject, ownerUid: string): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.uid === ownerUid,
  );
}

/** The uid of an object that the API server gave. */
export function uidOf(object: KubernetesObject): string {
  const { uid, name } = object.metadata;
  assert(uid !== undefined, "an object that was read has a uid", name);
  return uid;
}

function ownerReference(type: ResourceType, owner: KubernetesObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata.name,
    uid: uidOf(owner),
    controller: true,
    blockOwnerDeletion: true,
  };
}
