/** Facts of certificates that are odd or broken: they come from files and Secrets that anybody may have written. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { readCertificate } from "../../../node/tls/x509/certificate-facts.ts";
import { TestCa } from "../../support/pki.ts";

const leaf = TestCa.create("CA").leaf({ commonName: "leaf" });

test("a certificate whose public key is no point of its curve is read, or refused by an Error", () => {
  const der = Buffer.from(leaf.certificate.raw);
  const key = leaf.certificate.publicKey.export({ type: "spki", format: "der" });
  const begin = der.indexOf(key);
  let read = 0;
  for (let at = begin; at < begin + key.length; at += 1) {
    const broken = Buffer.from(der);
    broken[at] = (broken[at] as number) ^ 7;
    try {
      assert.equal(readCertificate(broken).commonName, "leaf");
      read += 1;
    } catch (error) {
      assert.ok(error instanceof Error && error.name !== "AssertionError", String(error));
    }
  }
  assert.ok(read > 60, `${read} read`);
});

test("the common name is the one that node:crypto reads, in each kind of string", () => {
  for (const commonName of [
    "leaf",
    "müller",
    "日本",
    "a+b,c=d",
    'q"\\\\',
    "user@example.org",
    "x y",
  ]) {
    const certificate = new X509Certificate(TestCa.create("CA").leaf({ commonName }).certPem);
    assert.equal(readCertificate(certificate.toString()).commonName, commonName);
    assert.equal(certificate.toLegacyObject().subject.CN, commonName);
  }
});
