import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import type { TlsSettings } from "../../../node/tls/settings.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { type LeafOptions, selfSignedLeaf, TestCa, type TestLeaf } from "../../support/pki.ts";
import { handshakeWith, openIdentity, temporaryDir } from "./handshakes.ts";

const ca = TestCa.create("ca");
const impostor = TestCa.create("ca");
const server = ca.leaf({ commonName: "server" });

type Extra = Partial<TlsSettings> & { readonly crl?: string | Uint8Array; readonly ca?: string };

/** A side that asks for certificates of `ca`. */
async function openServer(t: TestContext, { crl, ca: caPem, ...settings }: Extra = {}) {
  const dir = temporaryDir(t);
  const paths = writeFiles(dir, {
    "s.crt": server.certPem,
    "s.key": server.keyPem,
    "ca.crt": caPem ?? ca.certPem,
    ...(crl === undefined ? {} : { crl }),
  });
  return openIdentity(t, {
    certFile: paths["s.crt"],
    keyFile: paths["s.key"],
    trustedCaFile: paths["ca.crt"],
    crlFile: crl === undefined ? "" : join(dir, "crl"),
    ...settings,
  });
}

const shows = ({ chainPem, keyPem }: TestLeaf): ConnectionOptions => ({
  cert: chainPem,
  key: keyPem,
});

const versions = ["TLSv1.2", "TLSv1.3"] as const;
const unknownAuthority =
  "tls: failed to verify certificate: x509: certificate signed by unknown authority";
const wrongUsage =
  "tls: failed to verify certificate: x509: certificate specifies an incompatible key usage";

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const;
  describe(`who may dial, ${version}`, { concurrency: true }, () => {
    const leafCases: readonly [string, LeafOptions, RegExp | undefined][] = [
      ["a certificate of the CA", {}, undefined],
      ["one for clients only", { usages: ["clientAuth"], dnsNames: [] }, undefined],
      ["one without any usage", { usages: [] }, undefined],
      ["one with an RSA key", { keyType: "rsa-2048" }, undefined],
      ["one with an Ed25519 key", { keyType: "ed25519" }, undefined],
      ["one for servers only", { usages: ["serverAuth"] }, new RegExp(wrongUsage)],
      [
        "an expired one",
        { validity: "expired" },
        /has expired or is not yet valid: current time \S+Z is after \S+Z$/,
      ],
      [
        "one of the future",
        { validity: "future" },
        /has expired or is not yet valid: current time \S+Z is before \S+Z$/,
      ],
    ];
    for (const [name, options, problem] of leafCases) {
      test(`${name}: ${problem === undefined ? "admitted" : "refused"}`, async (t) => {
        const { identity } = await openServer(t);
        const result = await handshakeWith(identity, { ...shows(ca.leaf(options)), ...only });
        assert.equal(result.protocol, version);
        if (problem === undefined) assert.equal(result.refusal, undefined);
        else assert.match(result.refusal ?? "admitted", problem);
      });
    }

    test("nobody without a certificate", async (t) => {
      const { identity } = await openServer(t);
      const { refusal } = await handshakeWith(identity, only);
      assert.equal(refusal, "tls: client didn't provide a certificate");
    });

    test("nobody with a certificate of a CA of the same name, or of his own", async (t) => {
      const { identity } = await openServer(t);
      for (const leaf of [impostor.leaf(), selfSignedLeaf()])
        assert.equal(
          (await handshakeWith(identity, { ...shows(leaf), ...only })).refusal,
          unknownAuthority,
        );
    });

    test("a chain over an intermediate CA, when it is shown", async (t) => {
      const { identity } = await openServer(t);
      const leaf = ca.intermediate("between").leaf();
      const whole = await handshakeWith(identity, { ...shows(leaf), ...only });
      assert.equal(whole.refusal, undefined);
      const alone = await handshakeWith(identity, {
        cert: leaf.certPem,
        key: leaf.keyPem,
        ...only,
      });
      assert.equal(alone.refusal, unknownAuthority);
    });

    test("a leaf is no CA", async (t) => {
      const { identity } = await openServer(t);
      const below = TestCa.create("below");
      const forged = below.leaf();
      const chainPem =
        forged.certPem + ca.leaf({ keyPair: below.keyPair, commonName: "below" }).certPem;
      const { refusal } = await handshakeWith(identity, {
        cert: chainPem,
        key: forged.keyPem,
        ...only,
      });
      assert.match(refusal ?? "admitted", /x509/);
    });

    test("an intermediate CA in the bundle is an anchor, without its root", async (t) => {
      const between = ca.intermediate("between");
      const { identity } = await openServer(t, { ca: between.certPem });
      const admitted = await handshakeWith(identity, { ...shows(between.leaf()), ...only });
      assert.equal(admitted.refusal, undefined);
      const above = await handshakeWith(identity, { ...shows(ca.leaf()), ...only });
      assert.equal(above.refusal, unknownAuthority);
    });

    test("whoever is revoked is not, nor is anybody below a revoked CA", async (t) => {
      const between = ca.intermediate("between");
      const revoked = ca.leaf();
      const { identity } = await openServer(t, { crl: ca.crl([revoked, between]).der });
      const [one, two, good] = await Promise.all(
        [revoked, between.leaf(), ca.leaf()].map((leaf) =>
          handshakeWith(identity, { ...shows(leaf), ...only }),
        ),
      );
      const serial = (of: { serial: Uint8Array }): string => Buffer.from(of.serial).toString("hex");
      assert.equal(one?.refusal, `transport: certificate serial ${serial(revoked)} revoked`);
      assert.equal(two?.refusal, `transport: certificate serial ${serial(between)} revoked`);
      assert.equal(good?.refusal, undefined);
    });

    test("allowed common names are compared whole, and only those of the leaf", async (t) => {
      const { identity } = await openServer(t, { allowedCns: ["etcd-1", "etcd-2"] });
      const refusalOf = async (leaf: TestLeaf) =>
        (await handshakeWith(identity, { ...shows(leaf), ...only })).refusal;
      assert.equal(await refusalOf(ca.leaf({ commonName: "etcd-2" })), undefined);
      for (const commonName of ["etcd-3", "etcd-22", "ETCD-2", "", "etcd-1,etcd-2"])
        assert.equal(
          await refusalOf(ca.leaf({ commonName })),
          "client certificate authentication failed",
        );
      const below = ca.intermediate("etcd-1").leaf({ commonName: "other" });
      assert.equal(await refusalOf(below), "client certificate authentication failed");
      const forged = impostor.leaf({ commonName: "etcd-1" });
      assert.equal(await refusalOf(forged), unknownAuthority);
    });

    test("a common name with line ends in it is one name", async (t) => {
      const { identity } = await openServer(t, { allowedCns: ["etcd-1"] });
      for (const commonName of ["x\nCN=etcd-1", "etcd-1\n", "etcd-1\0"]) {
        const { refusal } = await handshakeWith(identity, {
          ...shows(ca.leaf({ commonName })),
          ...only,
        });
        assert.equal(refusal, "client certificate authentication failed");
      }
    });

    test("allowed hostnames are matched with the alternative names, never the common name", async (t) => {
      const { identity } = await openServer(t, {
        allowedHostnames: ["a.example.com", "10.0.0.7"],
      });
      const refusalOf = async (options: LeafOptions) =>
        (await handshakeWith(identity, { ...shows(ca.leaf(options)), ...only })).refusal;
      assert.equal(await refusalOf({ dnsNames: ["*.example.com"] }), undefined);
      assert.equal(await refusalOf({ ipAddresses: ["10.0.0.7"] }), undefined);
      for (const options of [
        { dnsNames: ["b.example.com"] },
        { dnsNames: ["10.0.0.7"] },
        { dnsNames: [], commonName: "a.example.com" },
      ])
        assert.equal(await refusalOf(options), "client certificate authentication failed");
    });
  });

  test(`without a CA and --client-cert-auth nobody is asked, ${version}`, async (t) => {
    const { identity } = await openServer(t, { trustedCaFile: "" });
    assert.equal(identity.serverOptions().requestsCertificate, false);
    assert.equal((await handshakeWith(identity, only)).refusal, undefined);
    const forged = await handshakeWith(identity, { ...shows(impostor.leaf()), ...only });
    assert.equal(forged.refusal, undefined);
  });
}

describe("versions and suites", { concurrency: true }, () => {
  test("TLS 1.1 is refused, and what is outside of the bounds", async (t) => {
    const { identity } = await openServer(t);
    const old = {
      ...shows(ca.leaf()),
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    } as const;
    assert.match((await handshakeWith(identity, old)).refusal ?? "admitted", /^no handshake/);
    const at13 = await openServer(t, { minVersion: "TLSv1.3" });
    const by12 = { ...shows(ca.leaf()), maxVersion: "TLSv1.2" } as const;
    assert.match((await handshakeWith(at13.identity, by12)).refusal ?? "admitted", /^no handshake/);
    const at12 = await openServer(t, { maxVersion: "TLSv1.2" });
    assert.equal((await handshakeWith(at12.identity, shows(ca.leaf()))).protocol, "TLSv1.2");
  });

  test("TLS 1.2 uses the suites that were named, and no others; TLS 1.3 goes on", async (t) => {
    const { identity } = await openServer(t, {
      cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
    });
    const client = { ...shows(ca.leaf()), maxVersion: "TLSv1.2" } as const;
    const result = await handshakeWith(identity, client);
    assert.equal(result.cipher, "ECDHE-ECDSA-AES256-GCM-SHA384");
    const other = await handshakeWith(identity, {
      ...client,
      ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256",
    });
    assert.match(other.refusal ?? "admitted", /^no handshake/);
    assert.equal((await handshakeWith(identity, shows(ca.leaf()))).protocol, "TLSv1.3");
  });

  test("suites that are not to be had are told of", async (t) => {
    const { lines } = await openServer(t, {
      cipherSuites: ["TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
    });
    const line = lines.find(({ level }) => level === "warn");
    assert.deepEqual(line?.fields["cipher-suites"], ["TLS_RSA_WITH_RC4_128_SHA"]);
    await assert.rejects(
      openServer(t, { cipherSuites: ["none"] }),
      /unexpected TLS cipher suite "none"/,
    );
  });
});

describe("sessions", { concurrency: true }, () => {
  for (const version of versions) {
    const only = { minVersion: version, maxVersion: version } as const;
    test(`with certificates every handshake is whole, ${version}`, async (t) => {
      const { identity } = await openServer(t);
      const client = { ...shows(ca.leaf()), ...only };
      const first = await handshakeWith(identity, client);
      const second = await handshakeWith(identity, { ...client, session: first.session });
      assert.equal(second.refusal, undefined);
      assert.equal(second.isResumed, false);
    });

    test(`without certificates they are resumed, ${version}`, async (t) => {
      const { identity } = await openServer(t, { trustedCaFile: "" });
      const first = await handshakeWith(identity, only);
      const second = await handshakeWith(identity, { ...only, session: first.session });
      assert.equal(second.isResumed, true);
    });

    // The contexts of an identity give no such tickets: this is the second line.
    test(`what one certificate can tell is asked again on a resumed session, ${version}`, async (t) => {
      const leaf = ca.leaf({ commonName: "etcd-9" });
      const tickets = createSecureContext({
        cert: server.certPem,
        key: server.keyPem,
        ca: ca.certPem,
        sessionIdContext: "tests",
      });
      const resumed = async (settings: Extra, shown = leaf) => {
        const { identity } = await openServer(t, settings);
        const client = { ...shows(shown), ...only };
        const { session } = await handshakeWith(identity, client, tickets);
        const result = await handshakeWith(identity, { ...client, session }, tickets);
        assert.equal(result.isResumed, true);
        return result.refusal;
      };
      assert.equal(await resumed({}), undefined);
      assert.match((await resumed({ crl: ca.crl([leaf]).pem })) ?? "admitted", /revoked$/);
      assert.match(
        (await resumed({ allowedCns: ["etcd-1"] })) ?? "admitted",
        /authentication failed/,
      );
      assert.match(
        (await resumed({ allowedHostnames: ["a.com"] })) ?? "admitted",
        /authentication/,
      );
      assert.equal(await resumed({}, impostor.leaf()), unknownAuthority);
      assert.equal(await resumed({}, ca.leaf({ usages: ["serverAuth"] })), wrongUsage);
      assert.match((await resumed({}, ca.leaf({ validity: "expired" }))) ?? "admitted", /is after/);
    });
  }

  test("the dates are those of our clock, on whole and on resumed handshakes", async (t) => {
    let nowMs = Date.now();
    const dir = temporaryDir(t);
    const paths = writeFiles(dir, { c: server.certPem, k: server.keyPem, ca: ca.certPem });
    const { identity } = await openIdentity(
      t,
      { certFile: paths.c, keyFile: paths.k, trustedCaFile: paths.ca },
      { monotonicMs: () => performance.now(), unixMs: () => nowMs },
    );
    const tickets = createSecureContext({
      cert: server.certPem,
      key: server.keyPem,
      ca: ca.certPem,
      sessionIdContext: "tests",
    });
    const client = shows(ca.leaf());
    const first = await handshakeWith(identity, client, tickets);
    assert.equal(first.refusal, undefined);
    nowMs += 2 * 24 * 3_600_000;
    const later = await handshakeWith(identity, { ...client, session: first.session }, tickets);
    assert.equal(later.isResumed, true);
    assert.match(later.refusal ?? "admitted", /is after/);
    assert.match((await handshakeWith(identity, client)).refusal ?? "admitted", /is after/);
  });
});

test("an admitted connection cannot renegotiate, so it cannot become another client's", async (t) => {
  const { identity } = await openServer(t);
  let problem: string | undefined;
  await handshakeWith(
    identity,
    { ...shows(ca.leaf()), maxVersion: "TLSv1.2" },
    undefined,
    (socket) => {
      socket.once("error", (error: Error & { code?: string }) => {
        problem = error.code;
        socket.destroy();
      });
      socket.renegotiate({}, () => undefined);
    },
  );
  assert.equal(problem, "ERR_SSL_NO_RENEGOTIATION");
});

test("handshakes are counted as they are told", async (t) => {
  const { identity } = await openServer(t);
  identity.countHandshake({ isAdmitted: true, isResumed: false });
  identity.countHandshake({ isAdmitted: true, isResumed: true });
  identity.countHandshake({ isAdmitted: false });
  const { side, handshakes, resumed, handshakeFailures, reloads, isStale } = identity.stats;
  assert.deepEqual(
    { side, handshakes, resumed, handshakeFailures, reloads, isStale },
    { side: "client", handshakes: 2, resumed: 1, handshakeFailures: 1, reloads: 0, isStale: false },
  );
});
