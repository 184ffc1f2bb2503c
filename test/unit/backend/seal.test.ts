import assert from "node:assert/strict";
import { test } from "node:test";
import { sealKey } from "../../../node/backend/layout.ts";
import { decodeSeal, encodeSeal, type Seal, sealBytes } from "../../../node/backend/seal.ts";
import { at } from "../../contract/backend.ts";

const seal: Seal = {
  sequence: 2 ** 40 + 3,
  position: at(Number.MAX_SAFE_INTEGER, 2 ** 52 + 1, 2 ** 33),
  firstMain: 2 ** 52 - 10_000,
  removedTo: 2 ** 34 + 7,
  firstSeal: 2 ** 40 + 1,
  live: { count: 2 ** 33, sumA: 0xaabbccdd, sumB: 0x11223344 },
  records: 10_000,
  recordsSum: 0xdeadbeef,
  bucketEntries: 4_000_000_000,
  bucketsSum: 0xfffffffe,
  previous: 0x80000001,
};
const key = sealKey(2 ** 52 + 1, 3, seal.sequence);

test("a seal comes back as it was written", () => {
  const { bytes, crc } = encodeSeal(key, seal);
  assert.equal(bytes.length, sealBytes);
  assert.deepEqual(decodeSeal(key, bytes), { seal, crc });
});

test("a seal's bytes stand at the offsets of the drawing", () => {
  const { bytes } = encodeSeal(key, seal);
  assert.equal(
    Buffer.from(bytes).toString("hex", 0, 93),
    "02" +
      "0000010000000003" +
      "001fffffffffffff" +
      "0000000200000000" +
      "0010000000000001" +
      "000fffffffffd8f0" +
      "0000000400000007" +
      "0000010000000001" +
      "0000000200000000" +
      "aabbccdd" +
      "11223344" +
      "00002710" +
      "deadbeef" +
      "ee6b2800" +
      "fffffffe" +
      "80000001",
  );
});

test("a seal with a flipped bit, another length or another key is refused", () => {
  const { bytes } = encodeSeal(key, seal);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(typeof decodeSeal(key, flipped), "string");
  }
  assert.match(JSON.stringify(decodeSeal(key, bytes.subarray(1))), /96 bytes/);
  assert.match(
    JSON.stringify(decodeSeal(sealKey(2 ** 52 + 1, 4, seal.sequence), bytes)),
    /checksum/,
  );
});
