/** Names that other programs and people rely on: the API group's kinds, labels and annotations. */
import type { ResourceType } from "../../kernel/resource.ts";

export const group = "etcd-ts.dev";
export const version = "v1alpha1";

export const etcdClusters: ResourceType = {
  group,
  version,
  plural: "etcdclusters",
  kind: "EtcdCluster",
  isNamespaced: true,
};

export const etcdMembers: ResourceType = {
  group,
  version,
  plural: "etcdmembers",
  kind: "EtcdMember",
  isNamespaced: true,
};

/** Name of the EtcdCluster, on everything that belongs to it. */
export const clusterLabel = "etcd-ts.dev/cluster";
/** Name of the EtcdMember, on its Pod and volume claim. */
export const memberLabel = "etcd-ts.dev/member";
/** On Pods: hash of what the user asked of the pod, so that a change is seen. The operator's own defaults are not in it. */
export const templateHashAnnotation = "etcd-ts.dev/template-hash";
/** Field manager of server-side apply; that of status is the same with "-status" behind it. */
export const fieldManager = "etcd-ts-operator";
