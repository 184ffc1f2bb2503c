import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import {
  decodeRecord,
  keyValueSize,
  writeKey,
  writeLease,
  writeRevisions,
  writeValue,
} from "../../../node/mvcc/key-value.ts";
import { KeyValueView } from "../../../node/proto/key-value.ts";
import { Writer } from "../../../node/proto/wire.ts";

function marshal(
  key: Uint8Array,
  numbers: readonly [number, number, number],
  value: Uint8Array,
  lease: bigint,
): Uint8Array {
  const target = new Uint8Array(keyValueSize(key.length, ...numbers, value.length, lease));
  let at = writeKey(target, 0, key, 0, key.length);
  at = writeRevisions(target, at, ...numbers);
  at = writeValue(target, at, value, 0, value.length);
  assert.equal(writeLease(target, at, lease), target.length);
  return target;
}

function decoded(bytes: Uint8Array, end: number): KeyValueView {
  const view = new KeyValueView();
  decodeRecord(bytes, 0, end, view);
  return view;
}

test("a KeyValue is marshalled in field order, zero fields left out", () => {
  const key = Buffer.from("foo");
  assert.equal(
    Buffer.from(marshal(key, [2, 300, 1], Buffer.from("bar"), 5n)).toString("hex"),
    "0a03666f6f" + "1002" + "18ac02" + "2001" + "2a03626172" + "3005",
  );
  assert.equal(
    Buffer.from(marshal(key, [2, 2, 1], Buffer.alloc(0), 0n)).toString("hex"),
    "0a03666f6f" + "1002" + "1802" + "2001",
  );
});

for (const number of [1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
  for (const lease of [1n, 127n, 128n, 2n ** 31n, 2n ** 62n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]) {
    test(`revision ${number} and lease ${lease} are written as a general protobuf writer does, and read back`, () => {
      const key = new Uint8Array(200).fill(7);
      const value = new Uint8Array(40).fill(9);
      const writer = new Writer();
      writer.bytesField(1, key);
      writer.numberField(2, number);
      writer.numberField(3, number);
      writer.numberField(4, number);
      writer.bytesField(5, value);
      writer.bigintField(6, lease);
      const bytes = marshal(key, [number, number, number], value, lease);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(writer.finish()));
      const {
        keyStart,
        keyEnd,
        createRevision,
        modRevision,
        version,
        lease: readLease,
      } = decoded(bytes, bytes.length);
      assert.deepEqual(
        { keyStart, keyEnd, createRevision, modRevision, version, readLease },
        {
          keyStart: 3,
          keyEnd: 203,
          createRevision: number,
          modRevision: number,
          version: number,
          readLease: lease,
        },
      );
    });
  }
}

test("bytes that end too early are corruption", () => {
  const bytes = marshal(Buffer.from("foo"), [2, 2, 1], Buffer.from("bar"), 0n);
  assert.throws(() => decoded(bytes, bytes.length - 1), CorruptionError);
});
