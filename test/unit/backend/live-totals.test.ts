import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LiveTotals } from "../../../node/backend/live-totals.ts";

const places = fc.uniqueArray(fc.tuple(fc.maxSafeNat(), fc.nat({ max: 2 ** 32 - 1 })), {
  maxLength: 40,
  selector: ([main, sub]) => `${main}/${sub}`,
});

function totalsOf(list: readonly (readonly [number, number])[]): LiveTotals {
  const totals = new LiveTotals();
  for (const [main, sub] of list) totals.add(main, sub);
  return totals;
}

test("totals depend on what is live only, not on the order or on what came and went", () => {
  fc.assert(
    fc.property(places, fc.nat(), (list, pick) => {
      const cut = list.length === 0 ? 0 : pick % list.length;
      const totals = totalsOf([...list].reverse());
      for (const [main, sub] of list.slice(0, cut)) totals.remove(main, sub);
      assert.ok(totals.equals(totalsOf(list.slice(cut))));
      assert.ok(new LiveTotals(totals).equals(totals));
    }),
  );
});

test("one record instead of another shows in both sums, for neighbours and for far ones", () => {
  const sums = [new Set<number>(), new Set<number>()] as const;
  let count = 0;
  for (const main of [0, 2 ** 32, 2 ** 33, 2 ** 52]) {
    for (let n = 0; n < 100; n++) {
      for (const sub of [0, 1, 2, 2 ** 32 - 1]) {
        const { sumA, sumB } = totalsOf([[main + n, sub]]);
        sums[0].add(sumA);
        sums[1].add(sumB);
        count++;
      }
    }
  }
  assert.ok(sums[0].size > count - 3 && sums[1].size > count - 3);
});

test("two records that changed places with two others show", () => {
  const straight = totalsOf([
    [10, 0],
    [11, 1],
  ]);
  const crossed = totalsOf([
    [10, 1],
    [11, 0],
  ]);
  assert.notEqual(straight.sumA, crossed.sumA);
  assert.notEqual(straight.sumB, crossed.sumB);
});

test("the mixes are part of the format", () => {
  const { count, sumA, sumB } = totalsOf([
    [2, 0],
    [3, 1],
    [2 ** 40 + 5, 7],
  ]);
  assert.deepEqual([count, sumA, sumB], [3, 2591084226, 3535436488]);
});
