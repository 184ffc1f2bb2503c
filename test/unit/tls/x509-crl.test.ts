/** CRLs as OpenSSL and Go read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { issueCrl } from "../../../node/tls/x509/crl.ts";
import { readElement, readElements, tags } from "../../../node/tls/x509/der.ts";
import type { KeyType } from "../../../node/tls/x509/keys.ts";
import { needs } from "../../support/peers.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { goCrlView, nextDir, openssl, opensslVerdict } from "./x509-readers.ts";

const keyTypes: readonly KeyType[] = [
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "ed25519",
  "rsa-2048",
];

const hex = (serial: Uint8Array): string => Buffer.from(serial).toString("hex").replace(/^0+/, "");

for (const keyType of keyTypes)
  test(
    `a list that a CA with a key of type ${keyType} has signed refuses what it names, and nothing else`,
    needs("openssl", "x509"),
    async () => {
      const ca = TestCa.create("root", { keyType });
      const [revoked, other] = [ca.leaf(), ca.leaf()];
      const crl = ca.crl([revoked]);
      const file = writeFiles(nextDir(), { crl: crl.pem }).crl;
      const check = ["-crl_check", "-CRLfile", file];
      assert.equal(await opensslVerdict(ca, revoked, check), "certificate revoked");
      assert.equal(await opensslVerdict(ca, other, check), "OK");
      const seen = await goCrlView(ca, crl.der);
      assert.equal(seen.error, "");
      assert.deepEqual(seen.serials, [hex(revoked.serial)]);
    },
  );

test("an empty list is one that refuses nothing", needs("openssl", "x509"), async () => {
  const ca = TestCa.create("root");
  const crl = ca.crl([]);
  const file = writeFiles(nextDir(), { crl: crl.pem }).crl;
  assert.equal(await opensslVerdict(ca, ca.leaf(), ["-crl_check", "-CRLfile", file]), "OK");
  assert.match(await openssl(["crl", "-in", file, "-noout", "-text"]), /No Revoked Certificates/);
  assert.deepEqual((await goCrlView(ca, crl.der)).serials, []);
  // RFC 5280 5.1.2.6: absent, not empty. Behind version, algorithm, issuer and two times come the extensions.
  const [toBeSigned] = readElements(readElement(crl.der).content);
  const parts = readElements(toBeSigned?.content ?? new Uint8Array(0));
  assert.deepEqual([parts.length, parts[5]?.tag], [6, tags.explicit(0)]);
});

test(
  "times, number, version and the issuer's key stand in the list",
  needs("openssl", "x509"),
  async () => {
    const ca = TestCa.create("root");
    const thisUpdateMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    const nextUpdateMs = Date.UTC(2055, 0);
    const times = { thisUpdateMs, nextUpdateMs };
    const serials = [Uint8Array.of(1), Uint8Array.of(0xff, 0), Uint8Array.of(0, 0x7f)];
    const der = issueCrl({ issuer: ca.asIssuer(), revokedSerials: serials, ...times, number: 300 });
    const seen = await goCrlView(ca, der);
    assert.deepEqual(seen, {
      error: "",
      serials: ["1", "ff00", "7f"],
      number: "300",
      thisUpdate: "2026-01-02T03:04:05Z",
      nextUpdate: "2055-01-01T00:00:00Z",
    });
    const file = writeFiles(nextDir(), { der }).der;
    const text = await openssl(["crl", "-inform", "DER", "-in", file, "-noout", "-text"]);
    assert.match(text, /Version 2/);
    assert.match(text, /Authority Key Identifier/);
  },
);

test(
  "a list that another CA of the same name has signed does not verify",
  needs("x509"),
  async () => {
    const [ca, impostor] = [TestCa.create("root"), TestCa.create("root")];
    assert.match((await goCrlView(ca, impostor.crl([]).der)).error, /verification failure/);
  },
);

test("a list that is out of date is seen as that", needs("openssl"), async () => {
  const ca = TestCa.create("root");
  const crl = ca.crl([], { nextUpdateMs: Date.now() - 60_000 });
  const file = writeFiles(nextDir(), { crl: crl.pem }).crl;
  const verdict = await opensslVerdict(ca, ca.leaf(), ["-crl_check", "-CRLfile", file]);
  assert.equal(verdict, "CRL has expired");
});

test("a private key that is not the issuer's is refused", () => {
  const [ca, other] = [TestCa.create("root"), TestCa.create("other")];
  const issuer = { certificate: ca.certificate, privateKey: other.keyPair.privateKey };
  const times = { thisUpdateMs: 0, nextUpdateMs: 1 };
  assert.throws(() => issueCrl({ issuer, revokedSerials: [], ...times }), /does not fit/);
});
