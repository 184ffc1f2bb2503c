import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DeleteRangeRequestView } from "../../../node/proto/delete-range-request.ts";
import { PutRequestView } from "../../../node/proto/put-request.ts";
import { RangeRequestView } from "../../../node/proto/range-request.ts";
import { decodeTxnRequest } from "../../../node/proto/txn-request.ts";
import {
  checkDeleteRangeRequest,
  checkPutRequest,
  checkRangeRequest,
  checkTxnRequest,
} from "../../../node/rpc/kv-checks.ts";
import {
  compare,
  del,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  nested,
  type OpFields,
  type PutOptions,
  put,
  type RangeOptions,
  range,
  type TxnFields,
} from "../apply/apply-lab.ts";

function viewOf<View extends { decode(bytes: Uint8Array, start: number, end: number): void }>(
  view: View,
  message: Uint8Array,
): View {
  view.decode(message, 0, message.length);
  return view;
}

const checkRange = (key: string, options: RangeOptions = {}): string | undefined =>
  checkRangeRequest(viewOf(new RangeRequestView(), encodeRange(key, options)));
const checkPut = (key: string, value: string, options: PutOptions = {}): string | undefined =>
  checkPutRequest(viewOf(new PutRequestView(), encodePut(key, value, options)));

function checkTxn(txn: TxnFields, opsMax = 128): string | undefined {
  const message = encodeTxn(txn);
  return checkTxnRequest(decodeTxnRequest(message, 0, message.length), opsMax);
}

const success = (...ops: OpFields[]): string | undefined => checkTxn({ success: ops });

test("every request needs a key", () => {
  assert.equal(checkRange(""), "EmptyKey");
  assert.equal(checkPut("", "v"), "EmptyKey");
  const view = viewOf(new DeleteRangeRequestView(), encodeDelete("", "z"));
  assert.equal(checkDeleteRangeRequest(view), "EmptyKey");
  assert.equal(checkRange("\0"), undefined);
});

test("sort orders and targets without a name are refused", () => {
  for (const order of [0, 1, 2]) {
    for (const target of [0, 1, 2, 3, 4])
      assert.equal(checkRange("a", { order, target }), undefined);
  }
  assert.equal(checkRange("a", { order: 3 }), "InvalidSortOption");
  assert.equal(checkRange("a", { order: -1 }), "InvalidSortOption");
  assert.equal(checkRange("a", { target: 5 }), "InvalidSortOption");
  assert.equal(checkRange("a", { target: -1 }), "InvalidSortOption");
});

test("a put that keeps the value brings none, one that keeps the lease names none", () => {
  assert.equal(checkPut("a", "v", { ignoreValue: true }), "ValueProvided");
  assert.equal(checkPut("a", "v", { ignoreLease: true, lease: 1n }), "LeaseProvided");
  assert.equal(checkPut("a", "v", { ignoreLease: true, lease: -1n }), "LeaseProvided");
  assert.equal(checkPut("a", "", { ignoreValue: true, ignoreLease: true }), undefined);
  assert.equal(checkPut("a", "v", { lease: 1n }), undefined);
});

test("compares and operations of both branches are checked, in that order", () => {
  const bad = compare("mod", "", "=", 1);
  assert.equal(checkTxn({ compare: [bad], success: [range("a", { order: 7 })] }), "EmptyKey");
  assert.equal(success(put("a", "1"), range("")), "EmptyKey");
  assert.equal(checkTxn({ failure: [range("a", { target: 9 })] }), "InvalidSortOption");
  assert.equal(checkTxn({ failure: [put("a", "v", { ignoreValue: true })] }), "ValueProvided");
  assert.equal(success(nested({ failure: [del("")] })), "EmptyKey");
  assert.equal(success(nested({ compare: [bad] })), "EmptyKey");
});

test("an operation that holds nothing is refused as a key that is not found", () => {
  assert.equal(success({}), "KeyNotFound");
  assert.equal(success(nested({ success: [{}] })), "KeyNotFound");
});

test("the longest of compares and branches counts as the transaction's operations", () => {
  const ranges = (count: number): OpFields[] => Array.from({ length: count }, () => range("a"));
  const compares = Array.from({ length: 4 }, () => compare("mod", "a", "=", 1));
  assert.equal(checkTxn({ success: ranges(3), failure: ranges(3) }, 3), undefined);
  assert.equal(checkTxn({ success: ranges(4) }, 3), "TooManyOps");
  assert.equal(checkTxn({ failure: ranges(4) }, 3), "TooManyOps");
  assert.equal(checkTxn({ compare: compares }, 3), "TooManyOps");
});

test("a nested transaction has what its outer one left", () => {
  const inner = (count: number): OpFields =>
    nested({ success: Array.from({ length: count }, () => range("a")) });
  assert.equal(checkTxn({ success: [inner(2)] }, 3), undefined);
  assert.equal(checkTxn({ success: [inner(3)] }, 3), "TooManyOps");
  assert.equal(checkTxn({ success: [inner(2), inner(2)] }, 4), undefined);
  assert.equal(checkTxn({ success: [nested({ success: [inner(2)] })] }, 3), "TooManyOps");
});

test("too many operations are told before anything else", () => {
  assert.equal(checkTxn({ success: [put("", ""), put("", "")] }, 1), "TooManyOps");
});

test("a key is put at most once in a branch, whatever the depth", () => {
  assert.equal(success(put("a", "1"), put("a", "2")), "DuplicateKey");
  assert.equal(success(put("a", "1"), put("b", "2")), undefined);
  assert.equal(checkTxn({ failure: [put("a", "1"), put("a", "2")] }), "DuplicateKey");
  assert.equal(success(put("a", "1"), nested({ success: [put("a", "2")] })), "DuplicateKey");
  assert.equal(success(nested({ failure: [put("a", "2")] }), put("a", "1")), "DuplicateKey");
  assert.equal(
    success(nested({ success: [put("a", "1")] }), nested({ failure: [put("a", "2")] })),
    "DuplicateKey",
  );
  assert.equal(success(nested({ success: [put("a", "1"), put("a", "2")] })), "DuplicateKey");
  assert.equal(
    success(nested({ success: [nested({ failure: [put("a", "1")] }), put("a", "2")] })),
    "DuplicateKey",
  );
});

test("branches that exclude each other may put the same key", () => {
  const one = put("a", "1");
  assert.equal(checkTxn({ success: [one], failure: [one] }), undefined);
  assert.equal(success(nested({ success: [one], failure: [one] })), undefined);
  assert.equal(success(nested({ success: [one], failure: [one] }), one), "DuplicateKey");
});

test("a put inside a range that the same branch deletes is refused, in either order", () => {
  assert.equal(success(del("a"), put("a", "1")), "DuplicateKey");
  assert.equal(success(put("b", "1"), del("a", "c")), "DuplicateKey");
  assert.equal(success(del("a", "c"), put("c", "1")), undefined);
  assert.equal(success(del("a"), put("a\0", "1")), undefined);
  assert.equal(success(del("a", "c"), nested({ success: [put("b", "1")] })), "DuplicateKey");
  assert.equal(success(nested({ failure: [del("a", "c")] }), put("b", "1")), "DuplicateKey");
  assert.equal(
    success(nested({ success: [del("a", "c")] }), nested({ success: [put("b", "1")] })),
    "DuplicateKey",
  );
});

test("a put in a nested transaction before one that deletes its key is let through, as on etcd", () => {
  assert.equal(
    success(nested({ success: [put("b", "1")] }), nested({ success: [del("a", "c")] })),
    undefined,
  );
});

test("deletes may overlap each other and what is read", () => {
  assert.equal(success(del("a", "c"), del("b", "d"), range("a", { end: "z" })), undefined);
});

test("keys are compared by their bytes", () => {
  assert.equal(success(put("\xff", "1"), put("\xfe", "2")), undefined);
  assert.equal(success(put("\xff\x80", "1"), put("\xff\x80", "2")), "DuplicateKey");
  assert.equal(success(del("\x7f", "\xff"), put("\x80", "1")), "DuplicateKey");
});

test("without nesting a branch is refused exactly when it puts a key twice or deletes a key that it puts", () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const op = fc.oneof(
    key.map((name) => ({ put: name, from: "", to: "" })),
    fc.tuple(key, fc.constantFrom("b", "c", "e")).map(([from, to]) => ({ put: "", from, to })),
  );
  fc.assert(
    fc.property(fc.array(op, { maxLength: 5 }), (ops) => {
      const puts = ops.flatMap((one) => (one.put === "" ? [] : [one.put]));
      const isTwice = new Set(puts).size < puts.length;
      const isDeleted = ops.some(
        ({ from, to }) => from !== "" && puts.some((name) => name >= from && name < to),
      );
      const fields = ops.map((one) => (one.put === "" ? del(one.from, one.to) : put(one.put, "")));
      assert.equal(success(...fields), isTwice || isDeleted ? "DuplicateKey" : undefined);
    }),
  );
});
