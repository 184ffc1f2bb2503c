/**
 * Whom a member talks to when it dials: servers with every kind of certificate stand where its peers should be. Those that are wrong get no byte of a request, and the log
 * has the cause and the address of each.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { SecureVersion } from "node:tls";
import { until } from "../cluster/until.ts";
import { type LeafOptions, TestCa, type TestLeaf } from "../support/pki.ts";
import { FakePeer } from "./tls-fake.ts";
import { file, leafFiles } from "./tls-files.ts";
import { sideFlags, TlsMember } from "./tls-member.ts";
import { unverified, wrongLeaves } from "./tls-wrong-leaves.ts";

interface DialledRow {
  readonly title: string;
  readonly leaf: TestLeaf | undefined;
  /** In the peer's URL; 127.0.0.1 where it is left out. */
  readonly host?: string;
  /** What the log says; undefined for one that is talked to. */
  readonly refused?: string | RegExp;
}

interface Dialled extends DialledRow {
  readonly version: SecureVersion;
  readonly fake: FakePeer;
  readonly url: string;
}

const ca = TestCa.create("peers' CA");
const peerLeaf = (options: LeafOptions = {}): TestLeaf =>
  ca.leaf({ commonName: "member", ...options });
const intermediate = ca.intermediate("intermediate");
const revoked = peerLeaf();
const notAllowed = "client certificate authentication failed";

const byCommonName: readonly DialledRow[] = [
  { title: "right", leaf: peerLeaf() },
  { title: "right, RSA", leaf: peerLeaf({ keyType: "rsa-2048" }) },
  { title: "right, Ed25519", leaf: peerLeaf({ keyType: "ed25519" }) },
  { title: "right, by an intermediate CA", leaf: intermediate.leaf({ commonName: "member" }) },
  { title: "right, by its name", leaf: peerLeaf({ dnsNames: ["localhost"] }), host: "localhost" },
  ...wrongLeaves(peerLeaf, revoked),
  { title: "other common name", leaf: peerLeaf({ commonName: "stranger" }), refused: notAllowed },
  {
    title: "another address",
    leaf: peerLeaf({ ipAddresses: ["127.0.0.9"] }),
    refused: `${unverified}certificate is valid for 127.0.0.9, not 127.0.0.1`,
  },
  {
    title: "a name where an address is dialled",
    leaf: peerLeaf({ dnsNames: ["localhost"] }),
    refused: `${unverified}cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs`,
  },
  {
    title: "another name",
    leaf: peerLeaf({ dnsNames: ["member.example"] }),
    host: "localhost",
    refused: `${unverified}certificate is valid for member.example, not localhost`,
  },
  {
    title: "for clients only",
    leaf: peerLeaf({ usages: ["clientAuth"] }),
    refused: `${unverified}certificate specifies an incompatible key usage`,
  },
  {
    title: "no TLS",
    leaf: undefined,
    refused: "tls: first record does not look like a TLS handshake",
  },
];

const byHostname: readonly DialledRow[] = [
  {
    title: "right name",
    leaf: peerLeaf({ dnsNames: ["members.example"], ipAddresses: ["127.0.0.1"] }),
  },
  { title: "not the name that is allowed", leaf: peerLeaf(), refused: notAllowed },
  {
    title: "the name as common name only",
    leaf: ca.leaf({ commonName: "members.example" }),
    refused: notAllowed,
  },
];

describe("certificates of peers that are dialled", () => {
  const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-dialled-"));
  const caFile = file(directory, "ca.crt", ca.certPem);
  const crl = file(directory, "crl.der", ca.crl([revoked]).der);
  const own = leafFiles(directory, "own", peerLeaf());
  const tables: { readonly member: TlsMember; readonly dialled: readonly Dialled[] }[] = [];

  /** A member of a cluster in which all others are those of the rows, each once by every version of TLS. */
  const start = async (name: string, rows: readonly DialledRow[], flag: string): Promise<void> => {
    const all = rows.flatMap((row) =>
      (["TLSv1.2", "TLSv1.3"] as const).map((version) => ({ ...row, version })),
    );
    const dialled = await Promise.all(all.map(listen));
    const others = dialled.map(({ url }, at) => `fake${at}=${url}`).join(",");
    const flags = [...sideFlags("peer-", { leaf: own, ca: caFile, crl }), flag];
    const clientScheme = "http";
    const member = await TlsMember.begin({ directory, name, clientScheme, others, flags });
    tables.push({ member, dialled });
  };
  before(async () => {
    await start("by-common-name", byCommonName, "--peer-cert-allowed-cn=member");
    await start("by-hostname", byHostname, "--peer-cert-allowed-hostname=members.example");
  });
  after(async () => {
    await Promise.all(tables.map(({ member }) => member.stop()));
    for (const { dialled } of tables) await Promise.all(dialled.map(({ fake }) => fake.close()));
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [at, rows] of [byCommonName, byHostname].entries()) {
    for (const { title, refused } of rows) {
      test(`${title}: ${refused === undefined ? "talked to" : "refused"}`, async () => {
        const table = tables[at];
        assert(table !== undefined);
        const both = table.dialled.filter((one) => one.title === title);
        assert.equal(both.length, 2);
        for (const one of both) await check(table.member, one);
      });
    }
  }
});

async function listen(row: DialledRow & { readonly version: SecureVersion }): Promise<Dialled> {
  const fake = await FakePeer.listen(row);
  return { ...row, fake, url: `https://${row.host ?? "127.0.0.1"}:${fake.port}` };
}

async function check(member: TlsMember, { fake, url, refused, version }: Dialled): Promise<void> {
  if (refused === undefined) {
    const isAsked = (): true | undefined =>
      fake.received.includes("GET /raft/stream/msgapp/") || undefined;
    await until(`a stream to ${url} by ${version}`, isAsked);
    return;
  }
  const told = (): (string | undefined)[] =>
    member
      .lines(0)
      .filter(({ msg }) => msg === "prober detected unhealthy status")
      .filter((line) => line["address"] === url)
      .map(({ error }) => error);
  const isIt = (error: string | undefined): boolean =>
    typeof refused === "string" ? error === refused : refused.test(error ?? "");
  // A busy machine may tell first that it took too long.
  const cause = (): true | undefined => told().some(isIt) || undefined;
  await until(`${String(refused)} of ${url} by ${version}`, cause).catch((error: unknown) => {
    throw new Error(`told: ${told().join("; ")}`, { cause: error });
  });
  assert.doesNotMatch(fake.received, /raft/);
}
