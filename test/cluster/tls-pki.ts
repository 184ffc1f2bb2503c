/** Certificates of a cluster: of members and of clients, from two CAs, in files. */

import { writeFiles } from "../support/pki/files.ts";
import { TestCa, type TestLeaf } from "../support/pki.ts";
import type { ClusterTls } from "./cluster-member.ts";

export interface ClusterPki extends ClusterTls {
  /** Of the members. */
  readonly ca: TestCa;
}

/** What --peer-cert-allowed-cn and --peer-cert-allowed-hostname may ask for. */
export const memberName = "member";
export const memberHostname = "members.example";

/** A member's certificate for its peers: both names are right where no other is given. */
export const peerLeaf = (
  ca: TestCa,
  { commonName = memberName, hostname = memberHostname } = {},
): TestLeaf =>
  ca.leaf({ commonName, dnsNames: [hostname, "localhost"], ipAddresses: ["127.0.0.1"] });

export function clusterPki(directory: string): ClusterPki {
  const ca = TestCa.create("peers' CA");
  const clientCa = TestCa.create("clients' CA");
  const own = peerLeaf(ca);
  const server = clientCa.leaf({ commonName: "server" });
  const client = clientCa.leaf({ commonName: "client", dnsNames: [], usages: ["clientAuth"] });
  const paths = writeFiles(directory, {
    "peer-ca.crt": ca.certPem,
    "peer.crt": own.certPem,
    "peer.key": own.keyPem,
    "client-ca.crt": clientCa.certPem,
    "server.crt": server.certPem,
    "server.key": server.keyPem,
    "client.crt": client.certPem,
    "client.key": client.keyPem,
  });
  return {
    ca,
    client: {
      ca: paths["client-ca.crt"],
      cert: paths["server.crt"],
      key: paths["server.key"],
      clientCert: paths["client.crt"],
      clientKey: paths["client.key"],
    },
    peer: { ca: paths["peer-ca.crt"], cert: paths["peer.crt"], key: paths["peer.key"] },
  };
}
