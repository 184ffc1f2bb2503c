import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judge, median, quantile, ratioOf } from "../../bench/statistics.ts";

const values = fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), {
  minLength: 1,
  maxLength: 20,
});

test("the median has as many values at or below it as at or above it", () => {
  fc.assert(
    fc.property(values, (list) => {
      const middle = median(list);
      const below = list.filter((value) => value <= middle).length;
      const above = list.filter((value) => value >= middle).length;
      assert.ok(below * 2 >= list.length && above * 2 >= list.length);
    }),
  );
});

test("the median does not depend on the order, and leaves the list as it was", () => {
  const list = [5, 1, 4];
  assert.equal(median(list), 4);
  assert.deepEqual(list, [5, 1, 4]);
  assert.equal(median([4, 5, 1, 2]), 3);
});

test("the median of nothing is not a number", () => {
  assert.ok(Number.isNaN(median([])));
});

test("a quantile is one of the values, with at least that share of all at or below it", () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0.001, max: 1, noNaN: true }), (list, q) => {
      const value = quantile(list, q);
      assert.ok(list.includes(value));
      assert.ok(list.filter((other) => other <= value).length >= q * list.length);
      assert.ok(list.filter((other) => other < value).length < q * list.length);
    }),
  );
});

test("a high quantile of few values is their largest, and of none it is not a number", () => {
  assert.equal(quantile([3, 9, 1], 0.99), 9);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test("the ratio of a server to itself is 1", () => {
  fc.assert(fc.property(values, (list) => assert.equal(ratioOf(list, list), 1)));
});

test("the ratio is ours by theirs, and one odd round of three does not move it", () => {
  assert.equal(ratioOf([300, 310, 20], [100, 100, 4000]), 3);
});

test("the ratio to a server without a figure is not a number", () => {
  assert.ok(Number.isNaN(ratioOf([1], [])));
  assert.ok(Number.isNaN(ratioOf([], [1])));
  assert.ok(Number.isNaN(ratioOf([1], [0])));
});

test("a gate passes at its bound and misses beyond it, to the side it looks", () => {
  assert.equal(judge(3, { bound: "atLeast", ratio: 3 }), "pass");
  assert.equal(judge(2.999, { bound: "atLeast", ratio: 3 }), "miss");
  assert.equal(judge(1.5, { bound: "atMost", ratio: 1.5 }), "pass");
  assert.equal(judge(1.501, { bound: "atMost", ratio: 1.5 }), "miss");
});

test("no gate gives no verdict, and no ratio never passes a gate", () => {
  assert.equal(judge(10, undefined), "none");
  assert.equal(judge(Number.NaN, { bound: "atLeast", ratio: 1 }), "miss");
  assert.equal(judge(Number.NaN, { bound: "atMost", ratio: 1 }), "miss");
});
