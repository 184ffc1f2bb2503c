/** Certificates are read and verified by OpenSSL and by Go, which is what etcd and its clients are made of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateFields } from "../../../node/tls/x509/extensions.ts";
import type { KeyType } from "../../../node/tls/x509/keys.ts";
import { needs } from "../../support/peers.ts";
import { selfSignedLeaf, TestCa, type TestLeaf } from "../../support/pki.ts";
import { certificateText, goView, opensslVerdict } from "./x509-readers.ts";

const keyTypes = [
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "ed25519",
  "rsa-2048",
] as const satisfies readonly KeyType[];

const goAlgorithms = {
  "ecdsa-p256": "ECDSA-SHA256",
  "ecdsa-p384": "ECDSA-SHA384",
  "ecdsa-p521": "ECDSA-SHA512",
  ed25519: "Ed25519",
  "rsa-2048": "SHA256-RSA",
};

for (const issuerType of keyTypes) {
  test(
    `a CA with a key of type ${issuerType} issues for keys of all types`,
    needs("openssl", "x509"),
    async () => {
      const root = TestCa.create("root", { keyType: issuerType });
      for (const keyType of keyTypes) {
        const leaf = root.leaf({ keyType });
        assert.equal(await opensslVerdict(root, leaf), "OK", keyType);
        const seen = await goView(root, leaf);
        assert.equal(seen.error, "", keyType);
        assert.equal(seen.algorithm, goAlgorithms[issuerType]);
        const own = selfSignedLeaf({ keyType });
        assert.equal((await goView(own, own)).error, "");
      }
    },
  );
}

test(
  "OpenSSL reads the extensions of a leaf as they were asked for",
  needs("openssl"),
  async () => {
    const ca = TestCa.create("root");
    const leaf = ca.leaf({
      organization: "o",
      dnsNames: ["a.example.com", "*.example.com"],
      ipAddresses: ["10.0.0.1", "2001:db8::1"],
    });
    const seen = await certificateText(leaf.certPem);
    assert.match(seen, /Version: 3/);
    assert.match(seen, /Subject: O=o, CN=leaf\n/);
    assert.match(seen, /Key Usage: critical\s+Digital Signature\n/);
    assert.match(
      seen,
      /Extended Key Usage: \s+TLS Web Server Authentication, TLS Web Client Authentication\n/,
    );
    assert.match(seen, /Basic Constraints: critical\s+CA:FALSE\n/);
    assert.match(
      seen,
      /Alternative Name: \n\s+DNS:a.example.com, DNS:\*.example.com, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1\n/,
    );
    const keyOf = (pem: string, which: string): string | undefined =>
      new RegExp(`${which} Key Identifier: \\s+([0-9A-F:]{59})\n`).exec(pem)?.[1];
    assert.ok(keyOf(seen, "Subject") !== undefined);
    assert.notEqual(keyOf(seen, "Subject"), keyOf(seen, "Authority"));
    assert.equal(keyOf(seen, "Authority"), keyOf(await certificateText(ca.certPem), "Subject"));
  },
);

test("only RSA keys may encipher keys", needs("openssl"), async () => {
  const ca = TestCa.create("root");
  assert.match(
    await certificateText(ca.leaf({ keyType: "rsa-2048" }).certPem),
    /Key Usage: critical\s+Digital Signature, Key Encipherment\n/,
  );
});

test(
  "usages that are left out do not stand in the certificate",
  needs("openssl", "x509"),
  async () => {
    const ca = TestCa.create("root");
    const client = ca.leaf({ usages: ["clientAuth"] });
    assert.match(await opensslVerdict(ca, client, ["-purpose", "sslserver"]), /purpose/);
    assert.equal(await opensslVerdict(ca, client, ["-purpose", "sslclient"]), "OK");
    assert.match((await goView(ca, client)).error, /incompatible key usage/);
    assert.equal((await goView(ca, client, { side: "client" })).error, "");
    const any = ca.leaf({ usages: [] });
    assert.doesNotMatch(await certificateText(any.certPem), /Extended/);
    assert.equal((await goView(ca, any)).error, "");
  },
);

test(
  "a chain through intermediate CAs verifies as far as path lengths allow",
  needs("openssl", "x509"),
  async () => {
    const root = TestCa.create("root", { pathLength: 1 });
    const first = root.intermediate("first", { pathLength: 0 });
    const leaf = first.leaf();
    assert.equal(await opensslVerdict(root, leaf), "OK");
    const seen = await goView(root, leaf);
    assert.equal(seen.error, "");
    assert.equal(seen.issuer, "CN=first,O=etcd-ts tests");
    const asChain = { chainPem: first.certPem };
    const { isCa, pathLength, keyUsage, keyId } = await goView(root, asChain);
    // Go's numbers for keyCertSign and cRLSign.
    assert.deepEqual(
      { isCa, pathLength, keyUsage },
      { isCa: true, pathLength: 0, keyUsage: 32 + 64 },
    );
    assert.equal(seen.issuerKeyId, keyId);
    const tooDeep = first.intermediate("second").leaf();
    assert.match(await opensslVerdict(root, tooDeep), /path length/);
    assert.match((await goView(root, tooDeep)).error, /too many intermediates/);
  },
);

test(
  "what is wrong on purpose is refused by OpenSSL and Go, for the reason it was made for",
  needs("openssl", "x509"),
  async () => {
    const root = TestCa.create("root");
    const impostor = TestCa.create("root");
    const wrong: [TestLeaf, RegExp, RegExp][] = [
      [root.leaf({ validity: "expired" }), /has expired/, /has expired or is not yet valid/],
      [root.leaf({ validity: "future" }), /not yet valid/, /has expired or is not yet valid/],
      [impostor.leaf(), /unable to get local issuer/, /unknown authority/],
      [selfSignedLeaf(), /self-signed certificate/, /unknown authority/],
      [root.leaf({ dnsNames: ["x.test"] }), /mismatch/, /valid for x.test, not localhost/],
      [root.leaf({ dnsNames: [], commonName: "x" }), /mismatch/, /not valid for any names/],
      [root.leaf({ dnsNames: ["*.localhost"] }), /mismatch/, /valid for \*.localhost, not/],
    ];
    for (const [leaf, openSslText, goText] of wrong) {
      const verdict = await opensslVerdict(root, leaf, ["-verify_hostname", "localhost"]);
      assert.match(verdict, openSslText);
      assert.match((await goView(root, leaf)).error, goText);
    }
    const wildcard = root.leaf({ dnsNames: ["*.example.com"] });
    assert.equal((await goView(root, wildcard, { name: "a.example.com" })).error, "");
  },
);

test(
  "an end in 2050 or later is written with four digits, one before it with two",
  needs("openssl", "x509"),
  async () => {
    const ends = [
      Date.UTC(2049, 11, 31, 23, 59, 59),
      Date.UTC(2050, 0, 1),
      Date.UTC(9999, 11, 31, 23, 59, 59),
    ];
    for (const notAfterMs of ends) {
      const notBeforeMs = Date.now() - 60_000;
      const leaf = selfSignedLeaf({ validity: { notBeforeMs, notAfterMs } });
      const validity = certificateFields(leaf.certificate)[3];
      // Tag of the second time: UTCTime or GeneralizedTime.
      assert.equal(validity?.content[15], notAfterMs < Date.UTC(2050, 0) ? 0x17 : 0x18);
      const seen = await goView(leaf, leaf);
      assert.equal(Date.parse(seen.notAfter), notAfterMs);
      assert.equal(Date.parse(seen.notBefore), Math.floor(notBeforeMs / 1000) * 1000);
      assert.match(
        await certificateText(leaf.certPem),
        new RegExp(`Not After : .*${new Date(notAfterMs).getUTCFullYear()} GMT`),
      );
    }
  },
);

test("a certificate without a subject has critical names", needs("openssl", "x509"), async () => {
  const ca = TestCa.create("root");
  const leaf = ca.leaf({ commonName: "" });
  assert.match(await certificateText(leaf.certPem), /Alternative Name: critical/);
  assert.equal(await opensslVerdict(ca, leaf), "OK");
  assert.equal((await goView(ca, leaf)).error, "");
});
