import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { etcdserverpb } from "../../../node/proto/generated/messages.js";
import {
  int64Long,
  longToBigint,
  longToNumber,
  numberLong,
  uint64Long,
} from "../../../node/proto/long.ts";
import { WireError } from "../../../node/proto/wire.ts";
import { int64, uint64 } from "./any-message.ts";

suite("64-bit values of the generated codecs", () => {
  test("every uint64 survives a generated message", () => {
    fc.assert(
      fc.property(uint64, (value) => {
        const bytes = etcdserverpb.Member.encode({ ID: uint64Long(value) }).finish();
        assert.equal(longToBigint(etcdserverpb.Member.decode(bytes).ID), value);
      }),
    );
  });

  test("every int64 survives a generated message", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = etcdserverpb.PutRequest.encode({ lease: int64Long(value) }).finish();
        assert.equal(longToBigint(etcdserverpb.PutRequest.decode(bytes).lease), value);
      }),
    );
  });

  test("every safe integer survives as a number", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = etcdserverpb.HashKVRequest.encode({ revision: numberLong(value) }).finish();
        assert.equal(longToNumber(etcdserverpb.HashKVRequest.decode(bytes).revision), value);
        assert.equal(longToBigint(numberLong(value)), BigInt(value));
      }),
    );
  });

  test("what a number cannot hold is refused, never rounded", () => {
    for (const value of [2n ** 53n, 2n ** 63n - 1n, -(2n ** 53n), -(2n ** 63n)]) {
      assert.throws(() => longToNumber(int64Long(value)), WireError);
    }
    assert.throws(() => longToNumber(uint64Long(2n ** 64n - 1n)), WireError);
  });

  test("an absent field is zero", () => {
    assert.equal(longToBigint(undefined), 0n);
    assert.equal(longToBigint(null), 0n);
    assert.equal(longToNumber(undefined), 0);
    assert.equal(longToBigint(etcdserverpb.Member.decode(new Uint8Array(0)).ID), 0n);
  });
});
