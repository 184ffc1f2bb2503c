/**
 * What is negotiated, by real programs: versions, suites, protocols, resumed sessions, the member's own certificate of every kind of key; the certificates that a member
 * makes itself; and who speaks TLS where there is none, or the other way round.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { needs, peer } from "../support/peers.ts";
import { TestCa } from "../support/pki.ts";
import { freePort } from "../support/server-process.ts";
import { dialTls } from "../support/tls-peer.ts";
import { file, leafFiles } from "./tls-files.ts";
import { sideFlags, TlsMember } from "./tls-member.ts";
import { curl, type Dial, etcdctl, go, openssl, run } from "./tls-programs.ts";

const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-terms-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const ca = TestCa.create("CA");
const caFile = file(directory, "ca.crt", ca.certPem);
const client = leafFiles(directory, "client", ca.leaf({ dnsNames: [], usages: ["clientAuth"] }));
const noRecord = "tls: first record does not look like a TLS handshake";

describe(
  "one member that asks for certificates",
  needs("etcdctl", "openssl", "curl", "tls"),
  () => {
    let member: TlsMember;
    let metrics: string;
    const dial = (): Dial => ({ address: member.address, ca: caFile, leaf: client });
    before(async () => {
      metrics = `127.0.0.1:${await freePort()}`;
      member = await TlsMember.start({
        ...{ directory, name: "asking", peerScheme: "http" },
        flags: [
          ...sideFlags("", { leaf: leafFiles(directory, "asking", ca.leaf()), ca: caFile }),
          `--listen-metrics-urls=https://${metrics}`,
        ],
      });
    });
    after(() => member.stop());

    test("no session is resumed: the certificate is verified on every connection", async () => {
      for (const version of ["1.2", "1.3"] as const) {
        const answers = await dialTls({
          ...{ address: member.address, ca: caFile, ...client },
          ...{
            minVersion: version,
            maxVersion: version,
            connections: 3,
            resume: true,
            call: "put",
          },
        });
        const seen = answers.map(({ accepted, resumed }) => ({ accepted, resumed }));
        assert.deepEqual(seen, Array(3).fill({ accepted: true, resumed: false }), version);
      }
      for (const version of ["tls1_2", "tls1_3"] as const) {
        const session = join(directory, `asking-${version}`);
        const first = await openssl(version, ["-sess_out", session])(dial());
        assert(first.isServed, first.text);
        const second = await openssl(version, ["-sess_in", session])(dial());
        // Nothing was there to be kept, or it counted for nothing.
        assert.doesNotMatch(second.text, /^Reused,/m, version);
      }
    });

    test("TLS 1.1 is refused, and told of", async () => {
      const mark = member.mark();
      const [answer] = await dialTls({ ...dial(), minVersion: "1.0", maxVersion: "1.1" });
      assert.equal(answer?.error, "remote error: tls: protocol version not supported");
      const [line] = await member.rejections(mark, "client", 1);
      assert.equal(line?.error, "tls: client offered only unsupported versions");
    });

    test("one that offers only protocols that are not spoken is refused, and told of", async () => {
      const mark = member.mark();
      const [answer] = await dialTls({
        address: member.address,
        ca: caFile,
        ...client,
        alpn: ["spdy/3"],
      });
      assert.equal(answer?.error, "remote error: tls: no application protocol");
      const [line] = await member.rejections(mark, "client", 1);
      assert.equal(line?.error, "tls: client requested unsupported application protocols");
    });

    test("h2 is chosen where it is offered, in whatever order; http/1.1, or none, are served as well", async () => {
      for (const [alpn, expected] of [
        [["h2"], "h2"],
        [["http/1.1", "h2"], "h2"],
        [["http/1.1"], "http/1.1"],
        [[], ""],
      ] as const) {
        const [answer] = await dialTls({ address: member.address, ca: caFile, ...client, alpn });
        assert.equal(answer?.accepted, true, JSON.stringify(answer));
        assert.equal(answer.protocol, expected);
      }
    });

    test("the metrics listener asks for certificates too, and for the right address", async () => {
      const scrape = curl("1.3", "http1.1", "/metrics");
      const address = metrics;
      const served = await scrape({ address, ca: caFile, leaf: client });
      assert(served.isServed && served.text.includes("etcd_server_has_leader 1"), served.text);
      const elsewhere = ca.leaf({ ipAddresses: ["127.0.0.9"] });
      for (const [leaf, cause] of [
        [undefined, "tls: client didn't provide a certificate"],
        [
          leafFiles(directory, "elsewhere", elsewhere),
          "x509: certificate is valid for 127.0.0.9, not 127.0.0.1",
        ],
      ] as const) {
        const mark = member.mark();
        const { isServed, localPort } = await scrape({ address, ca: caFile, leaf });
        assert(!isServed);
        const [line] = await member.rejections(mark, "client", 1);
        const said = [line?.error, line?.["remote-addr"]];
        assert.deepEqual(said, [cause, `127.0.0.1:${localPort ?? ""}`]);
      }
    });

    test("who does not speak TLS is told of with the address; what was asked for, the log does not say", async () => {
      const mark = member.mark();
      const secret = "a-key-nobody-should-read";
      const { address } = member;
      const flags = ["--silent", "--noproxy", "*", "--write-out", "%{http_code} %{local_port}"];
      const { stdout } = await run("curl", [...flags, `http://${address}/${secret}`]);
      const [status, port = ""] = stdout.split(" ");
      assert.equal(status, "000");
      await run(peer("etcdctl"), [
        `--endpoints=http://${address}`,
        "--command-timeout=300ms",
        "put",
        secret,
        secret,
      ]);
      const lines = await member.rejections(mark, "client", 2);
      assert.deepEqual(new Set(lines.map(({ error }) => error)), new Set([noRecord]));
      assert(lines.some((line) => line["remote-addr"] === `127.0.0.1:${port}`));
      assert(!member.logText().includes(secret));
    });
  },
);

for (const keyType of ["rsa-2048", "ed25519", "ecdsa-p384"] as const) {
  describe(
    `one member that asks for no certificate, with a key of ${keyType}`,
    needs("etcdctl", "openssl", "curl", "tls"),
    () => {
      let member: TlsMember;
      before(async () => {
        const leaf = leafFiles(directory, keyType, ca.leaf({ keyType }));
        const [name, peerScheme] = [`open-${keyType}`, "http"] as const;
        member = await TlsMember.start({
          directory,
          name,
          peerScheme,
          flags: sideFlags("", { leaf }),
        });
      });
      after(() => member.stop());

      test("sessions are resumed, by Go and OpenSSL", async () => {
        for (const version of ["1.2", "1.3"] as const) {
          const answers = await dialTls({
            ...{ address: member.address, ca: caFile, connections: 3, resume: true, call: "put" },
            ...{ minVersion: version, maxVersion: version },
          });
          const seen = answers.map(({ accepted, resumed }) => ({ accepted, resumed }));
          const [first, later] = [
            { accepted: true, resumed: false },
            { accepted: true, resumed: true },
          ];
          assert.deepEqual(seen, [first, later, later], version);
        }
        for (const version of ["tls1_2", "tls1_3"] as const) {
          const dial = { address: member.address, ca: caFile };
          const session = join(directory, `${keyType}-${version}`);
          const first = await openssl(version, ["-sess_out", session])(dial);
          assert(first.isServed && /^New,/m.test(first.text), first.text);
          const second = await openssl(version, ["-sess_in", session])(dial);
          assert(second.isServed && /^Reused,/m.test(second.text), second.text);
        }
      });

      test("every program is served, and a certificate that is shown without being asked for counts for nothing", async () => {
        const stranger = leafFiles(directory, "stranger", TestCa.create("other").leaf());
        for (const leaf of [undefined, stranger]) {
          const dial: Dial = { address: member.address, ca: caFile, leaf };
          const all = [etcdctl, openssl("tls1_2"), curl("1.3", "http2"), go("1.2", ["h2"])];
          const answers = await Promise.all(all.map((program) => program(dial)));
          assert.deepEqual(
            answers.filter(({ isServed }) => !isServed),
            [],
          );
        }
      });
    },
  );
}

test("TLS versions and suites are those of the flags", needs("tls"), async () => {
  const suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
  const leaf = leafFiles(directory, "flags", ca.leaf());
  const common = { directory, peerScheme: "http" } as const;
  const [newest, older] = await Promise.all([
    TlsMember.start({
      ...{ ...common, name: "newest" },
      flags: [...sideFlags("", { leaf }), "--tls-min-version=TLS1.3"],
    }),
    TlsMember.start({
      ...{ ...common, name: "older" },
      flags: [...sideFlags("", { leaf }), "--tls-max-version=TLS1.2", `--cipher-suites=${suite}`],
    }),
  ]);
  try {
    const [refused] = await dialTls({ address: newest.address, ca: caFile, maxVersion: "1.2" });
    assert.equal(refused?.error, "remote error: tls: protocol version not supported");
    const [line] = await newest.rejections(0, "client", 1);
    assert.equal(line?.error, "tls: client offered only unsupported versions");
    const [served] = await dialTls({ address: newest.address, ca: caFile });
    assert.equal(served?.version, "TLS 1.3");

    const [chosen] = await dialTls({ address: older.address, ca: caFile });
    assert.deepEqual([chosen?.version, chosen?.cipher], ["TLS 1.2", suite]);
    const cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    const [other] = await dialTls({
      address: older.address,
      ca: caFile,
      maxVersion: "1.2",
      cipherSuites,
    });
    assert.equal(other?.error, "remote error: tls: handshake failure");
    const [told] = await older.rejections(0, "client", 1);
    assert.equal(told?.error, "tls: no cipher suite supported by both client and server");
  } finally {
    await Promise.all([newest.stop(), older.stop()]);
  }
});

test(
  "a member makes its own certificates: served where nobody verifies them, and kept",
  needs("etcdctl", "curl"),
  async () => {
    const flags = ["--auto-tls", "--peer-auto-tls"];
    let member = await TlsMember.start({ directory, name: "auto", flags });
    try {
      for (const program of [etcdctl, openssl("tls1_2"), curl("1.3", "http2"), go("1.3", ["h2"])]) {
        const { isServed, text } = await program({ address: member.address });
        assert(isServed, text);
      }
      const onPeers = await curl("1.2", "http1.1")({ address: member.peerAddress });
      assert(onPeers.isServed, onPeers.text);
      const verified = await run(peer("etcdctl"), [
        `--endpoints=https://${member.address}`,
        `--cacert=${caFile}`,
        "--command-timeout=300ms",
        "get",
        "a",
      ]);
      assert.notEqual(verified.code, 0);
      // That client says by an alert why it left.
      const [line] = await member.rejections(0, "client", 1);
      assert.match(line?.error ?? "", /^remote error: tls: (bad|unknown) certificate/);
      const shown = (): Promise<string> => fingerprint(member.address);
      const before = await shown();
      await member.stop();
      member = await TlsMember.start({
        directory,
        name: "auto",
        flags: [...flags, "--force-new-cluster"],
      });
      assert.equal(await shown(), before);
    } finally {
      await member.stop();
    }
  },
);

async function fingerprint(address: string): Promise<string> {
  const { stdout } = await run("openssl", ["s_client", "-connect", address]);
  const { stdout: print } = await run("openssl", ["x509", "-noout", "-fingerprint"], stdout);
  assert.match(print, /Fingerprint=/i);
  return print;
}

test(
  "who speaks TLS where there is none is told of with the address",
  needs("etcdctl", "curl"),
  async () => {
    const [clientScheme, peerScheme] = ["http", "http"] as const;
    const member = await TlsMember.start({
      directory,
      name: "plain",
      clientScheme,
      peerScheme,
      flags: [],
    });
    try {
      const { isServed, localPort } = await curl("1.3", "http2")({ address: member.address });
      assert(!isServed);
      const line = await member.line(0, ({ msg }) => msg.startsWith("rejected connection"));
      assert.equal(line["remote-addr"], `127.0.0.1:${localPort ?? ""}`);
      assert.match(line.error ?? "", /TLS/);
    } finally {
      await member.stop();
    }
  },
);
