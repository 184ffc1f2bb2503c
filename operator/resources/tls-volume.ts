/** How certificates come into a member's Pod, and what the member is told of them. */
import type { EtcdCluster, EtcdMember } from "../api/v1alpha1/types.ts";
import { assert } from "../kernel/assert.ts";
import { memberTlsSecretNameOf } from "./names.ts";
import { peerCommonNameOf } from "./tls-names.ts";
import { hasTls } from "./urls.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Mounted as a directory: the kubelet keeps it up to date, which it never does for a single file (subPath). */
const tlsMountPath = "/etc/etcd/tls";

/** Readable for the group of the volume, which is the member's. */
const fileMode = 0o440;

/** Keys of the Secret `<member>-tls`, and names of the files. */
export const memberTlsKeys = {
  serverCertificate: "server.crt",
  serverKey: "server.key",
  peerCertificate: "peer.crt",
  peerKey: "peer.key",
  /** All CAs that are trusted, for clients and peers. */
  ca: "ca.crt",
} as const;

/** With mode Provided clients and peers may have different CAs. */
const providedCa = { server: "server-ca.crt", peer: "peer-ca.crt" } as const;

/** Flags of both ports. None without TLS. */
export function tlsFlags(
  cluster: EtcdCluster,
): readonly (readonly [string, string | boolean | undefined])[] {
  if (!hasTls(cluster)) return [];
  const { mode, client, peer } = cluster.spec.tls;
  const ca = mode === "Managed" ? { server: memberTlsKeys.ca, peer: memberTlsKeys.ca } : providedCa;
  const file = (name: string): string => `${tlsMountPath}/${name}`;
  const peerCommonName = mode === "Managed" ? peerCommonNameOf(cluster) : peer?.allowedCommonName;
  return [
    ["cert-file", file(memberTlsKeys.serverCertificate)],
    ["key-file", file(memberTlsKeys.serverKey)],
    // Without the CA too: etcd asks every client for a certificate as soon as it has one (client/pkg/transport/listener.go, ServerConfig).
    ...(client.requireClientCert
      ? ([
          ["trusted-ca-file", file(ca.server)],
          ["client-cert-auth", true],
        ] as const)
      : []),
    ["peer-cert-file", file(memberTlsKeys.peerCertificate)],
    ["peer-key-file", file(memberTlsKeys.peerKey)],
    ["peer-trusted-ca-file", file(ca.peer)],
    ["peer-client-cert-auth", true],
    ["peer-cert-allowed-cn", peerCommonName],
    // Who a peer is, its common name says. DNS learns of a new Pod's address late, and the check of addresses would keep the Pod out until then.
    ["peer-skip-client-san-verification", peerCommonName === undefined ? undefined : true],
  ];
}

/** Nothing without TLS. A Pod whose Secret is missing does not start: it would have no certificate to serve with. */
export function tlsVolumesOf(cluster: EtcdCluster, member: EtcdMember): readonly Fields[] {
  switch (cluster.spec.tls.mode) {
    case "Disabled":
      return [];
    case "Managed":
      return [
        {
          name: "tls",
          secret: {
            secretName: memberTlsSecretNameOf(member.metadata.name),
            defaultMode: fileMode,
            optional: false,
          },
        },
      ];
    case "Provided":
      return [{ name: "tls", projected: providedSources(cluster) }];
  }
}

export function tlsMountsOf(cluster: EtcdCluster): readonly Fields[] {
  return hasTls(cluster) ? [{ name: "tls", mountPath: tlsMountPath, readOnly: true }] : [];
}

function providedSources(cluster: EtcdCluster): Fields {
  const { provided } = cluster.spec.tls;
  assert(provided !== undefined, "the CRD demands provided with mode Provided");
  const source = (name: string, side: "server" | "peer"): Fields => ({
    secret: {
      name,
      optional: false,
      items: [
        { key: "tls.crt", path: `${side}.crt` },
        { key: "tls.key", path: `${side}.key` },
        { key: "ca.crt", path: providedCa[side] },
      ],
    },
  });
  return {
    defaultMode: fileMode,
    sources: [
      source(provided.serverSecretRef.name, "server"),
      source(provided.peerSecretRef.name, "peer"),
    ],
  };
}
