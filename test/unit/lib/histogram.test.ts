import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentialBuckets, Histogram } from "../../../node/lib/histogram.ts";

test("exponential bounds are Go's: each is the one before times the factor", () => {
  assert.deepEqual(exponentialBuckets(0.001, 2, 5), [0.001, 0.002, 0.004, 0.008, 0.016]);
  assert.equal(exponentialBuckets(0.001, 2, 14).at(-1), 8.192);
});

test("a bound belongs to the bucket below it; what is above the last one has a bucket of its own", () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0, 1, 1.5, 2, 4, 4.5, 100]) histogram.observe(value);
  assert.deepEqual([...histogram.counts], [2, 2, 1, 2]);
  assert.equal(histogram.count, 7);
  assert.equal(histogram.sum, 113);
});

test("bounds that do not grow are a bug", () => {
  assert.throws(() => new Histogram([1, 1]), /must grow/);
  assert.throws(() => new Histogram([2, 1]), /must grow/);
});
