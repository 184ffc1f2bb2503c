import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsSettings } from "../../../node/tls/settings.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { selfSignedLeaf, TestCa, type TestLeaf } from "../../support/pki.ts";
import { dialWith, openIdentity, temporaryDir } from "./handshakes.ts";

const ca = TestCa.create("ca");
const impostor = TestCa.create("ca");
const own = ca.leaf({ commonName: "own" });
const ownAsClient = ca.leaf({ commonName: "own client", usages: ["clientAuth"] });

async function openDialler(t: TestContext, settings: Partial<TlsSettings> = {}, crl?: Uint8Array) {
  const paths = writeFiles(temporaryDir(t), {
    "s.crt": own.certPem,
    "s.key": own.keyPem,
    "c.crt": ownAsClient.certPem,
    "c.key": ownAsClient.keyPem,
    "ca.crt": ca.certPem,
    crl: crl ?? ca.crl([]).der,
  });
  const { identity } = await openIdentity(t, {
    side: "peer",
    certFile: paths["s.crt"],
    keyFile: paths["s.key"],
    clientCertFile: paths["c.crt"],
    clientKeyFile: paths["c.key"],
    trustedCaFile: paths["ca.crt"],
    crlFile: paths.crl,
    ...settings,
  });
  return identity;
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const showing = ({ chainPem, keyPem }: TestLeaf): SecureContext =>
    createSecureContext({
      cert: chainPem,
      key: keyPem,
      ca: [],
      minVersion: version,
      maxVersion: version,
    });

  describe(`whom a member takes for the one it dialled, ${version}`, { concurrency: true }, () => {
    test("whoever has a certificate of the CA for the host that was dialled", async (t) => {
      const identity = await openDialler(t);
      for (const host of ["127.0.0.1", "localhost", "::1"])
        assert.equal((await dialWith(identity, showing(ca.leaf()), host)).refusal, undefined);
      assert.match(
        (await dialWith(identity, showing(ca.leaf()), "10.0.0.1")).refusal ?? "admitted",
        /x509: certificate is valid for 127.0.0.1, ::1, not 10.0.0.1$/,
      );
      const byCommonName = ca.leaf({ commonName: "localhost", dnsNames: [] });
      assert.match(
        (await dialWith(identity, showing(byCommonName), "localhost")).refusal ?? "admitted",
        /relies on legacy Common Name field/,
      );
    });

    test("nobody of another CA, no client, nobody out of his time, nobody revoked", async (t) => {
      const revoked = ca.leaf();
      const identity = await openDialler(t, {}, ca.crl([revoked]).der);
      const table: readonly [TestLeaf, RegExp][] = [
        [impostor.leaf(), /signed by unknown authority$/],
        [selfSignedLeaf(), /signed by unknown authority$/],
        [ca.leaf({ usages: ["clientAuth"] }), /incompatible key usage$/],
        [ca.leaf({ validity: "expired" }), /is after/],
        [ca.leaf({ validity: "future" }), /is before/],
        [revoked, /^transport: certificate serial [0-9a-f]+ revoked$/],
      ];
      for (const [leaf, problem] of table) {
        const { refusal } = await dialWith(identity, showing(leaf), "127.0.0.1");
        assert.match(refusal ?? "admitted", problem);
      }
    });

    test("the rules for those who dial hold for those who are dialled", async (t) => {
      const byCn = await openDialler(t, { allowedCns: ["etcd-1"] });
      const byName = await openDialler(t, { allowedHostnames: ["a.example.com"] });
      const good = ca.leaf({
        commonName: "etcd-1",
        dnsNames: ["a.example.com"],
        ipAddresses: ["127.0.0.1"],
      });
      for (const identity of [byCn, byName]) {
        assert.equal((await dialWith(identity, showing(good), "127.0.0.1")).refusal, undefined);
        assert.equal(
          (await dialWith(identity, showing(ca.leaf()), "127.0.0.1")).refusal,
          "client certificate authentication failed",
        );
      }
    });

    test("under auto-tls anybody, but nobody who is revoked, and nobody where a rule asks for a name", async (t) => {
      const revoked = ca.leaf();
      const auto = { isSelfSigned: true, clientCertFile: "", clientKeyFile: "", trustedCaFile: "" };
      const identity = await openDialler(t, auto, ca.crl([revoked]).der);
      assert.equal(identity.clientOptions().verifies, false);
      const other = selfSignedLeaf({ validity: "expired" });
      assert.equal((await dialWith(identity, showing(other), "10.0.0.1")).refusal, undefined);
      const refused = await dialWith(identity, showing(revoked), "127.0.0.1");
      assert.match(refused.refusal ?? "admitted", /revoked$/);
      const strict = await openDialler(t, { ...auto, allowedCns: ["leaf"] });
      const named = await dialWith(strict, showing(ca.leaf()), "127.0.0.1");
      assert.equal(named.refusal, "client certificate authentication failed");
    });

    test("it shows the pair for dialling where there is one, else that of its listener", async (t) => {
      const leaf = ca.leaf();
      const both = await dialWith(await openDialler(t), showing(leaf), "127.0.0.1");
      assert.match(both.shown ?? "nothing", /CN=own client/);
      const one = await openDialler(t, { clientCertFile: "", clientKeyFile: "" });
      assert.match(
        (await dialWith(one, showing(leaf), "127.0.0.1")).shown ?? "nothing",
        /CN=own$/m,
      );
    });
  });
}
