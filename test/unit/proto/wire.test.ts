import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import {
  Reader,
  tagOf,
  varintSize,
  WireError,
  Writer,
  wireType,
} from "../../../node/proto/wire.ts";
import { int64, uint64 } from "./any-message.ts";

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
const counter = fc.oneof(
  fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
);

suite("Writer", () => {
  test("what was finished stays as it is when the writer is used again", () => {
    const writer = new Writer();
    writer.varint(1);
    const first = writer.finish();
    writer.reset();
    writer.varint(2);
    assert.deepEqual([...first], [1]);
  });

  test("a varint takes the bytes that varintSize says and is read back", () => {
    fc.assert(
      fc.property(counter, (value) => {
        const writer = new Writer(1);
        writer.varint(value);
        assert.equal(writer.position, varintSize(value));
        assert.equal(new Reader(writer.finish()).varint(), value);
      }),
    );
  });

  test("64-bit values are read back with their sign", () => {
    fc.assert(
      fc.property(int64, uint64, (signed, unsigned) => {
        const writer = new Writer(1);
        writer.varint64(signed);
        writer.varint64(unsigned);
        const reader = new Reader(writer.finish());
        assert.deepEqual([reader.int64(), reader.varint64()], [signed, unsigned]);
      }),
    );
  });

  test("an embedded message of any length gets the shortest length in front", () => {
    fc.assert(
      fc.property(fc.nat(40_000), (length) => {
        const content = new Uint8Array(length).fill(7);
        const [nested, plain] = [new Writer(1), new Writer(1)];
        const mark = nested.beginMessage(3);
        nested.raw(content, 0, length);
        nested.endMessage(mark);
        plain.bytesField(3, content);
        assert.equal(Buffer.compare(nested.finish(), plain.finish()), 0);
      }),
    );
  });

  test("zero numbers and false leave no field", () => {
    const writer = new Writer();
    writer.numberField(1, 0);
    writer.bigintField(2, 0n);
    writer.boolField(3, false);
    assert.equal(writer.position, 0);
  });
});

suite("Reader", () => {
  test("a varint above 2^53-1 is Infinity, never a wrong number", () => {
    fc.assert(
      fc.property(uint64, (value) => {
        const writer = new Writer();
        writer.varint64(value);
        const seen = new Reader(writer.finish()).varint();
        assert.equal(seen, value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity);
      }),
    );
  });

  test("a varint of more than 64 bits is malformed", () => {
    for (const bytes of [hex("ffffffffffffffffff02"), hex("ffffffffffffffffffff01")]) {
      assert.throws(() => new Reader(bytes).varint(), WireError);
      assert.throws(() => new Reader(bytes).varint64(), WireError);
    }
  });

  test("a field number of 0, or above 2^29-1, is malformed", () => {
    for (const bytes of [hex("00"), hex("07"), hex("8080808010")]) {
      assert.throws(() => new Reader(bytes).tag(), WireError);
    }
    assert.equal(new Reader(hex("ffffffff0f")).tag(), tagOf(2 ** 29 - 1, 7));
  });

  test("unknown fields of every kind are stepped over", () => {
    const field = (type: number): number => tagOf(9, type);
    const unknown = [
      [field(wireType.varint), 0xff, 0x01],
      [field(wireType.fixed64), 1, 2, 3, 4, 5, 6, 7, 8],
      [field(wireType.bytes), 2, 0xff, 0xff],
      [field(wireType.fixed32), 1, 2, 3, 4],
      [
        field(wireType.startGroup),
        field(wireType.startGroup),
        field(wireType.endGroup),
        field(wireType.endGroup),
      ],
    ];
    for (const bytes of unknown) {
      const reader = new Reader(new Uint8Array([...bytes, 0x2a]));
      reader.skip(reader.tag());
      assert.equal(reader.varint(), 0x2a);
      for (let end = 1; end < bytes.length; end++) {
        const cut = new Reader(new Uint8Array(bytes), 0, end);
        assert.throws(() => cut.skip(cut.tag()), WireError);
      }
    }
  });

  test("nothing is read behind the end that was given", () => {
    const reader = new Reader(hex("0a05aabbccddee"), 0, 4);
    reader.tag();
    assert.throws(() => reader.bytes(), WireError);
    assert.throws(() => new Reader(hex("8001"), 0, 1).varint(), WireError);
  });
});
