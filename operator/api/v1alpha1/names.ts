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
/** On an EtcdCluster, set by people: the nonce of status.quorumRecovery whose recovery they approve. */
export const recoverQuorumAnnotation = "etcd-ts.dev/recover-quorum";
/** On an EtcdCluster, set by people: certificates are made anew once for each new value. "ca…": the CA too; anything else: the leaves. */
export const rotateAnnotation = "etcd-ts.dev/rotate";
/** On Secrets with certificates: when the operator wrote them last, RFC 3339. Those who mount them have them some minutes later. */
export const certificatesChangedAnnotation = "etcd-ts.dev/certificates-changed";
/** On a Pod that was made with --force-new-cluster: it is replaced by one without as soon as it has done its work. */
export const forceNewClusterAnnotation = "etcd-ts.dev/force-new-cluster";
/** Field manager of server-side apply; that of status is the same with "-status" behind it. */
export const fieldManager = "etcd-ts-operator";
