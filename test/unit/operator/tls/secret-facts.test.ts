/** Facts out of Secrets: what certificates say, and that nothing that stands in a Secret is too odd to be read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { pemBlock } from "../../../../node/tls/x509/pem.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { fingerprintOf, pemCertificates } from "../../../../operator/tls/pem.ts";
import { readTlsFacts } from "../../../../operator/tls/secret-facts.ts";
import { TestCa } from "../../../support/pki.ts";

function secretOf(
  texts: Record<string, string>,
  annotations: Record<string, string> = {},
): KubernetesObject {
  const data = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, btoa(text)]));
  return { metadata: { name: "s", annotations }, data };
}
const factsOf = (texts: Record<string, string>, annotations: Record<string, string> = {}) => {
  const facts = readTlsFacts(new Map([["s", secretOf(texts, annotations)]])).secrets.get("s");
  assert.ok(facts !== undefined);
  return facts;
};

describe("facts of a Secret", () => {
  const ca = TestCa.create("CA");
  const twin = TestCa.create("CA");

  test("say what its certificates say, and which CA has signed them, by the signature", () => {
    const leaf = twin.leaf({
      commonName: "cn",
      dnsNames: ["a.b"],
      ipAddresses: ["::1"],
      usages: ["clientAuth"],
      keyType: "rsa-2048",
    });
    const facts = factsOf(
      { "peer.crt": leaf.certPem, "peer.key": leaf.keyPem, "ca.crt": ca.certPem + twin.certPem },
      {
        "etcd-ts.dev/rotate": "leaves-1",
        "etcd-ts.dev/certificates-changed": "2026-01-01T00:00:00Z",
      },
    );
    assert.deepEqual(facts.bundle, [
      fingerprintOf(ca.certificate),
      fingerprintOf(twin.certificate),
    ]);
    assert.deepEqual(
      [facts.rotation, facts.changedAtMs],
      ["leaves-1", Date.parse("2026-01-01T00:00:00Z")],
    );
    const pair = facts.pairs.get("peer.crt");
    assert.ok(pair?.kind === "pair" && pair.hasKey);
    assert.deepEqual(pair.certificate, {
      fingerprint: fingerprintOf(leaf.certificate),
      commonName: "cn",
      dnsNames: ["a.b"],
      ipAddresses: ["::1"],
      notBeforeMs: leaf.certificate.validFromDate.getTime(),
      notAfterMs: leaf.certificate.validToDate.getTime(),
      usages: ["clientAuth"],
      keyType: "RSA-2048",
      isCa: false,
      issuerFingerprint: fingerprintOf(twin.certificate),
    });
  });

  test("know no issuer that is in no Secret, nor a leaf that poses as one", () => {
    const leaf = ca.leaf();
    const fake = twin.leaf({ commonName: "CA" });
    const facts = factsOf({
      "tls.crt": leaf.certPem,
      "tls.key": leaf.keyPem,
      "ca.crt": fake.certPem,
    });
    const pair = facts.pairs.get("tls.crt");
    assert.ok(pair?.kind === "pair");
    assert.equal(pair.certificate.issuerFingerprint, undefined);
  });

  test("know no issuer where the signature is not its own", () => {
    const der = Buffer.from(ca.leaf().certificate.raw);
    der[der.length - 1] = (der.at(-1) as number) ^ 1;
    const facts = factsOf({ "tls.crt": pemBlock("CERTIFICATE", der), "ca.crt": ca.certPem });
    const pair = facts.pairs.get("tls.crt");
    assert.ok(pair?.kind === "pair");
    assert.equal(pair.certificate.issuerFingerprint, undefined);
  });

  test("tell a CA whose key is gone from a key that is another one's", () => {
    assert.deepEqual(
      [ca.keyPem, "", twin.keyPem, "junk"].map((key) => {
        const pair = factsOf({ "tls.crt": ca.certPem, "tls.key": key }).pairs.get("tls.crt");
        return pair?.kind === "pair" ? pair.hasKey : pair?.why;
      }),
      [true, false, "the private key is another certificate's", "the private key cannot be read"],
    );
  });

  test("are there for whatever stands in it", () => {
    const leaf = ca.leaf();
    const whole = leaf.certPem + ca.certPem;
    const broken = fc.oneof(
      fc.string(),
      fc.nat(whole.length).map((length) => whole.slice(0, length)),
      fc
        .tuple(fc.nat(whole.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
        .map(([at, text]) => whole.slice(0, at) + text + whole.slice(at + 1)),
    );
    const name = fc.constantFrom(
      "tls.crt",
      "tls.key",
      "ca.crt",
      "next.crt",
      "server.crt",
      "server.key",
    );
    fc.assert(
      fc.property(fc.dictionary(name, broken), (texts) => {
        const data = Object.fromEntries(
          Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
        );
        readTlsFacts(new Map([["s", { metadata: { name: "s" }, data }]]));
      }),
      { numRuns: 300 },
    );
    readTlsFacts(
      new Map([["s", { metadata: { name: "s" }, data: { "tls.crt": 7, "ca.crt": "%%%" } }]]),
    );
  });

  test("count a bundle that is cut off as none, rather than as half of it", () => {
    assert.equal(factsOf({ "ca.crt": ca.certPem + twin.certPem.slice(0, 300) }).bundle, undefined);
    assert.equal(pemCertificates(ca.certPem + ca.keyPem), undefined);
    assert.equal(pemCertificates(`# comment\n${ca.certPem}`)?.length, 1);
  });
});
