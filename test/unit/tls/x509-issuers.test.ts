/** Who issues: CAs that were made elsewhere, CAs that renew their certificate, and issuers and requests that are refused. */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type CertificateRequest,
  type Issuer,
  issueCertificate,
  randomSerial,
} from "../../../node/tls/x509/certificate.ts";
import {
  certificateFields,
  extensionOids,
  extensionValue,
} from "../../../node/tls/x509/extensions.ts";
import { type KeyType, newKeyPair, privateKeyPem } from "../../../node/tls/x509/keys.ts";
import { needs } from "../../support/peers.ts";
import { writeFiles } from "../../support/pki/files.ts";
import { TestCa } from "../../support/pki.ts";
import { goView, nextDir, openssl, opensslVerdict } from "./x509-readers.ts";

const { publicKey, privateKey } = newKeyPair("ecdsa-p256");
const request: CertificateRequest = {
  subject: { commonName: "leaf" },
  publicKey,
  serial: randomSerial(),
  notBeforeMs: Date.now() - 60_000,
  notAfterMs: Date.now() + 3_600_000,
  isCa: false,
  usages: ["serverAuth"],
  dnsNames: ["localhost"],
  ipAddresses: [],
};
const ca = TestCa.create("root");

/** String types that we never write, attributes of one kind twice, two in one set. */
const foreignConfig = `
[req]
distinguished_name = name
prompt = no
string_mask = MASK
[name]
C = DE
O = Büro
0.OU = a
1.OU = b
+1.CN = Wurzel & Söhne
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
SKI
`;

interface ForeignCa {
  readonly key: string;
  readonly mask: string;
  readonly namesKey: boolean;
}

/** A CA that OpenSSL has made. */
async function foreignCa({ key, mask, namesKey }: ForeignCa): Promise<Issuer> {
  const config = foreignConfig
    .replace("MASK", mask)
    .replace("SKI", `subjectKeyIdentifier = ${namesKey ? "hash" : "none"}`);
  const dir = nextDir();
  const files = writeFiles(dir, { config });
  const [cert, keyFile] = [join(dir, "cert"), join(dir, "key")];
  const newKey = ["-newkey", ...key.split(" "), "-nodes", "-keyout", keyFile];
  const from = ["-config", files.config, "-extensions", "ca", "-utf8"];
  await openssl(["req", "-x509", ...newKey, "-out", cert, "-days", "2", ...from]);
  return {
    certificate: new X509Certificate(readFileSync(cert)),
    privateKey: createPrivateKey(readFileSync(keyFile)),
  };
}

const keyIdOf = (certificate: X509Certificate): Uint8Array | undefined =>
  extensionValue(certificate, extensionOids.subjectKeyIdentifier)?.subarray(2);

for (const [key, mask] of [
  ["ec -pkeyopt ec_paramgen_curve:P-384", "utf8only"],
  ["rsa:2048", "pkix"],
  ["ed25519", "nombstr"],
] as const)
  test(
    `the name of a CA that OpenSSL has made (${key}, ${mask}) is copied byte for byte, and its key named as it names it`,
    needs("openssl", "x509"),
    async () => {
      const issuer = await foreignCa({ key, mask, namesKey: true });
      const certPem = issueCertificate(request, issuer);
      const leaf = new X509Certificate(certPem);
      const [, , issuerName] = certificateFields(leaf);
      const [, , , , subject] = certificateFields(issuer.certificate);
      assert.deepEqual(issuerName, subject);
      const named = extensionValue(leaf, extensionOids.authorityKeyIdentifier)?.subarray(4);
      assert.deepEqual(named, keyIdOf(issuer.certificate));
      assert.ok(leaf.checkIssued(issuer.certificate));
      const root = { certPem: issuer.certificate.toString() };
      const chain = { certPem, chainPem: certPem };
      assert.equal(await opensslVerdict(root, chain), "OK");
      assert.equal((await goView(root, chain)).error, "");
    },
  );

test(
  "where a CA does not name its key, neither does the certificate",
  needs("openssl", "x509"),
  async () => {
    const issuer = await foreignCa({ key: "ed25519", mask: "utf8only", namesKey: false });
    const certPem = issueCertificate(request, issuer);
    const leaf = new X509Certificate(certPem);
    assert.equal(extensionValue(leaf, extensionOids.authorityKeyIdentifier), undefined);
    const root = { certPem: issuer.certificate.toString() };
    assert.equal((await goView(root, { chainPem: certPem })).error, "");
  },
);

test(
  "certificates outlive the renewal of their CA's certificate when it keeps its key",
  needs("openssl", "x509"),
  async () => {
    const old = TestCa.create("root", { validity: "expired" });
    const leaf = old.leaf();
    assert.match(await opensslVerdict(old, leaf), /expired/);
    const renewed = TestCa.create("root", { keyPair: old.keyPair });
    assert.equal(await opensslVerdict(renewed, leaf), "OK");
    assert.equal((await goView(renewed, leaf)).error, "");
    assert.deepEqual(keyIdOf(renewed.certificate), keyIdOf(old.certificate));
    const again = renewed.leaf({ keyPair: leaf.keyPair });
    assert.equal(again.keyPem, leaf.keyPem);
    assert.notEqual(again.certificate.serialNumber, leaf.certificate.serialNumber);
  },
);

test("a private key that is not the issuer's is refused", () => {
  const { certificate } = ca;
  assert.throws(() => issueCertificate(request, { certificate, privateKey }), {
    message: "the issuer's private key does not fit its certificate",
  });
  const selfKey = ca.keyPair.privateKey;
  assert.throws(() => issueCertificate(request, { selfKey }), {
    message: "a self-signed certificate is signed with its own key",
  });
});

test("serial numbers are positive and have at most twenty bytes with the sign", () => {
  const withSerial = (serial: Uint8Array) =>
    issueCertificate({ ...request, serial }, ca.asIssuer());
  const largest = new Uint8Array(20).fill(0xff);
  largest[0] = 0x7f;
  const serialOf = (serial: Uint8Array) => new X509Certificate(withSerial(serial)).serialNumber;
  assert.equal(serialOf(largest), `7F${"FF".repeat(19)}`);
  assert.equal(serialOf(Uint8Array.of(0, 0, 0x80)), "80");
  for (const bad of [new Uint8Array(0), new Uint8Array(4), new Uint8Array(20).fill(0x80)])
    assert.throws(() => withSerial(bad), RangeError);
});

test("serial numbers that are drawn all have sixteen bytes and are not negative", () => {
  for (let drawn = 0; drawn < 200; drawn++) {
    const serial = randomSerial();
    assert.equal(serial.length, 16);
    assert.ok((serial[0] as number) >= 0x40 && (serial[0] as number) < 0x80);
  }
});

test("requests that no certificate can hold are refused with what is wrong", () => {
  const bad: [Partial<CertificateRequest>, RegExp][] = [
    [{ subject: { commonName: "" } }, /"" cannot stand in a certificate's name/],
    [{ subject: { commonName: "\ud800" } }, /cannot stand in a certificate's name/],
    [{ dnsNames: ["bücher.example"] }, /"bücher.example" is not a DNS name/],
    [{ dnsNames: [""] }, /"" is not a DNS name/],
    [{ dnsNames: ["a b"] }, /"a b" is not a DNS name/],
    [{ ipAddresses: ["10.0.0.256"] }, /"10.0.0.256" is not an IP address/],
    [{ ipAddresses: ["fe80::1%eth0"] }, /"fe80::1%eth0" is not an IP address/],
    [{ subject: {}, dnsNames: [] }, /a certificate without any name/],
    [{ subject: {}, isCa: true }, /a CA needs a subject/],
    [{ notAfterMs: request.notBeforeMs - 1 }, /never valid/],
    [{ notAfterMs: Number.NaN }, /never valid/],
    [{ notAfterMs: Date.UTC(10_000, 0) }, /beyond the year 9999/],
  ];
  for (const [change, message] of bad)
    assert.throws(() => issueCertificate({ ...request, ...change }, ca.asIssuer()), message);
});

test("a key that cannot sign certificates is named", () => {
  const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" });
  assert.throws(
    () =>
      issueCertificate({ ...request, publicKey: other.publicKey }, { selfKey: other.privateKey }),
    /a key of type ec secp256k1 cannot sign certificates: ECDSA \(P-256, P-384, P-521\), Ed25519 and RSA can/,
  );
});

test(
  "keys are written so that OpenSSL reads them, whatever their type",
  needs("openssl"),
  async () => {
    const types: Record<KeyType, RegExp> = {
      "ecdsa-p256": /NIST CURVE: P-256/,
      "ecdsa-p384": /NIST CURVE: P-384/,
      "ecdsa-p521": /NIST CURVE: P-521/,
      ed25519: /ED25519 Private-Key/,
      "rsa-2048": /Private-Key: \(2048 bit/,
      "rsa-4096": /Private-Key: \(4096 bit/,
    };
    for (const [type, seen] of Object.entries(types)) {
      const key = privateKeyPem(newKeyPair(type as KeyType).privateKey);
      const file = writeFiles(nextDir(), { key }).key;
      assert.match(key, /^-----BEGIN PRIVATE KEY-----\n/);
      assert.match(await openssl(["pkey", "-in", file, "-noout", "-text"]), seen);
    }
  },
);
