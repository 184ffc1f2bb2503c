import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeyArena } from "../../../node/mvcc/key-arena.ts";
import { KeyProbe } from "../../../node/mvcc/key-probe.ts";
import { unkindKey } from "./key-parts.ts";

const probeOf = (key: Uint8Array): KeyProbe => {
  const probe = new KeyProbe(3, 4);
  const padded = Buffer.concat([Buffer.of(0xff), key, Buffer.of(0xff, 0xff, 0xff, 0xff)]);
  probe.load(padded, 1, 1 + key.length);
  return probe;
};

const commonPrefixOf = (a: Uint8Array, b: Uint8Array): number => {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
};

test("keys compare, share prefixes and give heads as their bytes do", () => {
  fc.assert(
    fc.property(unkindKey, unkindKey, fc.nat(30), (a, b, offset) => {
      const arena = new KeyArena();
      const probe = probeOf(a);
      const placeA = arena.add(probe);
      const placeB = arena.add(probeOf(b));
      const order = Buffer.compare(a, b);
      assert.deepEqual(arena.key(placeB), new Uint8Array(b));
      assert.equal(Math.sign(arena.compare(probe, placeB)), order);
      assert.equal(arena.equals(probe, placeB), order === 0);
      assert.equal(arena.commonPrefix(placeA, placeB), commonPrefixOf(a, b));
      const prefixLength = Math.min(offset, b.length);
      assert.equal(
        Math.sign(arena.comparePrefix(probe, placeB, prefixLength)),
        Buffer.compare(a.subarray(0, prefixLength), b.subarray(0, prefixLength)),
      );
      const head = Buffer.alloc(4);
      Buffer.from(a).copy(head, 0, Math.min(offset, a.length), offset + 4);
      assert.equal(arena.headBytes(placeA, offset), head.readUInt32BE(0) - 2 ** 31);
      assert.equal(probe.head(offset), arena.headBytes(placeA, offset));
    }),
    { numRuns: 1000 },
  );
});

test("a key that ends inside a prefix does not share it, even where the prefix has zero bytes", () => {
  const arena = new KeyArena();
  const place = arena.add(probeOf(Uint8Array.of(0, 0, 255)));
  assert.ok(arena.comparePrefix(probeOf(Uint8Array.of(0)), place, 2) < 0);
  assert.equal(arena.comparePrefix(probeOf(Uint8Array.of(0, 0, 7)), place, 2), 0);
});

test("a probe loaded from the arena has the key and the hash of the probe that stored it", () => {
  fc.assert(
    fc.property(unkindKey, (key) => {
      const arena = new KeyArena();
      const probe = probeOf(key);
      const place = arena.add(probe);
      const again = probeOf(Buffer.from("something else"));
      arena.loadProbe(place, again);
      assert.ok(arena.equals(again, place));
      assert.equal(again.hash, probe.hash);
    }),
  );
});

test("the hash depends on the secret and on every byte and the length of the key", () => {
  const hashes = new Set<number>();
  for (let secret = 0; secret < 50; secret++) {
    const probe = new KeyProbe(secret, 1);
    for (const key of ["", "\0", "\0\0", "\0\0\0\0", "a", "aaaaaaaaaaab", "baaaaaaaaaaa"]) {
      probe.load(Buffer.from(key), 0, key.length);
      hashes.add(probe.hash);
    }
  }
  assert.equal(hashes.size, 350);
});

test("the state of a key is kept beside it, with revisions beyond 32 bits", () => {
  const arena = new KeyArena();
  const places = Array.from({ length: 50_000 }, (_, n) =>
    arena.add(probeOf(Buffer.from(`key-${n}`))),
  );
  places.forEach((place, n) => {
    arena.setLive(place, 2 ** 40 + n, n + 1, 2 ** 45 + n);
  });
  arena.setDead(places[7] as number, 9);
  places.forEach((place, n) => {
    const expected = n === 7 ? [0, 0, 9] : [2 ** 40 + n, n + 1, 2 ** 45 + n];
    assert.deepEqual(
      [arena.createRevision(place), arena.version(place), arena.head(place)],
      expected,
    );
    assert.equal(Buffer.from(arena.key(place)).toString(), `key-${n}`);
  });
});

test("the room of a removed key goes to the next key of its size, clean", () => {
  const arena = new KeyArena();
  const first = arena.add(probeOf(Buffer.from("aaaaaaa")));
  arena.add(probeOf(Buffer.from("bbbbbbb")));
  arena.setLive(first, 2 ** 45 + 7, 3, 2 ** 45 + 9);
  arena.remove(first);
  arena.add(probeOf(Buffer.from("a key of another size, for which there is no room")));
  const next = arena.add(probeOf(Buffer.from("ccccc")));
  assert.equal(next, first);
  assert.deepEqual([arena.createRevision(next), arena.version(next), arena.head(next)], [0, 0, 0]);
  assert.equal(Buffer.from(arena.key(next)).toString(), "ccccc");
});

test("when much is free, longer rooms are cut for shorter keys; memory never grows over what it was", () => {
  const arena = new KeyArena();
  const keyOf = (n: number, length: number): Uint8Array =>
    Buffer.from(String(n).padStart(length, "x"));
  for (const [long, short] of [
    [600, 40],
    [3000, 3000],
    [2_000_000, 2_000_000],
  ] as const) {
    const count = long > 1e6 ? 5 : 3000;
    const places = Array.from({ length: count }, (_, n) => arena.add(probeOf(keyOf(n, long))));
    const most = arena.residentBytes;
    for (const place of places) {
      arena.setLive(place, 1e15, 1, 1e15);
      arena.remove(place);
    }
    const again = new Map<number, number>();
    for (let n = 0; n < count; n++) {
      const place = arena.add(probeOf(keyOf(n, short)));
      assert.deepEqual([arena.createRevision(place), arena.head(place)], [0, 0]);
      again.set(place, n);
    }
    assert.ok(arena.residentBytes <= most);
    assert.equal(again.size, count, "no room is given twice");
    for (const [place, n] of again) {
      assert.deepEqual(Buffer.from(arena.key(place)), Buffer.from(keyOf(n, short)));
      arena.remove(place);
    }
  }
});
