/**
 * The rights that the chart may give, each written out: "group/resource verb", with the names of objects behind it where a right is for these alone.
 * A right that is not here is a failure of the test, and so is one that the operator lacks.
 */
import type { Json, KubeObject } from "./chart-files.ts";

function rights(resource: string, verbs: string): string[] {
  return verbs.split(" ").map((verb) => `${resource} ${verb}`);
}

/** Where EtcdClusters are served. */
export const operatorRights: readonly string[] = [
  ...rights("etcd-ts.dev/etcdclusters", "get list watch"),
  ...rights("etcd-ts.dev/etcdclusters/status", "get patch update"),
  ...rights("etcd-ts.dev/etcdclusters/finalizers", "update"),
  ...rights("etcd-ts.dev/etcdmembers", "get list watch create patch update delete"),
  ...rights("etcd-ts.dev/etcdmembers/status", "get patch update"),
  ...rights("etcd-ts.dev/etcdmembers/finalizers", "update"),
  ...rights("/pods", "get list watch create delete patch"),
  ...rights("/pods/eviction", "create"),
  ...rights("/persistentvolumeclaims", "get list watch create delete patch"),
  ...rights("/services", "get list watch create patch"),
  ...rights("/secrets", "get list watch create patch delete"),
  ...rights("policy/poddisruptionbudgets", "get list watch create patch"),
  ...rights("batch/cronjobs", "get list watch create patch delete"),
  ...rights("/serviceaccounts", "get create patch delete"),
  ...rights("rbac.authorization.k8s.io/roles", "get create patch delete"),
  ...rights("rbac.authorization.k8s.io/rolebindings", "get create patch delete"),
  ...rights("coordination.k8s.io/leases", "get create update"),
  ...rights("events.k8s.io/events", "create patch"),
].sort();

/** Where all namespaces are served: nodes and storage classes belong to none. */
export const clusterWideRights: readonly string[] = [
  ...operatorRights,
  "/nodes get",
  "storage.k8s.io/storageclasses get",
].sort();

/** In the release's namespace; the lease has the name of the Deployment. */
export function electionRights(lease: string): string[] {
  return [
    `coordination.k8s.io/leases get ${lease}`,
    `coordination.k8s.io/leases update ${lease}`,
    "coordination.k8s.io/leases create",
  ].sort();
}

const crdNames = "etcdclusters.etcd-ts.dev,etcdmembers.etcd-ts.dev";

/** Of the hook, while it runs. */
export const hookRights: readonly string[] = [
  "apiextensions.k8s.io/customresourcedefinitions create",
  `apiextensions.k8s.io/customresourcedefinitions get ${crdNames}`,
  `apiextensions.k8s.io/customresourcedefinitions patch ${crdNames}`,
];

interface Rule extends Json {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** The rights in a Role or ClusterRole, one by one, sorted. */
export function rightsOf(role: KubeObject): string[] {
  return (role["rules"] as readonly Rule[])
    .flatMap(({ apiGroups, resources, verbs, resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) =>
            [`${group}/${resource}`, verb, resourceNames?.join(",")].filter(Boolean).join(" "),
          ),
        ),
      ),
    )
    .sort();
}
