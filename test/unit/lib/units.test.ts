import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../node/lib/assert.ts";
import { clusterId, idToHex, logIndex, memberId, revision, term } from "../../../node/lib/units.ts";

test("counters are whole numbers from 0 to 2^53 - 1", () => {
  for (const make of [term, logIndex, revision]) {
    assert.equal(make(0), 0);
    assert.equal(make(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    for (const bad of [-1, 0.5, 2 ** 53, Infinity, Number.NaN]) {
      assert.throws(() => make(bad), AssertionError);
    }
  }
});

test("a counter that is out of range is named with its value", () => {
  assert.throws(() => logIndex(-1), /log index out of range: -1/);
});

test("ids use all 64 bits", () => {
  assert.equal(memberId(2n ** 63n + 1n), 2n ** 63n + 1n);
  assert.equal(clusterId(2n ** 64n - 1n), 2n ** 64n - 1n);
  assert.equal(memberId(-1n), 2n ** 64n - 1n);
});

test("ids are printed as etcd does: lower-case hex without padding", () => {
  assert.equal(idToHex(0xabcn), "abc");
  assert.equal(idToHex(2n ** 64n - 1n), "ffffffffffffffff");
});
