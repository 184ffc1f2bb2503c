import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import {
  halvesSize,
  readEnum,
  readHalves,
  readInt64,
  readSaturatedInt64,
  writeHalves,
} from "../../../node/proto/int64.ts";
import { Reader, WireError, Writer } from "../../../node/proto/wire.ts";
import { int64, uint64 } from "./any-message.ts";

function readerOf(value: bigint): Reader {
  const writer = new Writer();
  writer.varint64(value);
  return new Reader(writer.finish());
}

suite("64-bit varints", () => {
  test("an int64 is read exactly", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const reader = readerOf(value);
        assert.equal(readInt64(reader), value);
        assert.ok(reader.isDone);
      }),
    );
  });

  test("an int64 that a number cannot hold saturates on its own side", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const reader = readerOf(value);
        const nearest = Math.max(
          Number.MIN_SAFE_INTEGER,
          Math.min(Number.MAX_SAFE_INTEGER, Number(value)),
        );
        assert.equal(readSaturatedInt64(reader), nearest);
        assert.ok(reader.isDone);
      }),
    );
  });

  test("an enum is the low 32 bits with their sign", () => {
    fc.assert(
      fc.property(int64, (value) => {
        assert.equal(readEnum(readerOf(value)), Number(BigInt.asIntN(32, value)));
      }),
    );
  });

  test("halves are written as the whole and read back", () => {
    const halves = { high: 0, low: 0 };
    fc.assert(
      fc.property(uint64, (value) => {
        const [high, low] = [Number(value >> 32n), Number(BigInt.asUintN(32, value))];
        const [ours, whole] = [new Writer(1), new Writer(1)];
        writeHalves(ours, high, low);
        whole.varint64(value);
        assert.deepEqual(ours.finish(), whole.finish());
        assert.equal(halvesSize(high, low), ours.position);
        readHalves(readerOf(value), halves);
        assert.deepEqual(halves, { high, low });
      }),
    );
  });

  test("halves of more than 64 bits, or cut off, are malformed", () => {
    const halves = { high: 0, low: 0 };
    for (const hex of ["", "80", "ffffffffffffffffff02", "ffffffffffffffffffff01"]) {
      assert.throws(() => {
        readHalves(new Reader(Buffer.from(hex, "hex")), halves);
      }, WireError);
    }
  });
});
