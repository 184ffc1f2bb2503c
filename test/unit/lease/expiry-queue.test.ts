import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExpiryQueue } from "../../../node/lease/expiry-queue.ts";

test("entries come out by their times, however they went in", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.nat(50) },
    { weight: 1, arbitrary: fc.constant("pop") },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new ExpiryQueue();
      const model: number[] = [];
      for (const [at, value] of steps.entries()) {
        if (typeof value === "number") {
          queue.push({ id: BigInt(at), atMs: value });
          model.push(value);
          model.sort((a, b) => a - b);
        } else assert.equal(queue.pop()?.atMs, model.shift());
        assert.equal(queue.first?.atMs, model[0]);
        assert.equal(queue.size, model.length);
      }
      queue.clear();
      assert.equal(queue.pop(), undefined);
    }),
  );
});
