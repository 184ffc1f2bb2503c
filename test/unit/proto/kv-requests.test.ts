/** The in-place decoders of the KV service's requests against Go. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import fc from "fast-check";

import { DeleteRangeRequestView } from "../../../node/proto/delete-range-request.ts";
import { PutRequestView } from "../../../node/proto/put-request.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import {
  type Compare,
  compareTarget,
  decodeTxnRequest,
  type RequestOp,
  type TxnRequest,
} from "../../../node/proto/txn-request.ts";
import { WireError, Writer } from "../../../node/proto/wire.ts";
import { needs } from "../../support/peers.ts";
import { anyMessage, toBase64 } from "./any-message.ts";
import { GoMarshal, type Json, type JsonObject } from "./go-marshal.ts";
import { anyChoices, scramble } from "./scramble.ts";

const base64 = (buffer: Uint8Array, start: number, end: number): string =>
  toBase64(buffer.subarray(start, end));

/** Go leaves zeros out of its JSON. */
function withoutZeros(fields: JsonObject): JsonObject {
  const isZero = (value: Json): boolean =>
    value === "" || value === 0 || value === "0" || value === false;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isZero(value)));
}

function putJson(view: PutRequestView): JsonObject {
  return withoutZeros({
    key: base64(view.buffer, view.keyStart, view.keyEnd),
    value: base64(view.buffer, view.valueStart, view.valueEnd),
    lease: String(view.lease),
    prev_kv: view.prevKv,
    ignore_value: view.ignoreValue,
    ignore_lease: view.ignoreLease,
  });
}

function deleteRangeJson(view: DeleteRangeRequestView): JsonObject {
  return withoutZeros({
    key: base64(view.buffer, view.keyStart, view.keyEnd),
    range_end: base64(view.buffer, view.rangeEndStart, view.rangeEndEnd),
    prev_kv: view.prevKv,
  });
}

function rangeJson(view: RangeRequestView): JsonObject {
  return withoutZeros({
    key: base64(view.buffer, view.keyStart, view.keyEnd),
    range_end: base64(view.buffer, view.rangeEndStart, view.rangeEndEnd),
    limit: String(view.limit),
    revision: String(view.revision),
    sort_order: view.sortOrder,
    sort_target: view.sortTarget,
    serializable: view.serializable,
    keys_only: view.keysOnly,
    count_only: view.countOnly,
    min_mod_revision: String(view.minModRevision),
    max_mod_revision: String(view.maxModRevision),
    min_create_revision: String(view.minCreateRevision),
    max_create_revision: String(view.maxCreateRevision),
  });
}

const rangeNumbers = /^(limit|revision|(min|max)_(mod|create)_revision)$/;

/** Go's JSON of a range with its numbers saturated as the view's are. */
function saturated(json: JsonObject): JsonObject {
  const clamp = (value: number): number =>
    Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      rangeNumbers.test(name) ? String(clamp(Number(value))) : value,
    ]),
  );
}

/** Go's JSON of a transaction in the terms of the decoder: the operand that fits the target, or none. */
function expectedTxn(json: JsonObject): object {
  const list = (name: string): JsonObject[] => (json[name] ?? []) as JsonObject[];
  return {
    compare: list("compare").map(expectedCompare),
    success: list("success").map(expectedOp),
    failure: list("failure").map(expectedOp),
  };
}

const operandNames = ["version", "create_revision", "mod_revision", "value", "lease"];

function expectedCompare(json: JsonObject): object {
  const target = (json["target"] ?? 0) as number;
  const operand = json[operandNames[target] ?? ""] as string | undefined;
  const isValue = target === compareTarget.value;
  return {
    result: json["result"] ?? 0,
    target,
    key: json["key"] ?? "",
    rangeEnd: json["range_end"] ?? "",
    operand: isValue ? 0n : BigInt(operand ?? 0),
    value: isValue ? (operand ?? "") : "",
  };
}

function expectedOp(json: JsonObject): object {
  const [member, request] = Object.entries(json)[0] ?? ["none", {}];
  const value = request as JsonObject;
  if (member === "request_txn") return { member, value: expectedTxn(value) };
  return { member, value: member === "request_range" ? saturated(value) : value };
}

function seenTxn(txn: TxnRequest): object {
  return {
    compare: txn.compare.map(seenCompare),
    success: txn.success.map(seenOp),
    failure: txn.failure.map(seenOp),
  };
}

function seenCompare(compare: Compare): object {
  const { key, rangeEnd, value } = compare;
  return { ...compare, key: toBase64(key), rangeEnd: toBase64(rangeEnd), value: toBase64(value) };
}

function seenOp(op: RequestOp): object {
  switch (op.kind) {
    case "range":
      return { member: "request_range", value: rangeJson(op.request) };
    case "put":
      return { member: "request_put", value: putJson(op.request) };
    case "deleteRange":
      return { member: "request_delete_range", value: deleteRangeJson(op.request) };
    case "txn":
      return { member: "request_txn", value: seenTxn(op.request) };
    case "none":
      return { member: "none", value: {} };
  }
}

/** The message with strange bytes on both sides, as it stands in a socket's chunk. */
function surrounded(bytes: Uint8Array): [Uint8Array, number, number] {
  return [
    Buffer.concat([Buffer.from([0xff, 0xff]), bytes, Buffer.from([0xff, 0xff])]),
    2,
    2 + bytes.length,
  ];
}

const put = new PutRequestView();
const range = new RangeRequestView();
const deleteRange = new DeleteRangeRequestView();

/** Decoders by message: how they see bytes, and how Go's view of the same bytes is expected to look. */
const decoders: Record<
  string,
  { see(bytes: Uint8Array): object; expected(json: JsonObject): object }
> = {
  "etcdserverpb.PutRequest": {
    see: (bytes) => (put.decode(...surrounded(bytes)), putJson(put)),
    expected: (json) => json,
  },
  "etcdserverpb.RangeRequest": {
    see: (bytes) => (range.decode(...surrounded(bytes)), rangeJson(range)),
    expected: saturated,
  },
  "etcdserverpb.DeleteRangeRequest": {
    see: (bytes) => (deleteRange.decode(...surrounded(bytes)), deleteRangeJson(deleteRange)),
    expected: (json) => json,
  },
  "etcdserverpb.TxnRequest": {
    see: (bytes) => seenTxn(decodeTxnRequest(...surrounded(bytes))),
    expected: expectedTxn,
  },
};

suite("requests decoded in place", needs("proto"), () => {
  let go: GoMarshal;
  before(() => {
    go = new GoMarshal();
  });
  after(() => {
    go.close();
  });

  for (const [name, decoder] of Object.entries(decoders)) {
    test(`${name} is read as Go reads it, also when it comes in two halves that merge`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), anyMessage(name), async (first, second) => {
          const one = await go.marshal(name, first);
          const both = Buffer.concat([one, await go.marshal(name, second)]);
          for (const bytes of [both, one]) {
            const theirs = await go.remarshal(name, bytes);
            assert.ok(theirs);
            assert.deepEqual(decoder.see(bytes), decoder.expected(theirs.json));
          }
        }),
        { numRuns: 100 },
      );
    });

    test(`${name} is read out of all bytes that mean it, as Go does`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), anyChoices, async (json, choose) => {
          const bytes = scramble(name, await go.marshal(name, json), choose);
          const theirs = await go.remarshal(name, bytes);
          assert.ok(theirs);
          assert.deepEqual(decoder.see(bytes), decoder.expected(theirs.json));
        }),
        { numRuns: 100 },
      );
    });

    test(`${name} that is cut off is refused where Go refuses it`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), fc.nat(), async (json, at) => {
          const bytes = await go.marshal(name, json);
          const start = bytes.subarray(0, at % (bytes.length + 1));
          const theirs = await go.remarshal(name, start);
          if (theirs === undefined) assert.throws(() => decoder.see(start), WireError);
          else assert.deepEqual(decoder.see(start), decoder.expected(theirs.json));
        }),
        { numRuns: 100 },
      );
    });

    test(`${name} with a byte changed is read as Go reads it, or refused where Go refuses it`, async () => {
      await fc.assert(
        fc.asyncProperty(anyMessage(name), fc.nat(), fc.nat(255), async (json, at, byte) => {
          const bytes = Buffer.from(await go.marshal(name, json));
          if (bytes.length > 0) bytes[at % bytes.length] = byte;
          const theirs = await go.remarshal(name, bytes);
          if (theirs === undefined) assert.throws(() => decoder.see(bytes), WireError);
          else assert.deepEqual(decoder.see(bytes), decoder.expected(theirs.json));
        }),
        { numRuns: 100 },
      );
    });
  }
});

suite("bounds of the request decoders", () => {
  test("a revision that no store can have is a future one, and a negative one stays negative", () => {
    for (const [value, seen] of [
      [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
      [2n ** 53n, Number.MAX_SAFE_INTEGER],
      [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
      [-1n, -1],
      [-(2n ** 63n), Number.MIN_SAFE_INTEGER],
    ] as const) {
      const writer = new Writer();
      writer.bigintField(4, value);
      range.decode(writer.buffer, 0, writer.position);
      assert.equal(range.revision, seen);
    }
  });

  test("a transaction nested without end is refused before the stack ends", () => {
    let nested = new Writer(64);
    nested.bytesField(2, new Uint8Array(0));
    for (let depth = 0; depth < 1_200; depth++) {
      const op = new Writer(nested.position + 16);
      op.bytesField(4, nested.buffer, 0, nested.position);
      nested = new Writer(op.position + 16);
      nested.bytesField(2, op.buffer, 0, op.position);
    }
    assert.throws(() => decodeTxnRequest(nested.buffer, 0, nested.position), WireError);
  });
});
