/**
 * Who is let in at the client port: real etcdctl, OpenSSL, curl and Go dial with every kind of certificate, by TLS 1.2 and 1.3, over HTTP/1.1 and HTTP/2. Each one that is
 * refused stands in the log with the cause and its address.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { selfSignedLeaf, TestCa } from "../support/pki.ts";
import { file, leafFiles } from "./tls-files.ts";
import { sideFlags, TlsMember } from "./tls-member.ts";
import { curl, etcdctl, go, openssl } from "./tls-programs.ts";
import { checkRow, type Port, type Row } from "./tls-rows.ts";

const programs = {
  etcdctl,
  "openssl, TLS 1.2": openssl("tls1_2"),
  "openssl, TLS 1.3": openssl("tls1_3"),
  "curl, TLS 1.2, HTTP/1.1": curl("1.2", "http1.1"),
  "curl, TLS 1.3, HTTP/2": curl("1.3", "http2"),
  "Go, TLS 1.2, h2": go("1.2", ["h2"]),
  "Go, TLS 1.3, h2": go("1.3", ["h2"]),
  "Go, TLS 1.2, http/1.1": go("1.2", ["http/1.1"]),
  "Go, TLS 1.3, no ALPN": go("1.3", []),
};

const ca = TestCa.create("clients' CA");
const servers = TestCa.create("servers' CA");
const intermediate = ca.intermediate("intermediate");
const lostIntermediate = ca.intermediate("lost intermediate");
const client = { commonName: "client", dnsNames: [], usages: ["clientAuth"] } as const;
const revoked = ca.leaf(client);
const withName = { commonName: "client", dnsNames: ["one.clients.example"] } as const;
const revokedWithName = ca.leaf(withName);

const unknownAuthority =
  "tls: failed to verify certificate: x509: certificate signed by unknown authority";
const notAllowed = "client certificate authentication failed";
const hex = (serial: Uint8Array): string => Buffer.from(serial).toString("hex").replace(/^0+/, "");

const byCommonName: readonly Row[] = [
  { title: "right", leaf: ca.leaf(client) },
  { title: "right, RSA", leaf: ca.leaf({ ...client, keyType: "rsa-2048" }) },
  { title: "right, Ed25519", leaf: ca.leaf({ ...client, keyType: "ed25519" }) },
  { title: "right, P-384", leaf: ca.leaf({ ...client, keyType: "ecdsa-p384" }) },
  { title: "right, by an intermediate CA", leaf: intermediate.leaf(client) },
  { title: "none", refused: "tls: client didn't provide a certificate" },
  {
    title: "of another CA with the same name",
    leaf: TestCa.create("clients' CA").leaf(client),
    refused: unknownAuthority,
  },
  { title: "of the servers' CA", leaf: servers.leaf(client), refused: unknownAuthority },
  { title: "self-signed", leaf: selfSignedLeaf(client), refused: unknownAuthority },
  {
    title: "expired",
    leaf: ca.leaf({ ...client, validity: "expired" }),
    refused: /x509: certificate has expired or is not yet valid: current time .* is after /,
  },
  {
    title: "not yet valid",
    leaf: ca.leaf({ ...client, validity: "future" }),
    refused: /x509: certificate has expired or is not yet valid: current time .* is before /,
  },
  {
    title: "revoked",
    leaf: revoked,
    refused: `transport: certificate serial ${hex(revoked.serial)} revoked`,
  },
  {
    title: "by a revoked intermediate CA",
    leaf: lostIntermediate.leaf(client),
    refused: `transport: certificate serial ${hex(lostIntermediate.serial)} revoked`,
  },
  {
    title: "other common name",
    leaf: ca.leaf({ ...client, commonName: "Client" }),
    refused: notAllowed,
  },
  {
    title: "no common name",
    leaf: ca.leaf({ ...client, commonName: "", dnsNames: ["client"] }),
    refused: notAllowed,
  },
  {
    title: "the name as a DNS name only",
    leaf: ca.leaf({ ...client, commonName: "other", dnsNames: ["client"] }),
    refused: notAllowed,
  },
  {
    title: "for servers only",
    leaf: ca.leaf({ ...client, usages: ["serverAuth"] }),
    refused:
      "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage",
  },
];

const byHostname: readonly Row[] = [
  { title: "right name", leaf: ca.leaf(withName) },
  {
    title: "right by a wildcard",
    leaf: ca.leaf({ ...client, commonName: "other", dnsNames: ["*.clients.example"] }),
  },
  {
    title: "other name",
    leaf: ca.leaf({ ...client, dnsNames: ["two.clients.example"] }),
    refused: notAllowed,
  },
  {
    title: "the name as common name only",
    leaf: ca.leaf({ ...client, commonName: "one.clients.example" }),
    refused: notAllowed,
  },
  {
    title: "revoked by a list in PEM",
    leaf: revokedWithName,
    refused: `transport: certificate serial ${hex(revokedWithName.serial)} revoked`,
  },
];

describe("certificates of clients", needs("etcdctl", "openssl", "curl", "tls"), () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-clients-"));
  const server = { commonName: "server" };
  const crl = ca.crl([revoked, lostIntermediate, revokedWithName]);
  const caFile = file(directory, "ca.crt", ca.certPem);
  const serversCaFile = file(directory, "servers.crt", servers.certPem);
  const members: TlsMember[] = [];

  const start = async (
    name: string,
    rows: readonly Row[],
    {
      crlFile,
      keyType,
      flags,
    }: { crlFile: string; keyType: "rsa-2048" | "ed25519"; flags: string[] },
  ): Promise<void> => {
    const leaf = leafFiles(directory, name, servers.leaf({ ...server, keyType }));
    const sides = sideFlags("", { leaf, ca: caFile, crl: crlFile });
    const [clientPorts, peerScheme] = [rows.length, "http"] as const;
    const options = { directory, name, clientPorts, peerScheme, flags: [...sides, ...flags] };
    members.push(await TlsMember.start(options));
  };
  before(async () => {
    await start("by-common-name", byCommonName, {
      crlFile: file(directory, "crl.der", crl.der),
      keyType: "rsa-2048",
      flags: ["--client-cert-allowed-cn=another,client"],
    });
    await start("by-hostname", byHostname, {
      crlFile: file(directory, "crl.pem", crl.pem),
      keyType: "ed25519",
      flags: ["--client-cert-allowed-hostname=one.clients.example"],
    });
  });
  after(async () => {
    await Promise.all(members.map((member) => member.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [at, rows] of [byCommonName, byHostname].entries()) {
    for (const [index, row] of rows.entries()) {
      test(`${row.title}: ${row.refused === undefined ? "served" : "refused"}`, async () => {
        const member = members[at];
        assert(member !== undefined);
        const address = member.addresses[index] ?? "";
        const port: Port = { member, address, endpoint: "client", ca: serversCaFile };
        await checkRow(port, row, { programs, directory });
      });
    }
  }

  test("every connection is counted, the refused ones as such", async () => {
    const [member] = members;
    assert(member !== undefined);
    const leaf = leafFiles(directory, "scraper", ca.leaf(client));
    const scrape = await curl("1.3", "http1.1", "/metrics")({ address: member.address, leaf });
    const value = (series: string): number =>
      Number(new RegExp(`^${series} (\\d+)$`, "m").exec(scrape.text)?.[1]);
    const dials = Object.keys(programs).length;
    const refused = byCommonName.filter((row) => row.refused !== undefined).length * dials;
    const served = byCommonName.length * dials - refused;
    assert(value('etcd_ts_tls_handshake_failures_total{side="client"}') >= refused, scrape.text);
    const handshakes = 'etcd_ts_tls_handshakes_total{side="client",resumed="false"}';
    assert(value(handshakes) >= served, scrape.text);
    assert.equal(value('etcd_ts_tls_handshakes_total{side="client",resumed="true"}'), 0);
  });
});
