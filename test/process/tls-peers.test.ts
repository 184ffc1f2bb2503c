/**
 * Who is let in at the peer port, as a row of certificates shows it; and that whoever is not gets no byte of an answer, whatever it asks for: it can neither join,
 * vote, stream, post a message, send a snapshot, probe, nor list the members.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { needs } from "../support/peers.ts";
import { type LeafOptions, TestCa, type TestLeaf } from "../support/pki.ts";
import { peerQuestions, type RawAnswer, type RawVersion, rawQuestion } from "./raw-tls.ts";
import { file, leafFiles } from "./tls-files.ts";
import { sideFlags, TlsMember } from "./tls-member.ts";
import { curl, go, openssl } from "./tls-programs.ts";
import { checkRow, type Row } from "./tls-rows.ts";
import { unknownAuthority, unverified, wrongLeaves } from "./tls-wrong-leaves.ts";

const programs = {
  "openssl, TLS 1.2": openssl("tls1_2"),
  "openssl, TLS 1.3": openssl("tls1_3"),
  "curl, TLS 1.2": curl("1.2", "http1.1"),
  "curl, TLS 1.3": curl("1.3", "http1.1"),
  "Go, TLS 1.2, no ALPN": go("1.2", []),
  "Go, TLS 1.3, http/1.1": go("1.3", ["http/1.1"]),
};

const ca = TestCa.create("peers' CA");
const clientsCa = TestCa.create("clients' CA");
const peerLeaf = (options: LeafOptions = {}): TestLeaf =>
  ca.leaf({ commonName: "member", ...options });
const revoked = peerLeaf();

const notAllowed = "client certificate authentication failed";

const everywhere: readonly Row[] = [
  { title: "none", refused: "tls: client didn't provide a certificate" },
  {
    title: "of the clients' CA",
    leaf: clientsCa.leaf({ commonName: "member" }),
    refused: unknownAuthority,
  },
  ...wrongLeaves(peerLeaf, revoked),
  {
    title: "for servers only",
    leaf: peerLeaf({ usages: ["serverAuth"] }),
    refused: `${unverified}certificate specifies an incompatible key usage`,
  },
];

const byCommonName: readonly Row[] = [
  { title: "right", leaf: peerLeaf() },
  { title: "right, RSA", leaf: peerLeaf({ keyType: "rsa-2048" }) },
  { title: "right, Ed25519", leaf: peerLeaf({ keyType: "ed25519" }) },
  { title: "right, without any address", leaf: peerLeaf({ dnsNames: [] }) },
  { title: "right, by a name of this address", leaf: peerLeaf({ dnsNames: ["localhost"] }) },
  ...everywhere,
  { title: "other common name", leaf: peerLeaf({ commonName: "stranger" }), refused: notAllowed },
  {
    title: "another address",
    leaf: peerLeaf({ ipAddresses: ["127.0.0.9"] }),
    refused: "x509: certificate is valid for 127.0.0.9, not 127.0.0.1",
  },
  {
    title: "a name of another address",
    leaf: peerLeaf({ dnsNames: ["member.invalid"] }),
    refused: /^tls: "127\.0\.0\.1" does not match any of DNSNames \["member\.invalid"\]/,
  },
];

const byHostname: readonly Row[] = [
  { title: "right name", leaf: peerLeaf({ dnsNames: ["localhost", "members.example"] }) },
  {
    title: "other name",
    leaf: peerLeaf({ dnsNames: ["localhost", "other.example"] }),
    refused: notAllowed,
  },
  {
    title: "the name as common name only",
    leaf: peerLeaf({ commonName: "members.example" }),
    refused: notAllowed,
  },
];

describe("certificates of peers that dial", needs("openssl", "curl", "tls"), () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-peers-"));
  const crl = ca.crl([revoked]);
  const caFile = file(directory, "ca.crt", ca.certPem);
  const own = leafFiles(directory, "own", peerLeaf());
  let members: readonly TlsMember[] = [];
  before(async () => {
    const start = (name: string, crlFile: string, peerPorts: number, flag: string) =>
      TlsMember.start({
        ...{ directory, name, peerPorts },
        clientScheme: "http",
        flags: [...sideFlags("peer-", { leaf: own, ca: caFile, crl: crlFile }), flag],
      });
    members = await Promise.all([
      start(
        "by-common-name",
        file(directory, "crl.pem", crl.pem),
        byCommonName.length,
        "--peer-cert-allowed-cn=member",
      ),
      start(
        "by-hostname",
        file(directory, "crl.der", crl.der),
        byHostname.length,
        "--peer-cert-allowed-hostname=members.example",
      ),
    ]);
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
        const address = member.peerAddresses[index] ?? "";
        const port = { member, address, endpoint: "peer", ca: caFile } as const;
        await checkRow(port, row, { programs, directory });
      });
    }
  }

  const ask = (leaf: TestLeaf, version: RawVersion): Promise<RawAnswer[]> => {
    const address = members[0]?.peerAddress ?? "";
    return Promise.all(
      peerQuestions.map((question) =>
        rawQuestion({ address, ca: ca.certPem, leaf, version }, question),
      ),
    );
  };

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`a peer whose name is not allowed gets no byte of HTTP, whatever it asks for: ${version}`, async () => {
      const strangers = await ask(peerLeaf({ commonName: "stranger" }), version);
      assert.deepEqual(
        strangers.filter(({ text }) => text !== ""),
        [],
      );
      // The same questions are answered where the name is allowed.
      const friends = await ask(peerLeaf(), version);
      assert.deepEqual(
        friends.filter(({ text }) => !/^HTTP\/1\.1 \d{3} /.test(text)),
        [],
      );
    });
  }
});
