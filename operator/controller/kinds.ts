/** The kinds that a cluster is made of, as the API server knows them. */
import { etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import { assert } from "../kernel/assert.ts";
import { apiVersionOf, type KubernetesObject, type ResourceType } from "../kernel/resource.ts";

const core = { group: "", version: "v1", isNamespaced: true } as const;

export const pods: ResourceType = { ...core, plural: "pods", kind: "Pod" };

export const services: ResourceType = { ...core, plural: "services", kind: "Service" };

export const volumeClaims: ResourceType = {
  ...core,
  plural: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
};

const known = [etcdClusters, etcdMembers, pods, services, volumeClaims];

/** Of an object that a step is about. Asserts that it says its apiVersion and kind, and that they are one of ours. */
export function resourceTypeOf(object: KubernetesObject): ResourceType {
  const found = known.find(
    (type) => type.kind === object.kind && apiVersionOf(type) === object.apiVersion,
  );
  assert(found !== undefined, "no kind that the operator writes", object.kind ?? "none");
  return found;
}
