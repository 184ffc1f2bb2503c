/** Reads in slices against the same reads in one go, with writes, deletes and compactions between the slices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { writeRange } from "../../../node/apply/range.ts";
import { RangeRead, sliceBytesMax } from "../../../node/apply/range-read.ts";
import { decideTxn, executeTxn } from "../../../node/apply/txn.ts";
import { TxnRead } from "../../../node/apply/txn-read.ts";
import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { numberLong } from "../../../node/proto/long.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import { decodeTxnRequest } from "../../../node/proto/txn-request.ts";
import { Writer } from "../../../node/proto/wire.ts";
import {
  compare,
  encodeRange,
  encodeTxn,
  Lab,
  nested,
  type OpFields,
  put,
  type RangeOptions,
  range,
  type TxnFields,
} from "./apply-lab.ts";

const nameOf = (at: number): string => `k${String(at).padStart(5, "0")}`;

async function labOf(keys: number): Promise<Lab> {
  const lab = await Lab.open(64 * 1024 * 1024);
  for (let at = 0; at < keys; at += 50) {
    const success = Array.from({ length: Math.min(50, keys - at) }, (_, sub) =>
      put(nameOf(at + sub), `value ${(at + sub) % 17}`),
    );
    lab.txn({ success });
  }
  return lab;
}

function viewOf(key: string, options: RangeOptions): RangeRequestView {
  const view = new RangeRequestView();
  const message = encodeRange(key, options);
  view.decode(message, 0, message.length);
  return view;
}

interface Whole {
  readonly bytes: string;
  readonly more: boolean;
  readonly count: number;
}

function inOneGo(lab: Lab, view: RangeRequestView): Whole | string {
  const writer = new Writer();
  const outcome = writeRange(lab.store, view, writer);
  if (outcome.kind === "refused") return outcome.error;
  return { bytes: hex(writer), more: outcome.more, count: outcome.count };
}

const hex = (writer: Writer): string =>
  Buffer.from(writer.buffer.buffer, writer.buffer.byteOffset, writer.position).toString("hex");

/** `between` runs after every slice but the last; the request's bytes are overwritten at once. */
function inSlices(lab: Lab, view: RangeRequestView, between: () => void): Whole | string {
  const read = RangeRead.open(lab.store, view);
  if (read.kind === "refused") return read.error;
  view.buffer.fill(0xff);
  const writer = new Writer();
  while (read.step(writer)) between();
  read.close();
  read.close();
  return { bytes: hex(writer), more: read.more, count: read.count };
}

function compact(lab: Lab, at: number): void {
  const message = etcdserverpb.CompactionRequest.encode({ revision: numberLong(at) }).finish();
  lab.apply(internalRequest.compaction, message);
  lab.store.compactSlice(1000);
}

const anyRange: fc.Arbitrary<{ from: string; options: RangeOptions }> = fc.record({
  from: fc.nat(5000).map(nameOf),
  options: fc
    .record({
      to: fc.option(fc.nat(5500).map(nameOf), { nil: "\0" }),
      limit: fc.constantFrom(0, 0, 1, 1280, 2000, 4000, -5),
      back: fc.constantFrom(0, 0, 0, 40, 90),
      order: fc.constantFrom(0, 0, 1, 2),
      target: fc.constantFrom(0, 0, 1, 2, 3, 4),
      keysOnly: fc.boolean(),
      countOnly: fc.constantFrom(false, false, false, true),
      minMod: fc.constantFrom(0, 0, 50, -3),
      maxCreate: fc.constantFrom(0, 0, 80),
    })
    .map(({ to, back, ...rest }) => ({
      ...rest,
      end: to,
      revision: back === 0 ? 0 : 102 - back,
    })),
});

test("a range in slices is the range in one go, whatever is written meanwhile", async () => {
  const lab = await labOf(5000);
  let changes = 0;
  const change = (): void => {
    changes += 1;
    const at = (changes * 37) % 5000;
    if (changes % 3 === 0) lab.delete(nameOf(at), nameOf(at + 20));
    else lab.put(nameOf(at), `changed ${changes}`);
  };
  fc.assert(
    fc.property(anyRange, ({ from, options }) => {
      const expected = inOneGo(lab, viewOf(from, options));
      assert.deepEqual(inSlices(lab, viewOf(from, options), change), expected);
    }),
    { numRuns: 60 },
  );
  assert.ok(changes > 20, `${changes} slices`);
});

test("compaction waits for a range that is read, and goes on behind it", async () => {
  const lab = await labOf(4000);
  for (let at = 0; at < 100; at++) lab.put(nameOf(at * 7), "changed");
  const revision = 50;
  const view = (): RangeRequestView => viewOf("k", { end: "l", revision });
  const expected = inOneGo(lab, view());
  let isCompacted = false;
  const actual = inSlices(lab, view(), () => {
    if (!isCompacted) compact(lab, 120);
    isCompacted = true;
    lab.store.compactSlice(1000);
    assert.equal(lab.store.isCompacting, true);
  });
  assert.equal(isCompacted, true);
  assert.deepEqual(actual, expected);
  assert.equal(
    inSlices(lab, view(), () => undefined),
    "Compacted",
  );
  assert.equal(inOneGo(lab, viewOf("k", { end: "l", revision: 999 })), "FutureRev");
  assert.equal(
    inSlices(lab, viewOf("k", { end: "l", revision: 999 }), () => undefined),
    "FutureRev",
  );
});

test("a slice ends near its bound when values are large", async () => {
  const lab = await Lab.open(64 * 1024 * 1024);
  for (let at = 0; at < 10; at++) lab.put(nameOf(at), "v".repeat(500_000));
  for (const target of [0, 1]) {
    const read = RangeRead.open(lab.store, viewOf("k", { end: "l", target }));
    if (read.kind !== "ok") throw new Error(read.error);
    const writer = new Writer();
    let largest = 0;
    for (let before = 0; read.step(writer); before = writer.position)
      largest = Math.max(largest, writer.position - before);
    read.close();
    assert.ok(largest <= sliceBytesMax + 500_100, `${largest}`);
    assert.equal(read.count, 10);
  }
});

function txnInOneGo(lab: Lab, message: Uint8Array): unknown {
  const decided = decideTxn(lab.store, lab.lessor, decodeTxnRequest(message, 0, message.length));
  if (typeof decided === "string") return decided;
  const result = executeTxn(lab.store, decided);
  return [result.succeeded, Buffer.from(result.responses).toString("hex")];
}

function txnInSlices(lab: Lab, message: Uint8Array, between: () => void): unknown {
  const read = TxnRead.open(lab.store, decodeTxnRequest(message, 0, message.length));
  if (read.kind === "refused") return read.error;
  const writer = new Writer();
  while (read.step(writer)) between();
  read.close();
  return [read.succeeded, hex(writer)];
}

test("a transaction that reads sees one moment in all of its ranges, however many slices they take", async () => {
  const lab = await labOf(4000);
  const all = range("k", { end: "l" });
  const one = range(nameOf(7));
  const some = range("k", { end: "l", limit: 5, order: 2 });
  const cases: TxnFields[] = [
    { success: [] },
    { success: [one, all, one, some, all, one] },
    { success: [one, one] },
    { compare: [compare("version", nameOf(1), "=", 9)], failure: [all, one] },
    { success: [nested({ success: [all, nested({ success: [one] })] }), nested({}), one] },
    { success: Array.from({ length: 600 }, (): OpFields => one) },
    { success: [all, range("k", { end: "l", revision: 40 }), range("k", { revision: 41 })] },
    { success: [all, range("k", { revision: 4000 })] },
  ];
  let changes = 0;
  for (const fields of cases) {
    const message = encodeTxn(fields);
    const expected = txnInOneGo(lab, message);
    const actual = txnInSlices(lab, message, () => {
      changes += 1;
      lab.put(nameOf(7), `changed ${changes}`);
      lab.delete(nameOf(100 + changes));
    });
    assert.deepEqual(actual, expected);
  }
  assert.ok(changes > 10, `${changes} slices`);
});
