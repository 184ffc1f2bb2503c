/** Whose an object is. Names can be taken by anybody, and a cluster that is made anew has the old one's name: only uids tell. */
import { clusterLabel, memberLabel } from "../api/v1alpha1/names.ts";
import type { KubernetesObject, OwnerReference } from "../kernel/resource.ts";

function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

export function isControlledBy(object: KubernetesObject, owner: KubernetesObject): boolean {
  const uid = controllerOf(object)?.uid;
  return uid !== undefined && uid === owner.metadata.uid;
}

/**
 * Whether a volume claim is this member's. One that is kept beyond the cluster's life has no owner, and its labels tell; whether it is the
 * very volume that the member started with, its uid in the member's status tells.
 */
export function belongsTo(
  claim: KubernetesObject,
  cluster: KubernetesObject,
  member: KubernetesObject,
): boolean {
  if (controllerOf(claim) !== undefined) return isControlledBy(claim, cluster);
  const labels = claim.metadata.labels ?? {};
  return (
    labels[clusterLabel] === cluster.metadata.name && labels[memberLabel] === member.metadata.name
  );
}
