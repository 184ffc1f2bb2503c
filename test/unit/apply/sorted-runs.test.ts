import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SortedRuns } from "../../../node/apply/sorted-runs.ts";

interface Item {
  readonly key: number;
  readonly arrival: number;
}

function sorted(keys: readonly number[]): Item[] {
  const runs = new SortedRuns<Item>((a, b) => a.key - b.key);
  for (const [arrival, key] of keys.entries()) runs.add({ key, arrival });
  assert.equal(runs.size, keys.length);
  const taken: Item[] = [];
  for (let item = runs.take(); item !== undefined; item = runs.take()) taken.push(item);
  assert.equal(runs.size, 0);
  return taken;
}

/** What Array.prototype.sort, which is stable, makes of it. */
const expected = (keys: readonly number[]): Item[] =>
  keys.map((key, arrival) => ({ key, arrival })).sort((a, b) => a.key - b.key);

test("nothing in, nothing out", () => {
  assert.deepEqual(sorted([]), []);
});

test("one run comes out in order, equal items in the order they came", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 40 }), (keys) => {
      assert.deepEqual(sorted(keys), expected(keys));
    }),
  );
});

test("many runs are merged, equal items in the order they came", () => {
  for (const count of [4095, 4096, 4097, 8192, 30_000]) {
    const keys = Array.from({ length: count }, (_, at) => (at * 7919) % 1000);
    assert.deepEqual(sorted(keys), expected(keys));
  }
});

test("what was not taken may be left", () => {
  const runs = new SortedRuns<number>((a, b) => a - b);
  for (let at = 10_000; at > 0; at--) runs.add(at);
  assert.deepEqual([runs.take(), runs.take(), runs.take()], [1, 2, 3]);
  assert.equal(runs.size, 9997);
});
