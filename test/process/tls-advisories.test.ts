/**
 * Etcd's security advisories of 2021 to 2026 that touch TLS, HTTP and logs, and those before that users still ask for, by name.
 *
 * Elsewhere, or not here:
 *
 * | advisory | what | where |
 * |---|---|---|
 * | GHSA-6vch-q96h-7gc3 | the limit of 10 s for a handshake | test/unit/tls/tls-net.test.ts, by virtual time |
 * | CVE-2018-5702 | DNS rebinding: every listener and protocol, beside etcd | test/conformance/http-access.test.ts |
 * | CVE-2023-44487, CVE-2023-39325, CVE-2023-45288, CVE-2024-27316 | floods of HTTP/2: rapid reset, CONTINUATION | test/attack |
 * | CVE-2020-15114, CVE-2020-15136 | the gateway program: loops, TLS of discovered endpoints | there is no such program here |
 * | CVE-2018-16886, CVE-2021-28235 (passwords of users in memory and WAL), CVE-2023-32082 (LeaseTimeToLive tells keys), CVE-2026-33343 (nested transactions), CVE-2026-33413 (calls without a user), GHSA-xg4h-6gfc-h4m8 (watch) | authentication and RBAC | with auth, issue 11 |
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../cluster/until.ts";
import { needs, peer } from "../support/peers.ts";
import { TestCa } from "../support/pki.ts";
import { freePort } from "../support/server-process.ts";
import { file, leafFiles } from "./tls-files.ts";
import { hang } from "./tls-hangs.ts";
import { sideFlags, TlsMember } from "./tls-member.ts";
import { curl, type Dial, etcdctl, etcdctlWithin, go, openssl, run } from "./tls-programs.ts";

const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-advisories-"));
const ca = TestCa.create("CA");
const options = { commonName: "client", dnsNames: [], usages: ["clientAuth"] } as const;
const revokedLeaf = ca.leaf(options);
const caFile = file(directory, "ca.crt", ca.certPem);
const crl = file(directory, "crl.der", ca.crl([revokedLeaf]).der);
const server = leafFiles(directory, "server", ca.leaf());
const right = leafFiles(directory, "right", ca.leaf(options));
const revoked = leafFiles(directory, "revoked", revokedLeaf);

describe("advisories", needs("etcdctl", "openssl", "curl", "tls"), () => {
  let member: TlsMember;
  /** Of --listen-client-http-urls. */
  let http: { readonly secure: string; readonly plain: string };
  before(async () => {
    http = { secure: `127.0.0.1:${await freePort()}`, plain: `127.0.0.1:${await freePort()}` };
    member = await TlsMember.start({
      ...{ directory, name: "member" },
      flags: [
        ...sideFlags("", { leaf: server, ca: caFile, crl }),
        ...sideFlags("peer-", { leaf: server, ca: caFile }),
        `--listen-client-http-urls=https://${http.secure},http://${http.plain}`,
        "--host-whitelist=127.0.0.1,cluster.example",
        ...["--enable-pprof", "--log-level=debug", "--warning-apply-duration=1ns"],
      ],
    });
  });
  after(async () => {
    await member.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test("GHSA-3wh4-j44w-pg92: the revocation list counts on a listener for gRPC alone, and on that for HTTP beside it", async () => {
    const grpcOnly = { etcdctl, "TLS 1.2": go("1.2", ["h2"]), "TLS 1.3": go("1.3", ["h2"]) };
    const httpOnly = { curl: curl("1.3", "http2"), openssl: openssl("tls1_2") };
    for (const [address, programs] of [
      [member.address, grpcOnly],
      [http.secure, httpOnly],
    ] as const) {
      for (const [title, program] of Object.entries(programs)) {
        const dial: Dial = { address, ca: caFile, leaf: right };
        const served = await program(dial);
        assert(served.isServed, `${title}: ${served.text}`);
        const mark = member.mark();
        const { isServed, text } = await program({ ...dial, leaf: revoked });
        assert(!isServed, `${title}: ${text}`);
        const [line] = await member.rejections(mark, "client", 1);
        assert.match(line?.error ?? "", /^transport: certificate serial [0-9a-f]+ revoked$/, title);
      }
    }
  });

  test("GHSA-6vch-q96h-7gc3: while 500 handshakes hang at each port, others are served", async () => {
    const addresses = [member.address, http.secure, member.peerAddress];
    const hanging = await Promise.all(addresses.map((address) => hang(address, 500)));
    try {
      const dial = { ca: caFile, leaf: right };
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () =>
          etcdctlWithin("8s")({ ...dial, address: member.address }),
        ),
        curl("1.3", "http2", "/health")({ ...dial, address: http.secure }),
        curl("1.2", "http1.1")({ ...dial, leaf: server, address: member.peerAddress }),
      ]);
      assert.deepEqual(
        answers.filter(({ isServed }) => !isServed),
        [],
      );
      const open = hanging.flat().filter(({ destroyed }) => !destroyed).length;
      assert(open > 0, "they hung as long as this took");
    } finally {
      for (const socket of hanging.flat()) socket.destroy();
    }
  });

  test("CVE-2018-5702: a page that has its own name resolve to the member's address gets no answer without TLS", async () => {
    const ask = async (host: string, url: string): Promise<string> => {
      const flags = ["--silent", "--noproxy", "*", "--header", `Host: ${host}`];
      const identity = ["--cacert", caFile, "--cert", right.cert, "--key", right.key];
      const { stdout } = await run("curl", [...flags, ...identity, "-w", "\n%{http_code}", url]);
      return stdout;
    };
    const refused = await ask("rebound.example", `http://${http.plain}/version`);
    assert.match(refused, /CVE-2018-5702[^]*\n421$/);
    assert.doesNotMatch(refused, /etcdserver/);
    assert.match(
      await ask("cluster.example", `http://${http.plain}/version`),
      /etcdserver[^]*\n200$/,
    );
    // With TLS the certificate says which name is right.
    assert.match(
      await ask("rebound.example", `https://${http.secure}/version`),
      /etcdserver[^]*\n200$/,
    );
  });

  test("CVE-2021-28235: neither a password nor a value stands under /debug or in the log, at its most talkative", async () => {
    const value = "value-that-is-nobodys-business";
    const password = "password-that-is-nobodys-business";
    const flags = [`--endpoints=https://${member.address}`, `--cacert=${caFile}`];
    const identity = [`--cert=${right.cert}`, `--key=${right.key}`, "--command-timeout=2s"];
    const ctl = (args: readonly string[], input = "") =>
      run(peer("etcdctl"), [...flags, ...identity, ...args], input);
    const told = (): true | undefined =>
      member
        .lines(0)
        .some(
          (line) =>
            line.msg === "apply request took too long" && JSON.stringify(line).includes("debugged"),
        ) || undefined;
    await until("a request in the log", async () => {
      const put = await ctl(["put", "debugged"], value.repeat(20_000));
      assert.equal(put.code, 0, put.stderr);
      return told();
    });
    // Whether or not there are users: what was sent must not come out.
    await ctl(["user", "add", `root:${password}`]);
    await ctl(["--user", `root:${password}`, "get", "debugged"]);
    const paths = [
      "vars",
      "requests",
      "events",
      "pprof/",
      "pprof/cmdline",
      "pprof/heap",
      "pprof/profile?seconds=1",
    ];
    const pages = await Promise.all(
      paths.map((path) =>
        curl("1.3", "http1.1", `/debug/${path}`)({ address: http.secure, ca: caFile, leaf: right }),
      ),
    );
    assert(pages.some(({ isServed }) => isServed));
    for (const text of [member.logText(), ...pages.map((page) => page.text)]) {
      for (const secret of [value, password]) {
        for (const form of [secret, Buffer.from(secret).toString("base64").slice(0, 20)])
          assert(
            !text.includes(form),
            text.slice(Math.max(0, text.indexOf(form) - 300), text.indexOf(form) + 100),
          );
      }
    }
  });
});
