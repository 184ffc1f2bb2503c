/** What certificates of mode Managed are for: their names, by which members, the operator and applications know each other. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { clientServiceNameOf, peersServiceNameOf } from "./names.ts";
import { hashOf } from "./template-hash.ts";
import { hostOf, namespaceOf } from "./urls.ts";

/** Names that stand in a certificate. */
export interface LeafNames {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** What a common name may have at most (RFC 5280, appendix A, ub-common-name). */
const commonNameLimit = 64;
/** The CRD refuses common names of applications with this ending: none of them can be a peer. */
const peerEnding = ".etcd-peer";

/** The operator's common name, as which it is a client. */
const operatorCommonName = "etcd-ts-operator";

/**
 * Common name of every peer's certificate, the only one that members let in: `<cluster>.<namespace>.etcd-peer`. Where that is too long, its beginning and
 * a hash of the whole: names need to differ from those of applications under the same CA, and not from other clusters', whose CA is another one.
 */
export function peerCommonNameOf(cluster: EtcdCluster): string {
  const name = `${cluster.metadata.name}.${namespaceOf(cluster)}`;
  if (name.length + peerEnding.length <= commonNameLimit) return `${name}${peerEnding}`;
  const hash = hashOf(name);
  const kept = commonNameLimit - peerEnding.length - hash.length - 1;
  return `${name.slice(0, kept)}-${hash}${peerEnding}`;
}

/**
 * Of a member's peer port. It is a server's and a client's certificate: the other side of a connection checks that a name of it leads to the address that it
 * comes from. The wildcards let an address pass whose name DNS does not give yet, by reverse look-up.
 */
export function peerLeafNames(cluster: EtcdCluster, member: EtcdMember): LeafNames {
  const peers = peersServiceNameOf(cluster.metadata.name);
  return {
    commonName: peerCommonNameOf(cluster),
    dnsNames: unique([
      ...serviceNames(cluster, member, `${member.metadata.name}.${peers}`),
      ...serviceNames(cluster, member, `*.${peers}`).filter((name) => name.includes(".svc")),
    ]),
    ipAddresses: [],
  };
}

/** Of a member's client port: its own names, those of the Service for clients, the machine itself, and what the user adds. */
export function serverLeafNames(cluster: EtcdCluster, member: EtcdMember): LeafNames {
  const { name } = cluster.metadata;
  const { extraSANs } = cluster.spec.tls;
  return {
    commonName: member.metadata.name,
    dnsNames: unique([
      ...serviceNames(cluster, member, `${member.metadata.name}.${peersServiceNameOf(name)}`),
      ...serviceNames(cluster, member, clientServiceNameOf(name)),
      "localhost",
      ...(extraSANs?.dnsNames ?? []),
    ]),
    ipAddresses: unique(["127.0.0.1", "::1", ...(extraSANs?.ipAddresses ?? [])]),
  };
}

export function operatorLeafNames(): LeafNames {
  return { commonName: operatorCommonName, dnsNames: [], ipAddresses: [] };
}

/** `application`: an item of spec.tls.clients. */
export function clientLeafNames(application: {
  readonly name: string;
  readonly commonName?: string;
}): LeafNames {
  return { commonName: application.commonName ?? application.name, dnsNames: [], ipAddresses: [] };
}

/** A name under a Service, in each form that resolvers know; the last one is with the domain, which the member's URL tells. */
function serviceNames(cluster: EtcdCluster, member: EtcdMember, name: string): readonly string[] {
  const namespace = namespaceOf(cluster);
  const host = hostOf(member);
  const domain = host.slice(host.indexOf(".svc.") + ".svc.".length);
  const inNamespace = `${name}.${namespace}`;
  return [name, inNamespace, `${inNamespace}.svc`, `${inNamespace}.svc.${domain}`];
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
