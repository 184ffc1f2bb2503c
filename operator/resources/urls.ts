/** Ports and URLs of a cluster: the only place where one is put together. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { clientServiceNameOf, peersServiceNameOf } from "./names.ts";

export const clientPort = 2379;
export const peerPort = 2380;
/** Metrics and health in plain HTTP, whatever the client port demands. */
export const metricsPort = 2381;

/** Scheme, DNS name and port are a member's identity: made once, when the member is, and then read from its spec. */
export function peerUrlOf(
  cluster: EtcdCluster,
  memberName: string,
  operatorClusterDomain: string,
): string {
  const service = peersServiceNameOf(cluster.metadata.name);
  const domain = cluster.spec.clusterDomain ?? operatorClusterDomain;
  const namespace = namespaceOf(cluster);
  return `${schemeOf(cluster)}://${memberName}.${service}.${namespace}.svc.${domain}:${peerPort}`;
}

/**
 * Where clients, the operator among them, reach this one member. Taken from its peer URL, so that another --cluster-domain of the operator
 * does not move members that live. Client and peer port have TLS both or none.
 */
export function clientUrlOf(member: EtcdMember): string {
  return member.spec.peerURL.replace(/:\d+$/, `:${clientPort}`);
}

/** Where clients reach whichever member is ready. Without the domain: resolvers add it. */
export function endpointOf(cluster: EtcdCluster): string {
  return `${schemeOf(cluster)}://${clientServiceNameOf(cluster.metadata.name)}.${namespaceOf(cluster)}.svc:${clientPort}`;
}

/** Host of the member's URLs: the DNS name that its certificates are for. */
export function hostOf(member: EtcdMember): string {
  return member.spec.peerURL.replace(/^[a-z]+:\/\//, "").replace(/:\d+$/, "");
}

/** Whether client and peer port speak TLS. It cannot change in a cluster's life. */
export function hasTls(cluster: EtcdCluster): boolean {
  return cluster.spec.tls.mode !== "Disabled";
}

/** EtcdCluster is a namespaced kind: the API server never gives one without. */
export function namespaceOf(cluster: EtcdCluster): string {
  return cluster.metadata.namespace ?? "default";
}

function schemeOf(cluster: EtcdCluster): "http" | "https" {
  return hasTls(cluster) ? "https" : "http";
}
