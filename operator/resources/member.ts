/** The EtcdMember: a member's identity, which lives as long as its volume. */
import { etcdMembers } from "../api/v1alpha1/names.ts";
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { apiVersionOf, type KubernetesObject } from "../kernel/resource.ts";
import { imageOf } from "./image.ts";
import { memberLabelsOf } from "./labels.ts";
import { ownedByCluster, uidOf } from "./owners.ts";
import { namespaceOf, peerUrlOf } from "./urls.ts";

export interface NewMember {
  readonly name: string;
  readonly bootstrap: "NewCluster" | "JoinExisting";
  /** Domain of members of clusters whose spec names none. */
  readonly clusterDomain: string;
  /** Image of members of clusters whose spec names none. */
  readonly defaultImage: string;
}

/** For creation. All of its spec but the image stays as it is for life. */
export function buildMember(cluster: EtcdCluster, member: NewMember): EtcdMember {
  const clusterName = cluster.metadata.name;
  return {
    apiVersion: apiVersionOf(etcdMembers),
    kind: etcdMembers.kind,
    metadata: {
      name: member.name,
      namespace: namespaceOf(cluster),
      labels: memberLabelsOf(clusterName, member.name),
      ownerReferences: [ownedByCluster(cluster)],
    },
    spec: {
      clusterName,
      bootstrap: member.bootstrap,
      clusterToken: clusterTokenOf(cluster),
      peerURL: peerUrlOf(cluster, member.name, member.clusterDomain),
      image: imageOf(cluster.spec.image, member.defaultImage),
    },
  };
}

/** For server-side apply: the image alone, of this very member. */
export function memberWithImage(member: EtcdMember, image: string): KubernetesObject {
  const { name, namespace } = member.metadata;
  return {
    apiVersion: apiVersionOf(etcdMembers),
    kind: etcdMembers.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: uidOf(member),
    },
    spec: { image },
  };
}

/** With the uid: a cluster of the same name that is made later gets other ids, also for equal URLs. */
function clusterTokenOf(cluster: EtcdCluster): string {
  return `${namespaceOf(cluster)}/${cluster.metadata.name}/${uidOf(cluster)}`;
}
