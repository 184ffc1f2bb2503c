import assert from "node:assert/strict";
import { test } from "node:test";
import { ApplyLag } from "../../../node/server/apply-lag.ts";
import { applyGapMax } from "../../../node/server/limits.ts";

test("entries that wait for longer than a tick, and are too many, keep new ones away", () => {
  const lag = new ApplyLag();
  lag.tick(100 + applyGapMax);
  lag.tick(100 + applyGapMax);
  assert.equal(lag.isTooLong(99), true);
  assert.equal(lag.isTooLong(100), false);
});

test("a burst that was committed since the last tick keeps nothing away, however large", () => {
  const lag = new ApplyLag();
  lag.tick(10);
  lag.tick(10 + 100 * applyGapMax);
  assert.equal(lag.isTooLong(10), false);
  lag.tick(10 + 100 * applyGapMax);
  assert.equal(lag.isTooLong(10), true);
});
