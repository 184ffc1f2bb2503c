import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  RevisionKey,
  recordKeyBytes,
  sealKey,
  writeRecordKey,
} from "../../../node/backend/layout.ts";
import { compareBytes, toText } from "../../../node/lib/bytes.ts";

const mains = fc.maxSafeNat();
const subs = fc.nat({ max: 2 ** 32 - 1 });

function recordKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(recordKeyBytes);
  writeRecordKey(key, main, sub);
  return key;
}

test("a record's key parses to what it was made from, at every size of number", () => {
  const parsed = new RevisionKey();
  fc.assert(
    fc.property(mains, subs, (main, sub) => {
      assert.ok(parsed.parse(toText(recordKey(main, sub))));
      assert.deepEqual([parsed.main, parsed.sub, parsed.isSeal], [main, sub, false]);
    }),
    {
      examples: [
        [Number.MAX_SAFE_INTEGER, 2 ** 32 - 1],
        [0, 0],
        [2 ** 28, 2 ** 28],
        [2 ** 28 - 1, 2 ** 28 - 1],
      ],
    },
  );
});

test("a seal's key parses to what it was made from", () => {
  const parsed = new RevisionKey();
  fc.assert(
    fc.property(mains, subs, mains, (main, sub, sequence) => {
      assert.ok(parsed.parse(toText(sealKey(main, sub, sequence))));
      assert.deepEqual(
        [parsed.main, parsed.sub, parsed.sequence, parsed.isSeal],
        [main, sub, sequence, true],
      );
    }),
  );
});

test("keys sort as their revisions do", () => {
  fc.assert(
    fc.property(mains, subs, mains, subs, (mainA, subA, mainB, subB) => {
      const expected = Math.sign(mainA === mainB ? subA - subB : mainA - mainB);
      assert.equal(
        Math.sign(compareBytes(recordKey(mainA, subA), recordKey(mainB, subB))),
        expected,
      );
    }),
  );
  fc.assert(
    fc.property(mains, subs, subs, (main, subA, subB) => {
      const order = Math.sign(compareBytes(recordKey(main, subA), recordKey(main, subB)));
      assert.equal(order, Math.sign(subA - subB));
    }),
  );
});

test("a seal sorts after its last record, before the next record, and by its sequence", () => {
  fc.assert(
    fc.property(mains, fc.nat({ max: 2 ** 32 - 2 }), fc.nat(), (main, sub, sequence) => {
      const seal = sealKey(main, sub, sequence);
      assert.ok(compareBytes(recordKey(main, sub), seal) < 0);
      assert.ok(compareBytes(seal, recordKey(main, sub + 1)) < 0);
      assert.ok(compareBytes(seal, sealKey(main, sub, sequence + 1)) < 0);
    }),
  );
});

test("keys are ASCII, so that a string of them has the same order and loses nothing", () => {
  fc.assert(
    fc.property(mains, subs, mains, (main, sub, sequence) => {
      assert.ok(recordKey(main, sub).every((byte) => byte < 0x80));
      assert.ok(sealKey(main, sub, sequence).every((byte) => byte < 0x80));
    }),
  );
});

test("a key with any bit flipped is refused or is another key", () => {
  const parsed = new RevisionKey();
  for (const key of [recordKey(77_777_777_777, 5), sealKey(77_777_777_777, 5, 99)]) {
    const [main, sub, sequence] = [77_777_777_777, 5, key.length === recordKeyBytes ? 0 : 99];
    for (let bit = 0; bit < key.length * 8; bit++) {
      const flipped = key.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (!parsed.parse(toText(flipped))) continue;
      assert.notDeepEqual([parsed.main, parsed.sub, parsed.sequence], [main, sub, sequence]);
    }
  }
});

test("keys of other lengths or beginnings are refused", () => {
  const parsed = new RevisionKey();
  const key = toText(recordKey(5, 0));
  for (const other of [
    "",
    key.slice(0, -1),
    `${key}\0`,
    `\x11${key.slice(1)}`,
    toText(sealKey(5, 0, 1)).slice(0, -1),
  ]) {
    assert.equal(parsed.parse(other), false);
  }
});
