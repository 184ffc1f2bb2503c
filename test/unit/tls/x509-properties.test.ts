/** Whatever names, dates and serials are asked for, node:crypto (OpenSSL) reads back the same. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { BlockList, isIP, SocketAddress } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { type CertificateRequest, issueCertificate } from "../../../node/tls/x509/certificate.ts";
import { certificateFacts, readCertificate } from "../../../node/tls/x509/certificate-facts.ts";
import { readElements } from "../../../node/tls/x509/der.ts";
import { ipBytes, ipText } from "../../../node/tls/x509/ip-address.ts";
import { newKeyPair } from "../../../node/tls/x509/keys.ts";
import { TestCa } from "../../support/pki.ts";

const { publicKey } = newKeyPair("ecdsa-p256");
const ca = TestCa.create("root");

/** NUL too: where a name ended at it, "etcd\0.evil" would pass for "etcd". */
const namePart = fc.oneof(
  fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
    .filter((text) => text.isWellFormed()),
  fc.string({ unit: fc.constantFrom("a", "\0", ",", "=", "\n", "\\", '"'), minLength: 1 }),
);
const dnsName = fc.oneof(
  fc.domain(),
  fc.domain().map((name) => `*.${name}`),
  fc.constantFrom(
    "localhost",
    "m-0.cluster.ns.svc",
    "UPPER.example",
    "under_score",
    'odd"quote',
    "a,b",
  ),
);
const ipAddress = fc.oneof(fc.ipV4(), fc.ipV6());
/** Whole seconds between 1950 and 9999, with both sides of 2050 near. */
const second = fc
  .oneof(
    fc.integer({ min: Date.UTC(1950, 0) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }),
    fc.integer({ min: -3, max: 3 }).map((distance) => Date.UTC(2050, 0) / 1000 + distance),
  )
  .map((seconds) => seconds * 1000);
const serial = fc
  .uint8Array({ minLength: 1, maxLength: 19 })
  .filter((bytes) => bytes.some((byte) => byte !== 0));

const request: fc.Arbitrary<CertificateRequest> = fc
  .record({
    subject: fc.record({ commonName: namePart, organization: namePart }, { requiredKeys: [] }),
    serial,
    times: fc.tuple(second, second),
    dnsNames: fc.array(dnsName, { maxLength: 5 }),
    ipAddresses: fc.array(ipAddress, { maxLength: 5 }),
    usages: fc.subarray(["serverAuth", "clientAuth"] as const),
    isCa: fc.boolean(),
  })
  .filter(
    ({ subject, dnsNames, ipAddresses, isCa }) =>
      Object.keys(subject).length > 0 || (!isCa && dnsNames.length + ipAddresses.length > 0),
  )
  .map(({ times, ...rest }) => ({
    ...rest,
    publicKey,
    notBeforeMs: Math.min(...times),
    notAfterMs: Math.max(...times),
  }));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("what is asked for is read back by node:crypto", () => {
  fc.assert(
    fc.property(request, (asked) => {
      const certificate = new X509Certificate(issueCertificate(asked, ca.asIssuer()));
      assert.ok(certificate.verify(ca.keyPair.publicKey));
      assert.ok(certificate.checkIssued(ca.certificate));
      assert.ok(certificate.publicKey.equals(publicKey));
      assert.equal(certificate.ca, asked.isCa);
      assert.equal(BigInt(`0x${certificate.serialNumber}`), BigInt(`0x${hex(asked.serial)}`));
      assert.equal(certificate.validFromDate.getTime(), asked.notBeforeMs);
      assert.equal(certificate.validToDate.getTime(), asked.notAfterMs);
      const { subject } = certificate.toLegacyObject();
      const { commonName, organization } = asked.subject;
      assert.deepEqual([subject.CN, subject.O], [commonName, organization]);
      for (const name of asked.dnsNames.filter((name) => /^[\w.-]+$/.test(name)))
        assert.equal(certificate.checkHost(name), name);
      for (const address of asked.ipAddresses) assert.equal(certificate.checkIP(address), address);
    }),
    { numRuns: 300 },
  );
});

test("the facts of a certificate are what was asked for", () => {
  fc.assert(
    fc.property(request, (asked) => {
      const pem = issueCertificate(asked, ca.asIssuer());
      const facts = readCertificate(pem);
      assert.deepEqual(facts, certificateFacts(new X509Certificate(pem)));
      assert.deepEqual(facts, {
        commonName: asked.subject.commonName ?? "",
        dnsNames: asked.dnsNames,
        ipAddresses: asked.ipAddresses.map((address) => ipText(bytesOf(address))),
        notBeforeMs: asked.notBeforeMs,
        notAfterMs: asked.notAfterMs,
      });
    }),
    { numRuns: 300 },
  );
});

test("fractions of a second are cut off", () => {
  const times = { notBeforeMs: 1_999, notAfterMs: 2_000_000_999.5 };
  const asked = { subject: { commonName: "a" }, publicKey, serial: Uint8Array.of(1), ...times };
  const names = { usages: [], dnsNames: [], ipAddresses: [], isCa: false };
  const facts = readCertificate(issueCertificate({ ...asked, ...names }, ca.asIssuer()));
  assert.deepEqual([facts.notBeforeMs, facts.notAfterMs], [1_000, 2_000_000_000]);
});

test("the first certificate of a bundle is the one that is read, and DER as well as PEM", () => {
  const [first, second] = [ca.leaf({ commonName: "first" }), ca.leaf({ commonName: "second" })];
  assert.equal(readCertificate(`text\n${first.certPem}${second.certPem}`).commonName, "first");
  assert.equal(readCertificate(second.certificate.raw).commonName, "second");
  assert.throws(() => readCertificate("-----BEGIN CERTIFICATE-----\n"), /PEM/i);
});

test("alternative names that are no DER are an error, not names", () => {
  const { raw } = ca.leaf({ dnsNames: ["a.example", "b.example"], ipAddresses: [] }).certificate;
  const oid = Buffer.from("0603551d11", "hex");
  // OID, then the OCTET STRING's two bytes, then SEQUENCE and its length, then the first name and its length.
  const at = raw.indexOf(oid) + oid.length;
  assert.equal(raw[at + 2], 0x30);
  for (const [place, length] of [
    [at + 3, 0x7f],
    [at + 3, 0x80],
    [at + 5, 0x7f],
    [at + 5, 0x85],
  ] as const) {
    const broken = Buffer.from(raw);
    broken[place] = length;
    // OpenSSL has not looked so far.
    const certificate = new X509Certificate(broken);
    assert.throws(() => certificateFacts(certificate), { message: "x509: malformed certificate" });
  }
});

test("any bytes are elements that stand one after the other, or an error", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .array(fc.constantFrom(0x30, 0x02, 0, 1, 2, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xff))
      .map((all) => Uint8Array.from(all)),
  );
  fc.assert(
    fc.property(bytes, (all) => {
      try {
        assert.deepEqual(
          Buffer.concat(readElements(all).map(({ whole }) => whole)),
          Buffer.from(all),
        );
      } catch (error) {
        assert.equal((error as Error).message, "x509: malformed certificate");
      }
    }),
    { numRuns: 2000 },
  );
});

/** Address texts, right and wrong, dotted tails and zones among them. */
const addressLike = fc.oneof(
  ipAddress,
  fc
    .tuple(fc.ipV6(), fc.ipV4())
    .map(([six, four]) => `${six.split(":").slice(0, 6).join(":")}:${four}`),
  fc.ipV4().map((four) => `::ffff:${four}`),
  fc.ipV6().map((six) => `${six}%eth0`),
  fc.string({ unit: fc.constantFrom(..."0123456789abF:.%[]/@# ".split("")), maxLength: 20 }),
  fc.constantFrom(
    "::",
    "::1",
    "1::",
    "1.2.3",
    "1.2.3.4.",
    "01.2.3.4",
    "1.2.3.256",
    "0x1.2.3.4",
    "1.2.3.4.5",
    "",
  ),
);

test("an address is one for us when it is one for Node.js, save those with a zone", () => {
  fc.assert(
    fc.property(addressLike, (text) => {
      assert.equal(ipBytes(text) !== undefined, isIP(text) !== 0 && !text.includes("%"));
    }),
    { numRuns: 3000 },
  );
});

test("an address in its shortest form is the same address", () => {
  fc.assert(
    fc.property(ipAddress, (address) => {
      const short = ipText(bytesOf(address));
      assert.deepEqual(ipBytes(short), bytesOf(address));
      const list = new BlockList();
      list.addAddress(
        new SocketAddress({ address, family: isIP(address) === 4 ? "ipv4" : "ipv6" }),
      );
      assert.ok(list.check(short, isIP(short) === 4 ? "ipv4" : "ipv6"));
    }),
    { numRuns: 1000 },
  );
});

test("an IPv4 address in IPv6 dress is the IPv4 address", () => {
  assert.deepEqual(ipBytes("::ffff:10.1.2.3"), Uint8Array.of(10, 1, 2, 3));
  assert.deepEqual(ipBytes("::10.1.2.3")?.length, 16);
});

test("an address of no known length is shown as its bytes", () => {
  assert.equal(ipText(Uint8Array.of(1, 2, 255)), "0102ff");
});

function bytesOf(address: string): Uint8Array {
  const bytes = ipBytes(address);
  assert.ok(bytes, address);
  return bytes;
}
