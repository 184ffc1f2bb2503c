import assert from "node:assert/strict";
import { test } from "node:test";
import { putCost, txnCost } from "../../../node/apply/quota-cost.ts";
import { PutRequestView } from "../../../node/proto/put-request.ts";
import { decodeTxnRequest } from "../../../node/proto/txn-request.ts";
import {
  compare,
  del,
  encodePut,
  encodeTxn,
  nested,
  put,
  range,
  type TxnFields,
} from "../apply/apply-lab.ts";

function costOf(txn: TxnFields): number {
  const message = encodeTxn(txn);
  return txnCost(decodeTxnRequest(message, 0, message.length));
}

test("a put costs 256 bytes beside its key and value", () => {
  const request = new PutRequestView();
  const message = encodePut("key", "value");
  request.decode(message, 0, message.length);
  assert.equal(putCost(request), 256 + 3 + 5);
});

test("what stores nothing costs nothing", () => {
  assert.equal(costOf({}), 0);
  assert.equal(
    costOf({ compare: [compare("mod", "a", "=", 1)], success: [range("a"), del("a")] }),
    0,
  );
});

test("a transaction costs its dearer branch, with all puts of it", () => {
  const cheap = put("a", "");
  const dear = put("a", "x".repeat(600));
  assert.equal(costOf({ success: [cheap, cheap], failure: [dear] }), 857);
  assert.equal(costOf({ success: [dear], failure: [cheap, cheap] }), 857);
  assert.equal(costOf({ success: [cheap, cheap, cheap, cheap], failure: [dear] }), 4 * 257);
});

test("nested transactions count with their dearer branch", () => {
  const inner = nested({ success: [put("a", "")], failure: [put("b", "12345")] });
  assert.equal(costOf({ success: [inner, put("c", "")] }), 262 + 257);
});
