/** The pair that a member makes for itself, beside the one that etcd makes, and after power cuts at every step. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { Logger } from "../../../node/lib/ports.ts";
import { ensureSelfSigned, type SelfSignedOptions } from "../../../node/tls/self-signed.ts";
import { readCertificate } from "../../../node/tls/x509/certificate-facts.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { needs, peer } from "../../support/peers.ts";
import { freePort } from "../../support/server-process.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import { certificateText } from "./x509-readers.ts";

class Lines implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(message: string): void {
    this.lines.push(`error ${message}`);
  }
}

const dir = "/data/fixtures/client";
const nowMs = Date.UTC(2026, 5, 1, 12);
const plain = (): SelfSignedOptions & { logger: Lines } => ({
  dir,
  hosts: ["127.0.0.1:2379"],
  validityYears: 1,
  usages: ["serverAuth"],
  nowMs,
  logger: new Lines(),
});

const textOf = (fs: MemoryFs, path: string): string => Buffer.from(fs.content(path)).toString();

function assertPair(fs: MemoryFs): void {
  const certificate = new X509Certificate(fs.content(`${dir}/cert.pem`));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(textOf(fs, `${dir}/key.pem`))));
}

test("a pair is made, told of, and used again", async () => {
  const fs = new MemoryFs();
  const options = plain();
  const files = await ensureSelfSigned(fs, options);
  assert.deepEqual(files, { certFile: `${dir}/cert.pem`, keyFile: `${dir}/key.pem` });
  assert.deepEqual(options.logger.lines, [
    "warn automatically generate certificates",
    "info created key file",
    "info created cert file",
  ]);
  assertPair(fs);
  const before = fs.files();
  const later = { ...plain(), nowMs: nowMs + 10 * 365 * 86_400_000, hosts: ["other:1"] };
  assert.deepEqual(await ensureSelfSigned(fs, later), files);
  assert.deepEqual(fs.files(), before);
  assert.deepEqual(later.logger.lines, []);
});

test("years have 365 days", async () => {
  const fs = new MemoryFs();
  await ensureSelfSigned(fs, { ...plain(), validityYears: 3 });
  const { notBeforeMs, notAfterMs } = readCertificate(fs.content(`${dir}/cert.pem`));
  assert.deepEqual([notBeforeMs, notAfterMs], [nowMs, nowMs + 3 * 365 * 86_400_000]);
});

test("a validity of no years is refused as etcd refuses it, even where a pair is there", async () => {
  const fs = new MemoryFs();
  await ensureSelfSigned(fs, plain());
  const options = { ...plain(), validityYears: 0 };
  await assert.rejects(ensureSelfSigned(fs, options), {
    message: "selfSignedCertValidity is invalid,it should be greater than 0",
  });
  assert.deepEqual(options.logger.lines, ["warn cannot generate cert"]);
});

test("hosts become names with and without ports, each once, zones and empty ones left out", async () => {
  const fs = new MemoryFs();
  const hosts = ["a.example:1", "b.example", "[::1]:2", "::2", "[::3]", "10.0.0.1:3", "0.0.0.0:4"];
  const odd = ["[fe80::1%eth0]:5", ":6", "a.example:7", "10.0.0.2", "[::ffff:10.0.0.3]:8"];
  await ensureSelfSigned(fs, { ...plain(), hosts: [...hosts, ...odd] });
  const { dnsNames, ipAddresses } = readCertificate(fs.content(`${dir}/cert.pem`));
  assert.deepEqual(dnsNames, ["a.example", "b.example"]);
  const plainOnes = ["::1", "::2", "::3", "10.0.0.1", "0.0.0.0"];
  assert.deepEqual(ipAddresses, [...plainOnes, "fe80::1", "10.0.0.2", "10.0.0.3"]);
});

/** What may lie there when the member starts: nothing, or one half, whole, as a person or etcd's own crash leaves it. */
const halves = ["none", "cert.pem", "key.pem"] as const;

async function withHalf(half: (typeof halves)[number]): Promise<MemoryFs> {
  const fs = new MemoryFs();
  if (half === "none") return fs;
  await ensureSelfSigned(fs, plain());
  const after = new MemoryFs();
  after.place(`${dir}/${half}`, fs.content(`${dir}/${half}`));
  return after;
}

for (const half of halves)
  test(`a power cut at any step leaves a pair that fits after the next start (there before: ${half})`, async () => {
    let steps = 0;
    for (let isDone = false; !isDone; steps++) {
      const fs = await withHalf(half);
      let left = steps;
      const halted = new Promise<"halted">((resolve) => {
        fs.setComplete((run) => {
          if (left-- > 0) queueMicrotask(run);
          else resolve("halted");
        });
      });
      isDone = (await Promise.race([ensureSelfSigned(fs, plain()), halted])) !== "halted";
      for (const mode of ["nothing", "everything", "sectors", "prefix"] as const) {
        const complete = (run: () => void): void => queueMicrotask(run);
        const after = fs.crash(seededRandom(steps), mode, { complete });
        if (isDone) assertPair(after);
        await ensureSelfSigned(after, plain());
        assertPair(after);
      }
      const killed = fs.kill({ complete: (run) => queueMicrotask(run) });
      await ensureSelfSigned(killed, plain());
      assertPair(killed);
    }
    assert.ok(steps > 15, String(steps));
  });

test("an error of the disk names the directory", async () => {
  const fs = new MemoryFs();
  fs.setFault((operation) =>
    operation === "write" ? Object.assign(new Error("full"), { code: "ENOSPC" }) : undefined,
  );
  await assert.rejects(ensureSelfSigned(fs, plain()), {
    name: "DiskError",
    message: /cannot write a self-signed certificate into \/data\/fixtures\/client/,
  });
});

test("a host that no certificate can name is named", async () => {
  const hosts = ["bücher.example:1"];
  await assert.rejects(ensureSelfSigned(new MemoryFs(), { ...plain(), hosts }), /"bücher.example"/);
});

/** What differs from certificate to certificate, taken out. */
const comparable = (text: string): string =>
  text
    .replace(/Serial Number:[^\n]*\n\s+[0-9a-f:]+\n/, "")
    .replace(/pub:\n(?:\s+[0-9a-f:]+\n)+/, "")
    .replace(/Not (?:Before|After ?) ?: .*\n/g, "")
    .replace(/(Subject Key Identifier: \n\s+)[0-9A-F:]+/, "$1(id)")
    // Go names the issuer's key only where it is another one; RFC 5280 leaves that to the issuer.
    .replace(/\s+X509v3 Authority Key Identifier: \n\s+[0-9A-F:]+/, "")
    .replace(/Signature Value:[^]*/, "");

test(
  "our pair says what etcd's own says, and etcd starts with ours",
  needs("etcd", "openssl"),
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-self-signed-"));
    try {
      // In etcd's order: it sorts its URLs first.
      const hosts = ["0.0.0.0", "127.0.0.1", "localhost"];
      const clientUrls: string[] = [];
      for (const host of hosts) clientUrls.push(`https://${host}:${await freePort()}`);
      const peerUrl = `https://127.0.0.1:${await freePort()}`;
      const hostsOf = (urls: readonly string[]) => urls.map((url) => new URL(url).host);
      await runEtcd(join(folder, "theirs"), clientUrls, peerUrl);
      const fs = new SystemFs();
      const sides = { client: hostsOf(clientUrls), peer: hostsOf([peerUrl]) };
      for (const [side, names] of Object.entries(sides)) {
        const at = { dir: join(folder, "ours/fixtures", side), nowMs: Date.now() };
        const ours = await ensureSelfSigned(fs, { ...plain(), ...at, hosts: names });
        const theirs = join(folder, "theirs/fixtures", side);
        const [oursPem, theirsPem] = [ours.certFile, join(theirs, "cert.pem")].map((path) =>
          readFileSync(path, "utf8"),
        );
        assert.ok(oursPem !== undefined && theirsPem !== undefined);
        assert.equal(
          comparable(await certificateText(oursPem)),
          comparable(await certificateText(theirsPem)),
        );
        const years = (pem: string): number =>
          readCertificate(pem).notAfterMs - readCertificate(pem).notBeforeMs;
        assert.equal(years(oursPem), years(theirsPem));
        assert.equal(ours.keyFile, join(at.dir, "key.pem"));
        for (const path of Object.values(ours)) assert.equal(statSync(path).mode & 0o777, 0o600);
        assert.equal(statSync(at.dir).mode & 0o777, 0o700);
        // And etcd's is reused by us.
        assert.deepEqual(
          (await ensureSelfSigned(fs, { ...plain(), dir: theirs })).certFile,
          join(theirs, "cert.pem"),
        );
        assert.equal(readFileSync(join(theirs, "cert.pem"), "utf8"), theirsPem);
      }
      const log = await runEtcd(join(folder, "ours"), clientUrls, peerUrl);
      assert.doesNotMatch(log, /automatically generate certificates/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/** Runs etcd until it serves clients, then stops it; resolves with its log. */
async function runEtcd(
  dataDir: string,
  clientUrls: readonly string[],
  peerUrl: string,
): Promise<string> {
  const args = ["--data-dir", dataDir, "--auto-tls", "--peer-auto-tls"];
  args.push(
    "--listen-client-urls",
    clientUrls.join(","),
    "--advertise-client-urls",
    clientUrls[0] ?? "",
  );
  args.push("--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl);
  args.push("--initial-cluster", `default=${peerUrl}`);
  const etcd = spawn(peer("etcd"), args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  const isServing = new Promise<void>((resolve) => {
    etcd.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes("serving client traffic")) resolve();
    });
  });
  const hasExited = once(etcd, "exit");
  try {
    await Promise.race([
      isServing,
      hasExited.then(() => Promise.reject(new Error(`etcd has stopped: ${log}`))),
    ]);
  } finally {
    etcd.kill();
    await hasExited;
  }
  return log;
}
