import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyArena } from "../../../node/mvcc/key-arena.ts";
import { KeyHash } from "../../../node/mvcc/key-hash.ts";
import { KeyIndex } from "../../../node/mvcc/key-index.ts";
import { KeyProbe } from "../../../node/mvcc/key-probe.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf } from "./kv-model.ts";

function build(): {
  add(key: Uint8Array): void;
  all(): Uint8Array[];
  seek(key: Uint8Array): Uint8Array | undefined;
  rank(key: Uint8Array): number;
  kill(key: Uint8Array): void;
  has(key: Uint8Array): boolean;
} {
  const arena = new KeyArena();
  const probe = new KeyProbe(1, 2);
  const hash = new KeyHash(arena);
  const index = new KeyIndex(arena);
  return {
    add: (key) => {
      probe.load(key, 0, key.length);
      if (hash.find(probe) !== 0) return;
      const place = arena.add(probe);
      hash.insert(probe.hash, place);
      index.insert(probe, place, 1);
      arena.setLive(place, 1, 1, 1);
    },
    all: () => {
      const keys: Uint8Array[] = [];
      for (let leaf = index.firstLeaf; leaf !== 0; leaf = index.next(leaf)) {
        for (let at = 0; at < index.count(leaf); at++) keys.push(arena.key(index.place(leaf, at)));
      }
      return keys;
    },
    seek: (key) => {
      probe.load(key, 0, key.length);
      index.seek(probe);
      if (index.seekIndex < index.count(index.seekLeaf))
        return arena.key(index.place(index.seekLeaf, index.seekIndex));
      const next = index.next(index.seekLeaf);
      return next === 0 ? undefined : arena.key(index.place(next, 0));
    },
    rank: (key) => {
      probe.load(key, 0, key.length);
      return index.rank(probe);
    },
    kill: (key) => {
      probe.load(key, 0, key.length);
      const place = hash.find(probe);
      if (place === 0 || arena.version(place) === 0) return;
      arena.setDead(place, 2);
      index.changeLives(probe, -1);
    },
    has: (key) => {
      probe.load(key, 0, key.length);
      return hash.find(probe) !== 0;
    },
  };
}

function sortedUnique(keys: readonly Uint8Array[]): Uint8Array[] {
  const sorted = [...keys].sort((a, b) => Buffer.compare(a, b));
  return sorted.filter(
    (key, at) => at === 0 || Buffer.compare(key, sorted[at - 1] as Uint8Array) !== 0,
  );
}

const asHex = (keys: readonly Uint8Array[]): string[] => keys.map(hexOf);

test("the index holds the same keys in the same order as a sorted array, and seeks like it", () => {
  fc.assert(
    fc.property(
      fc.array(unkindKey, { maxLength: 1500, size: "max" }),
      fc.array(unkindKey, { maxLength: 60 }),
      (keys, sought) => {
        const index = build();
        for (const key of keys) index.add(key);
        const model = sortedUnique(keys);
        assert.deepEqual(asHex(index.all()), asHex(model));
        for (const key of [...sought, ...keys.slice(0, 40)]) {
          const expected = model.find((other) => Buffer.compare(other, key) >= 0);
          assert.deepEqual(
            index.seek(key),
            expected === undefined ? undefined : new Uint8Array(expected),
          );
          assert.equal(
            index.has(key),
            expected !== undefined && Buffer.compare(expected, key) === 0,
          );
        }
        const dead = new Set(
          sought.concat(keys.filter((_, at) => at % 3 === 0)).map((key) => hexOf(key)),
        );
        for (const key of [...sought, ...keys.filter((_, at) => at % 3 === 0)]) index.kill(key);
        for (const key of [...sought, ...keys.slice(0, 40)]) {
          const before = model.filter(
            (other) => Buffer.compare(other, key) < 0 && !dead.has(hexOf(other)),
          );
          assert.equal(index.rank(key), before.length);
        }
      },
    ),
    { numRuns: 30 },
  );
});

for (const [name, keyOf] of [
  ["ascending", (n: number) => n],
  ["descending", (n: number) => 1e6 - n],
  ["scattered", (n: number) => (n * 7919) % 99991],
  ["from both ends", (n: number) => (n % 2 === 0 ? 5e5 + n : 5e5 - n)],
] as const) {
  test(`30,000 keys that come ${name} are found in order`, () => {
    const index = build();
    const keys: Uint8Array[] = [];
    for (let n = 0; n < 30_000; n++) keys.push(Buffer.from(`/registry/events/default/${keyOf(n)}`));
    for (const key of keys) index.add(key);
    const model = sortedUnique(keys);
    assert.deepEqual(asHex(index.all()), asHex(model));
    for (let n = 0; n < keys.length; n += 37) {
      const key = keys[n] as Uint8Array;
      assert.deepEqual(index.seek(key), new Uint8Array(key));
      assert.ok(index.has(key));
    }
    for (let n = 0; n < model.length; n += 371) assert.equal(index.rank(model[n] as Uint8Array), n);
  });
}

test("keys longer than a slab of the arena are kept whole", () => {
  const index = build();
  const keys = [2 ** 16, 2 ** 20 - 28, 2 ** 20 - 27, 2 ** 21 + 5].map((length) =>
    new Uint8Array(length).fill(length % 251),
  );
  for (const key of keys) index.add(key);
  for (const key of keys) assert.ok(index.seek(key)?.length === key.length);
  assert.deepEqual(
    index.all().map((key) => key.length),
    sortedUnique(keys).map((key) => key.length),
  );
});

test("100,000 random keys are found exactly, others are not", () => {
  const index = build();
  const random = seededRandom(7);
  const keys: Uint8Array[] = [];
  for (let n = 0; n < 100_000; n++) keys.push(Buffer.from(`${random.uint32()}-${n}`));
  for (const key of keys) index.add(key);
  for (const key of keys) {
    assert.ok(index.has(key));
    assert.ok(!index.has(Buffer.concat([key, Buffer.of(0)])));
  }
});
