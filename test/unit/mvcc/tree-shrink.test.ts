import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyArena } from "../../../node/mvcc/key-arena.ts";
import { KeyHash } from "../../../node/mvcc/key-hash.ts";
import { KeyIndex } from "../../../node/mvcc/key-index.ts";
import { KeyProbe } from "../../../node/mvcc/key-probe.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf } from "./kv-model.ts";
import { checkTree } from "./tree-check.ts";

/** Arena, hash and tree, as the store keeps them together. */
class Keys {
  readonly arena = new KeyArena();
  readonly hash = new KeyHash(this.arena);
  readonly index = new KeyIndex(this.arena);
  private readonly probe = new KeyProbe(5, 6);

  find(key: Uint8Array): number {
    this.probe.load(key, 0, key.length);
    return this.hash.find(this.probe);
  }

  add(key: Uint8Array): void {
    if (this.find(key) !== 0) return;
    const place = this.arena.add(this.probe);
    this.hash.insert(this.probe.hash, place);
    this.index.insert(this.probe, place, 1);
    this.arena.setLive(place, 1, 1, 1);
  }

  remove(key: Uint8Array): void {
    const place = this.find(key);
    if (place === 0) return;
    this.arena.setDead(place, 2);
    this.index.changeLives(this.probe, -1);
    this.index.remove(this.probe, place);
    this.hash.remove(this.probe.hash, place);
    this.arena.remove(place);
  }

  all(): string[] {
    const keys: string[] = [];
    for (let leaf = this.index.firstLeaf; leaf !== 0; leaf = this.index.next(leaf)) {
      for (let at = 0; at < this.index.count(leaf); at++)
        keys.push(hexOf(this.arena.key(this.index.place(leaf, at))));
    }
    return keys;
  }

  rank(key: Uint8Array): number {
    this.probe.load(key, 0, key.length);
    return this.index.rank(this.probe);
  }
}

function compareWith(keys: Keys, model: ReadonlyMap<string, Uint8Array>): void {
  const sorted = [...model.values()].sort((a, b) => Buffer.compare(a, b));
  assert.deepEqual(keys.all(), sorted.map(hexOf));
  assert.equal(keys.index.lives, sorted.length);
  checkTree(keys.index);
}

test("after any additions and removals tree and hash hold what a sorted set holds, and no page is lost", () => {
  const round = fc.record({
    added: fc.array(unkindKey, { maxLength: 600, size: "max" }),
    /** Removed is every key whose turn comes, in an order of its own. */
    every: fc.constantFrom(1, 1, 2, 3),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 4 }), (rounds) => {
      const keys = new Keys();
      const model = new Map<string, Uint8Array>();
      for (const { added, every, seed } of rounds) {
        for (const key of added) {
          keys.add(key);
          model.set(hexOf(key), key);
        }
        compareWith(keys, model);
        const random = seededRandom(seed);
        const doomed = [...model.values()]
          .map((key) => ({ key, turn: random.uint32() }))
          .sort((a, b) => a.turn - b.turn)
          .filter((_, at) => at % every === 0);
        for (const { key } of doomed) {
          keys.remove(key);
          model.delete(hexOf(key));
          assert.equal(keys.find(key), 0);
        }
        compareWith(keys, model);
        for (const key of model.values()) assert.notEqual(keys.find(key), 0);
      }
    }),
    { numRuns: 60 },
  );
});

for (const [name, turnOf] of [
  ["ascending", (n: number) => n],
  ["descending", (n: number) => 40_000 - n],
  ["scattered", (n: number) => (n * 7919) % 40_009],
  ["from the middle", (n: number) => (n % 2 === 0 ? 20_000 + (n >> 1) : 20_000 - (n >> 1))],
] as const) {
  test(`40,000 keys that go ${name} leave one empty leaf, and the tree is sound on the way`, () => {
    const keys = new Keys();
    const keyOf = (n: number): Uint8Array =>
      Buffer.from(`/registry/events/ns/${String(n).padStart(n % 9, "0")}`);
    const all = new Map<string, Uint8Array>();
    for (let n = 0; n <= 40_009; n++) all.set(hexOf(keyOf(n)), keyOf(n));
    for (const key of all.values()) keys.add(key);
    for (let n = 0; n < 40_009; n++) {
      keys.remove(keyOf(turnOf(n)));
      all.delete(hexOf(keyOf(turnOf(n))));
      if (n % 4001 === 0) {
        compareWith(keys, all);
        assert.equal(keys.rank(Uint8Array.of(255)), all.size);
      }
    }
    for (const key of [...all.values()]) {
      keys.remove(key);
      all.delete(hexOf(key));
    }
    compareWith(keys, all);
    assert.equal(keys.index.leaves.count, 1);
    assert.equal(keys.index.inner.count, 0);
  });
}

test("keys that come and go use the memory of those before them", () => {
  const keys = new Keys();
  const window = 5000;
  const keyOf = (n: number): Uint8Array => Buffer.from(`/registry/pods/${"x".repeat(n % 13)}${n}`);
  const sizes: number[] = [];
  for (let n = 0; n < 60_000; n++) {
    keys.add(keyOf(n));
    if (n >= window) keys.remove(keyOf(n - window));
    if (n % 20_000 === 19_999)
      sizes.push(
        keys.arena.residentBytes + keys.hash.residentBytes + keys.index.leaves.residentBytes,
      );
  }
  assert.equal(sizes[2], sizes[0]);
  checkTree(keys.index);
});

test("when one key of a hundred stays, the pages of the tree go too", () => {
  const keys = new Keys();
  const keyOf = (n: number): Uint8Array => Buffer.from(`/registry/leases/${n}`);
  for (let n = 0; n < 100_000; n++) keys.add(keyOf((n * 7919) % 100_003));
  const before = keys.index.inner.count;
  for (let n = 0; n < 100_003; n++) {
    if (n % 100 !== 0) keys.remove(keyOf(n));
  }
  checkTree(keys.index);
  assert.ok(keys.index.leaves.count <= 1000 / 8, `${keys.index.leaves.count} leaves`);
  assert.ok(keys.index.inner.count <= before / 12, `${keys.index.inner.count} of ${before}`);
});

test("the hash table gives segments back when its keys go", () => {
  const keys = new Keys();
  const keyOf = (n: number): Uint8Array => Buffer.from(`key-${n}`);
  for (let n = 0; n < 100_000; n++) keys.add(keyOf(n));
  const full = keys.hash.residentBytes;
  for (let n = 0; n < 100_000; n++) {
    if (n % 100 !== 0) keys.remove(keyOf(n));
  }
  assert.ok(keys.hash.residentBytes < full / 8);
  for (let n = 0; n < 100_000; n++) assert.equal(keys.find(keyOf(n)) !== 0, n % 100 === 0);
});
