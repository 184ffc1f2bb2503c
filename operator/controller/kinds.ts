/** The kinds that a cluster is made of, as the API server knows them. */
import { etcdClusters, etcdMembers } from "../api/v1alpha1/names.ts";
import { assert } from "../kernel/assert.ts";
import { apiVersionOf, type KubernetesObject, type ResourceType } from "../kernel/resource.ts";

const core = { group: "", version: "v1", isNamespaced: true } as const;
const rbac = { group: "rbac.authorization.k8s.io", version: "v1", isNamespaced: true } as const;

export const pods: ResourceType = { ...core, plural: "pods", kind: "Pod" };

export const services: ResourceType = { ...core, plural: "services", kind: "Service" };

export const secrets: ResourceType = { ...core, plural: "secrets", kind: "Secret" };

export const volumeClaims: ResourceType = {
  ...core,
  plural: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
};

/** Only read: they are not ours. */
export const nodes: ResourceType = { ...core, isNamespaced: false, plural: "nodes", kind: "Node" };

/** Only read, where claims are to grow. */
export const storageClasses: ResourceType = {
  group: "storage.k8s.io",
  version: "v1",
  plural: "storageclasses",
  kind: "StorageClass",
  isNamespaced: false,
};

export const disruptionBudgets: ResourceType = {
  group: "policy",
  version: "v1",
  plural: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  isNamespaced: true,
};

export const cronJobs: ResourceType = {
  group: "batch",
  version: "v1",
  plural: "cronjobs",
  kind: "CronJob",
  isNamespaced: true,
};

/** With which identity and rights the CronJobs run. */
export const serviceAccounts: ResourceType = {
  ...core,
  plural: "serviceaccounts",
  kind: "ServiceAccount",
};

export const roles: ResourceType = { ...rbac, plural: "roles", kind: "Role" };

export const roleBindings: ResourceType = { ...rbac, plural: "rolebindings", kind: "RoleBinding" };

const known = [
  etcdClusters,
  etcdMembers,
  pods,
  services,
  secrets,
  volumeClaims,
  disruptionBudgets,
  cronJobs,
  serviceAccounts,
  roles,
  roleBindings,
];

/** Of an object that a step is about. Asserts that it says its apiVersion and kind, and that they are one of ours. */
export function resourceTypeOf(object: KubernetesObject): ResourceType {
  const found = known.find(
    (type) => type.kind === object.kind && apiVersionOf(type) === object.apiVersion,
  );
  assert(found !== undefined, "no kind that the operator writes", object.kind ?? "none");
  return found;
}
