import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyArena } from "../../../node/mvcc/key-arena.ts";
import { KeyProbe } from "../../../node/mvcc/key-probe.ts";
import { sortPlaces } from "../../../node/mvcc/place-sort.ts";
import { unkindKey } from "./key-parts.ts";
import { hexOf } from "./kv-model.ts";

function sorted(keys: readonly Uint8Array[]): string[] {
  const arena = new KeyArena();
  const probe = new KeyProbe(1, 2);
  const places = Int32Array.from(keys, (key) => {
    probe.load(key, 0, key.length);
    return arena.add(probe);
  });
  sortPlaces(arena, places, places.length);
  return Array.from(places, (place) => hexOf(arena.key(place)));
}

const expected = (keys: readonly Uint8Array[]): string[] =>
  keys.toSorted((a, b) => Buffer.compare(a, b)).map(hexOf);

test("places are sorted as their keys are", () => {
  const keys = fc.uniqueArray(unkindKey, { minLength: 1, maxLength: 400, selector: hexOf });
  fc.assert(
    fc.property(keys, (some) => {
      assert.deepEqual(sorted(some), expected(some));
    }),
  );
});

test("many keys with common beginnings, in any order, are sorted", () => {
  const keys = Array.from({ length: 20_000 }, (_, n) => {
    const id = (n * 7919) % 20_000;
    return Buffer.from(`/registry/pods/ns-${id % 30}/pod-${id}`);
  });
  assert.deepEqual(sorted(keys), expected(keys));
});

test("keys that each begin with the one before, and keys that end with zero bytes, are sorted", () => {
  const nested = Array.from({ length: 500 }, (_, n) => Buffer.alloc(500 - n, 97));
  const zeros = Array.from({ length: 100 }, (_, n) => Buffer.alloc(200 - n));
  const keys = [...nested, ...zeros];
  assert.deepEqual(sorted(keys), expected(keys));
});
