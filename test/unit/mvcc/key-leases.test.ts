import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyLeases } from "../../../node/mvcc/key-leases.ts";

type Step = { readonly place: number; readonly lease: bigint | undefined };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    place: fc.nat(12),
    lease: fc.option(fc.constantFrom(0n, 1n, 2n, -3n, 2n ** 63n - 1n), { nil: undefined }),
  }),
  { maxLength: 100 },
);

function run(all: readonly Step[]): { leases: KeyLeases; model: Map<number, bigint> } {
  const leases = new KeyLeases();
  const model = new Map<number, bigint>();
  for (const { place, lease } of all) {
    if (lease === undefined) leases.delete(place);
    else leases.put(place, lease);
    if (lease === undefined || lease === 0n) model.delete(place);
    else model.set(place, lease);
  }
  return { leases, model };
}

function compare(leases: KeyLeases, model: ReadonlyMap<number, bigint>): void {
  assert.equal(leases.size, model.size);
  for (const lease of [1n, 2n, -3n, 2n ** 63n - 1n, 0n]) {
    const expected = [...model].filter(([, one]) => one === lease).map(([place]) => place);
    assert.equal(leases.countOf(lease), expected.length);
    assert.deepEqual([...leases.placesWith(lease)].sort(), expected.sort());
  }
}

test("a key has the lease of its newest record, and each lease the keys that have it", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const { leases, model } = run(all);
      compare(leases, model);
    }),
  );
});

test("an image brings back what was there, and goes on from it", () => {
  fc.assert(
    fc.property(steps, steps, (all, more) => {
      const { leases, model } = run(all);
      const again = new KeyLeases();
      again.adopt(leases.image());
      compare(again, model);
      for (const { place, lease = 0n } of more) {
        again.put(place, lease);
        if (lease === 0n) model.delete(place);
        else model.set(place, lease);
      }
      compare(again, model);
    }),
  );
});
