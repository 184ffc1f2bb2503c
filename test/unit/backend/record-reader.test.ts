/** The check of whole slices: it must find what the check of one record finds, in any place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type RecordKind, recordKind } from "../../../node/backend/backend.ts";
import { sealKey, writeRecordKey } from "../../../node/backend/layout.ts";
import { RecordEncoder, recordSeed } from "../../../node/backend/record.ts";
import { RecordReader } from "../../../node/backend/record-reader.ts";
import { toText } from "../../../node/lib/bytes.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";

type Entry = [string, Uint8Array];

const keyOf = (main: number, sub: number): string => {
  const key = new Uint8Array(15);
  writeRecordKey(key, main, sub);
  return toText(key);
};

function entryOf(main: number, sub: number, kind: RecordKind, bytes: Uint8Array): Entry {
  const stored = new RecordEncoder().encode(recordSeed(main, sub), kind, bytes, 0, bytes.length);
  return [keyOf(main, sub), stored.slice()];
}

interface Seen {
  readonly main: number;
  readonly sub: number;
  readonly kind: RecordKind;
  readonly bytes: Buffer;
}

function read(entries: readonly Entry[]): Seen[] {
  const seen: Seen[] = [];
  const reader = new RecordReader("dir", (main, sub, kind, bytes, start, end) => {
    seen.push({ main, sub, kind, bytes: Buffer.from(bytes.subarray(start, end)) });
  });
  reader.entries(entries);
  return seen;
}

const slices = fc.array(
  fc.record({
    step: fc.integer({ min: 1, max: 2 ** 40 }),
    sub: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    kind: fc.constantFrom(recordKind.put, recordKind.tombstone),
    bytes: fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
      {
        weight: 1,
        arbitrary: fc.integer({ min: 60_000, max: 140_000 }).map((n) => Buffer.alloc(n, n)),
      },
    ),
  }),
  { minLength: 1, maxLength: 8 },
);

test("a slice is handed over as it was written, seals left out", () => {
  fc.assert(
    fc.property(slices, (records) => {
      let main = 0;
      const entries: Entry[] = [];
      const expected: Seen[] = [];
      for (const { step, sub, kind, bytes } of records) {
        main += step;
        entries.push(entryOf(main, sub, kind, bytes));
        entries.push([toText(sealKey(main, sub, main)), Buffer.alloc(97, 1)]);
        expected.push({ main, sub, kind, bytes: Buffer.from(bytes) });
      }
      assert.deepEqual(read(entries), expected);
    }),
  );
});

test("any flipped bit of any record is named, and no record is handed over from it on", () => {
  const entries = Array.from({ length: 6 }, (_, n) =>
    entryOf(10 + n, n % 2, recordKind.put, Buffer.from("record".slice(0, n))),
  );
  for (const [at, [, value]] of entries.entries()) {
    for (let bit = 0; bit < value.length * 8; bit++) {
      const seen: number[] = [];
      const reader = new RecordReader("dir", (main) => seen.push(main));
      value[bit >>> 3] = (value[bit >>> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => reader.entries(entries), {
        name: "CorruptionError",
        message: new RegExp(`revision ${10 + at}/${at % 2}: its value has a bad checksum`),
      });
      value[bit >>> 3] = (value[bit >>> 3] as number) ^ (1 << (bit & 7));
      assert.deepEqual(seen, [10, 11, 12, 13, 14].slice(0, at));
    }
  }
  assert.equal(read(entries).length, 6);
});

test("a value under another record's key, a cut one and an unknown flag are faults", () => {
  const slice = (): [Entry, Entry, Entry] => [
    entryOf(5, 0, recordKind.put, Buffer.from("aa")),
    entryOf(6, 0, recordKind.put, Buffer.from("bb")),
    entryOf(6, 1, recordKind.tombstone, Buffer.from("cc")),
  ];
  const swapped = slice();
  [swapped[1][1], swapped[2][1]] = [swapped[2][1], swapped[1][1]];
  assert.throws(() => read(swapped), /revision 6\/0: its value has a bad checksum/);
  const cut = slice();
  // Nothing but the sum of nothing, without a flag that is unknown: only its length tells.
  const sumOfNothing = new Uint8Array(4);
  Buffer.from(sumOfNothing.buffer).writeUInt32LE(recordSeed(256, 0));
  cut[2] = [keyOf(256, 0), sumOfNothing];
  assert.throws(() => read(cut), /revision 256\/0: its value has only 4 bytes/);
  const flagged = slice();
  const bytes = Buffer.from("\x02dd");
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32c(bytes, recordSeed(6, 0)));
  flagged[1][1] = Buffer.concat([bytes, sum]);
  assert.throws(() => read(flagged), /revision 6\/0: its value has unknown flags 2/);
});
