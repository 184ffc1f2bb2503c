import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { tombstoneKeyBytes, writeRevisionKey } from "../../../node/mvcc/revision-key.ts";
import { StagedSum } from "../../../node/mvcc/staged-sum.ts";

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(400) },
  { weight: 1, arbitrary: fc.integer({ min: 65_400, max: 65_600 }) },
);

/** KeyValues with anything around them, and other pieces in between. */
const pieces = fc.array(
  fc.record({
    isRecord: fc.boolean(),
    isTombstone: fc.boolean(),
    main: fc.maxSafeNat(),
    sub: fc.nat(9),
    before: fc.nat(30),
    length: lengths,
    behind: fc.nat(100),
    fill: fc.nat(255),
  }),
  { maxLength: 12 },
);

test("the sum of any pieces and records is that over them one behind the other, whatever lies around them", () => {
  fc.assert(
    fc.property(pieces, (all) => {
      const sum = new StagedSum();
      const parts: Uint8Array[] = [];
      for (const { isRecord, isTombstone, main, sub, before, length, behind, fill } of all) {
        const bytes = new Uint8Array(before + length + behind).fill(0xee);
        const end = before + length;
        bytes.fill(fill, before, end);
        if (isRecord) {
          const key = new Uint8Array(tombstoneKeyBytes);
          parts.push(key.subarray(0, writeRevisionKey(key, main, sub, isTombstone)));
          sum.addRecord(main, sub, isTombstone, bytes, before, end);
        } else {
          sum.add(bytes, before, end);
        }
        parts.push(bytes.subarray(before, end));
      }
      assert.equal(sum.value(), crc32c(Buffer.concat(parts)));
    }),
  );
});
