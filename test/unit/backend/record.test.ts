import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { recordKind } from "../../../node/backend/backend.ts";
import {
  RecordEncoder,
  recordFault,
  recordSeed,
  storedKeyValue,
  storedRecordCrc,
  storedRecordKind,
} from "../../../node/backend/record.ts";
import { RecordSums } from "../../../node/backend/record-sums.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";

test("a stored record gives back its bytes and kind", () => {
  const encoder = new RecordEncoder();
  const kinds = fc.constantFrom(recordKind.put, recordKind.tombstone);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 9000 }),
      kinds,
      fc.nat(),
      fc.nat(9),
      (bytes, kind, seed, start) => {
        const from = Math.min(start, bytes.length);
        const stored = encoder.encode(seed, kind, bytes, from, bytes.length);
        assert.equal(recordFault(stored, seed), undefined);
        assert.equal(storedRecordKind(stored), kind);
        assert.equal(storedRecordCrc(stored), encoder.crc);
        assert.deepEqual(Buffer.from(storedKeyValue(stored)), Buffer.from(bytes.subarray(from)));
      },
    ),
  );
});

test("any flipped bit, and any shortening, is a fault", () => {
  const stored = new RecordEncoder()
    .encode(recordSeed(7, 0), recordKind.put, Buffer.from("some value"), 0, 10)
    .slice();
  for (let bit = 0; bit < stored.length * 8; bit++) {
    const flipped = stored.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.notEqual(recordFault(flipped, recordSeed(7, 0)), undefined);
  }
  for (let size = 0; size < stored.length; size++) {
    assert.notEqual(recordFault(stored.subarray(0, size), recordSeed(7, 0)), undefined);
  }
});

test("a value under the key of another record is a fault", () => {
  const stored = new RecordEncoder().encode(
    recordSeed(7, 0),
    recordKind.put,
    Buffer.from("v"),
    0,
    1,
  );
  for (const [main, sub] of [
    [7, 1],
    [8, 0],
    [6, 0],
    [7 + 2 ** 32, 0],
    [7, 2 ** 32 - 1],
  ] as const) {
    assert.notEqual(recordFault(stored, recordSeed(main, sub)), undefined);
  }
});

test("the sums of a batch tell order, count and content apart", () => {
  const sumOf = (crcs: readonly number[]): number => {
    const sums = new RecordSums();
    for (const crc of crcs) sums.add(crc);
    return sums.sum();
  };
  assert.notEqual(sumOf([1, 2]), sumOf([2, 1]));
  assert.notEqual(sumOf([1, 2]), sumOf([1]));
  const many = Array.from({ length: 5000 }, (_, n) => (n * 2654435761) >>> 0);
  assert.equal(sumOf(many), crc32c(Buffer.from(Uint32Array.from(many).buffer)));
  const reused = new RecordSums();
  reused.add(9);
  reused.reset();
  assert.equal(reused.sum(), sumOf([]));
});
