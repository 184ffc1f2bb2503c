import assert from "node:assert/strict";
import { test } from "node:test";
import { copyBytes } from "../../../node/mvcc/copy-bytes.ts";

for (const length of [0, 1, 31, 32, 33, 1000]) {
  test(`copies exactly ${length} bytes and returns the position behind them`, () => {
    const source = Uint8Array.from({ length: 1100 }, (_, at) => at % 251);
    const target = new Uint8Array(1100).fill(255);
    assert.equal(copyBytes(source, 50, 50 + length, target, 7), 7 + length);
    const expected = new Uint8Array(1100).fill(255);
    expected.set(source.subarray(50, 50 + length), 7);
    assert.deepEqual(target, expected);
  });
}
