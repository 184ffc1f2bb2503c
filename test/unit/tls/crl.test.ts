import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readRevokedSerials, serialText } from "../../../node/tls/crl.ts";
import { TestCa } from "../../support/pki.ts";

const ca = TestCa.create("ca");
const other = TestCa.create("other");
let pauses = 0;
const pause = (): Promise<void> => {
  pauses += 1;
  return Promise.resolve();
};
const serialOf = (bytes: Uint8Array) => ({ serial: bytes });

test("DER and PEM give the serials that certificates say of themselves", async () => {
  const leaves = [
    ca.leaf(),
    ca.leaf({ serial: Uint8Array.of(1) }),
    ca.leaf({ serial: Uint8Array.of(0x80, 0) }),
  ];
  const { der, pem } = ca.crl(leaves);
  const wanted = leaves.map(({ certificate }) => serialText(certificate.serialNumber));
  assert.deepEqual([...(await readRevokedSerials(der, pause))], wanted);
  assert.deepEqual([...(await readRevokedSerials(Buffer.from(pem), pause))], wanted);
  assert.ok(wanted.includes("01") && wanted.includes("8000"));
});

test("all lists of a PEM text count", async () => {
  const one = ca.leaf();
  const two = other.leaf();
  const text = `first\n${ca.crl([one]).pem}\n${ca.certPem}\n${other.crl([two]).pem}`;
  const revoked = await readRevokedSerials(Buffer.from(text), pause);
  assert.equal(revoked.size, 2);
  for (const { certificate } of [one, two])
    assert.ok(revoked.has(serialText(certificate.serialNumber)));
});

test("a list that revokes nobody is a list", async () => {
  assert.equal((await readRevokedSerials(ca.crl([]).der, pause)).size, 0);
});

test("a list that is cut off anywhere, or followed by more, throws", async () => {
  const { der, pem } = ca.crl([ca.leaf(), ca.leaf()]);
  for (let length = 0; length < der.length; length++)
    await assert.rejects(readRevokedSerials(der.subarray(0, length), pause), `${length} bytes`);
  await assert.rejects(readRevokedSerials(Buffer.concat([der, der]), pause), /left over/);
  for (let length = 0; length < pem.trimEnd().length; length++)
    await assert.rejects(readRevokedSerials(Buffer.from(pem.slice(0, length)), pause));
});

test("other files are not taken for a list", async () => {
  await assert.rejects(readRevokedSerials(ca.certificate.raw, pause));
  await assert.rejects(
    readRevokedSerials(Buffer.from(ca.certPem), pause),
    /holds no certificate rev/,
  );
  await assert.rejects(readRevokedSerials(Buffer.from("hello"), pause), /holds no certificate rev/);
});

test("no bytes end in anything but a list or an Error", async () => {
  const { der } = ca.crl([ca.leaf()]);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (changes) => {
        const broken = Uint8Array.from(der);
        for (const [at, byte] of changes) broken[at] = byte;
        const outcome = await readRevokedSerials(broken, pause).catch((error: unknown) => error);
        const isBug = outcome instanceof RangeError || outcome instanceof TypeError;
        assert.ok(outcome instanceof Set || (outcome instanceof Error && !isBug));
      },
    ),
  );
});

test("serials compare by their magnitude, as in etcd", () => {
  assert.equal(serialText("0A"), "0a");
  assert.equal(serialText("00ABC0"), "abc0");
  assert.equal(serialText("ABC"), "0abc");
  assert.equal(serialText("-05"), "05");
});

test("a list of 100,000 serials is read whole, with turns for the event loop in between", async () => {
  const revoked = Array.from({ length: 100_000 }, (_, at) => {
    const serial = Buffer.alloc(16, 0x7a);
    serial.writeUInt32BE(at, 4);
    return serialOf(serial);
  });
  const { der } = ca.crl(revoked);
  pauses = 0;
  const serials = await readRevokedSerials(der, pause);
  assert.equal(serials.size, 100_000);
  assert.ok(serials.has(Buffer.from(revoked[77_777]?.serial ?? []).toString("hex")));
  assert.equal(pauses, 10);
});
