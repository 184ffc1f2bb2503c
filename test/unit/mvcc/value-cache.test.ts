import assert from "node:assert/strict";
import { test } from "node:test";
import { ValueCache } from "../../../node/mvcc/value-cache.ts";

/** Writes a record of `length` bytes, all `fill`; returns its position. */
function write(cache: ValueCache, length: number, fill: number): number {
  const position = cache.allocate(length);
  cache.slab.fill(fill, cache.offset, cache.offset + length);
  return position;
}

/** The first byte of a record, or undefined when it was evicted. */
const look = (cache: ValueCache, position: number): number | undefined =>
  cache.locate(position) ? cache.slab[cache.offset] : undefined;

test("the oldest records are evicted first and memory stays within the bound", () => {
  const cache = new ValueCache(8192);
  const positions: number[] = [];
  for (let n = 0; n < 1000; n++) positions.push(write(cache, 100, n & 255));
  const kept = positions
    .map((position, n) => (look(cache, position) === undefined ? -1 : n))
    .filter((n) => n >= 0);
  assert.equal(kept[0], 1000 - kept.length, "what is kept is the newest, without a gap");
  assert.ok(kept.length > 50);
  for (const n of kept) assert.equal(look(cache, positions[n] as number), n & 255);
  assert.ok(cache.residentBytes <= 8192 + 1024);
});

test("nothing at or after the pinned position is evicted, and all of it goes when unpinned", () => {
  const cache = new ValueCache(4096);
  write(cache, 400, 1);
  const pinned = write(cache, 400, 2);
  cache.pin(pinned);
  const later = Array.from({ length: 500 }, (_, n) => write(cache, 300, n & 255));
  assert.equal(look(cache, pinned), 2);
  later.forEach((position, n) => {
    assert.equal(look(cache, position), n & 255);
  });
  assert.ok(cache.isFullOfPinned(1));
  cache.pin(Infinity);
  assert.ok(!cache.isFullOfPinned(1));
  for (let n = 0; n < 20; n++) write(cache, 400, 3);
  assert.equal(look(cache, pinned), undefined);
  assert.ok(cache.residentBytes <= 4096 + 1024);
});

test("a record longer than a slab has a place of its own and leaves like the others", () => {
  const cache = new ValueCache(4096);
  const before = write(cache, 10, 1);
  const long = write(cache, 3000, 2);
  const after = write(cache, 10, 3);
  assert.deepEqual([look(cache, before), look(cache, long), look(cache, after)], [1, 2, 3]);
  const tooLong = write(cache, 100_000, 4);
  assert.equal(look(cache, tooLong), 4);
  for (let n = 0; n < 10; n++) write(cache, 500, 5);
  assert.equal(look(cache, tooLong), undefined);
  assert.ok(cache.residentBytes <= 4096 + 1024);
});

test("the bytes of an evicted record survive the allocation that evicted it", () => {
  const cache = new ValueCache(4096);
  const positions: number[] = [];
  let evictions = 0;
  for (let n = 0; n < 500; n++) {
    const oldest = positions.findIndex((position) => cache.locate(position));
    if (oldest >= 0) cache.locate(positions[oldest] as number);
    const { slab, offset } = cache;
    positions.push(write(cache, 500, n & 255));
    if (oldest < 0) continue;
    if (!cache.locate(positions[oldest] as number)) evictions += 1;
    assert.equal(slab[offset], oldest & 255);
  }
  assert.ok(evictions > 400);
});

test("a record that would push out others is told beforehand", () => {
  const cache = new ValueCache(8192);
  const first = write(cache, 100, 1);
  let count = 0;
  for (; !cache.isFullFor(100); count++) write(cache, 100, 1);
  assert.equal(look(cache, first), 1);
  assert.ok(count > 60, "the room was used");
  write(cache, 100, 2);
  assert.equal(look(cache, first), undefined);
});

test("a cache that starts behind a position knows no record before it", () => {
  const old = new ValueCache(4096);
  const positions = Array.from({ length: 30 }, (_, n) => write(old, 100, n));
  const cache = new ValueCache(1 << 20);
  cache.startBehind(old.endPosition);
  const own = Array.from({ length: 30 }, (_, n) => write(cache, 100, 100 + n));
  for (const position of positions) assert.equal(look(cache, position), undefined);
  own.forEach((position, n) => {
    assert.equal(look(cache, position), 100 + n);
  });
});
