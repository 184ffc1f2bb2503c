import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../node/lib/assert.ts";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import type { RangeCursor } from "../../../node/mvcc/range-cursor.ts";
import { seededRandom } from "./key-parts.ts";
import { RecordBook } from "./record-book.ts";

const openStore = (backend = new RecordBook()): Promise<KvStore> =>
  KvStore.open({ backend, random: seededRandom(5), valueCacheBytesMax: 1e6 });

function put(store: KvStore, key: string): void {
  const bytes = Buffer.from(`${key}v`);
  store.put(bytes, 0, bytes.length - 1, bytes.length - 1, bytes.length, 0n);
}

function write(store: KvStore, ...keys: string[]): number {
  store.begin();
  for (const key of keys) put(store, key);
  return store.end();
}

function remove(store: KvStore, ...keys: string[]): number {
  store.begin();
  for (const key of keys) store.deleteRange(Buffer.from(key), undefined);
  return store.end();
}

function open(
  store: KvStore,
  key: string,
  rangeEnd: string,
  rest: { revision?: number; limit?: number; countOnly?: boolean } = {},
): RangeCursor {
  const cursor = store.openRange({
    key: Buffer.from(key),
    rangeEnd: Buffer.from(rangeEnd),
    revision: rest.revision ?? 0,
    limit: rest.limit ?? 0,
    countOnly: rest.countOnly ?? false,
  });
  assert.ok(cursor.kind === "ok");
  return cursor;
}

function read(cursor: RangeCursor, keysMax: number): string[] {
  const keys: string[] = [];
  cursor.read(keysMax, (bytes, start) =>
    keys.push(
      Buffer.from(bytes.subarray(start + 2, start + 2 + (bytes[start + 1] as number))).toString(),
    ),
  );
  return keys;
}

/** Brings the cursor to its count with slices of two; returns how many slices that took. */
function slicesToCount(cursor: RangeCursor): number {
  for (let slices = 1; ; slices++) {
    const more = cursor.countSome(2);
    assert.equal(cursor.count === undefined, more);
    if (!more) return slices;
  }
}

const hundred = Array.from({ length: 100 }, (_, n) => `k${100 + n}`);

test("the count at an old revision follows from the few records since, keys at both ends of the range included", async () => {
  const store = await openStore();
  const then = write(store, ...hundred);
  remove(store, "k120", "k179", "k180");
  write(store, "k1195", "k1805", "k120", "k125");
  remove(store, "k120", "k121");
  const limited = open(store, "k120", "k180", { revision: then, limit: 3 });
  assert.deepEqual(read(limited, 50), ["k120", "k121", "k122"]);
  assert.equal(limited.count, undefined);
  // Nine records since then, two a slice.
  assert.equal(slicesToCount(limited), 5);
  assert.equal(limited.count, 60);
  const counted = open(store, "k120", "\0", { revision: then, countOnly: true });
  slicesToCount(counted);
  assert.equal(counted.count, 80);
});

test("where more was written since than the range has keys, its keys are counted", async () => {
  const store = await openStore();
  const then = write(store, ...hundred);
  for (let round = 0; round < 50; round++) write(store, ...hundred);
  remove(store, "k110", "k111", "k199");
  const counted = open(store, "k110", "k120", { revision: then, countOnly: true });
  assert.ok(slicesToCount(counted) < 10);
  assert.equal(counted.count, 10);
});

test("a cursor that reads to the end knows the count without counting", async () => {
  const store = await openStore();
  const then = write(store, "a", "b", "c");
  remove(store, "b");
  const cursor = open(store, "a", "\0", { revision: then });
  assert.deepEqual(read(cursor, 2), ["a", "b"]);
  assert.equal(cursor.count, undefined);
  assert.deepEqual(read(cursor, 2), ["c"]);
  assert.equal(cursor.count, 3);
});

test("keys that did not exist at the revision take their part of a slice", async () => {
  const store = await openStore();
  const then = write(store, "a", "z");
  write(store, ...hundred);
  const cursor = open(store, "a", "\0", { revision: then });
  assert.deepEqual(read(cursor, 10), ["a"]);
  for (let slice = 0; slice < 9; slice++) assert.deepEqual(read(cursor, 10), []);
  assert.deepEqual(read(cursor, 10), ["z"]);
});

test("an open cursor holds up a later compaction, and closing it lets that go on", async () => {
  const book = new RecordBook();
  const store = await openStore(book);
  write(store, "a");
  write(store, "a", "b");
  const mark = store.beforeCommit();
  const position = { consistentIndex: logIndex(3), term: term(1), revision: revision(3) };
  book.commit(position, () => {
    store.afterCommit(mark);
  });
  book.land();
  const cursor = open(store, "a", "\0", { revision: 2 });
  assert.equal(store.compact(revision(3)), "ok");
  assert.equal(store.compactSlice(10), false);
  assert.equal(book.removals, 0);
  assert.deepEqual(read(cursor, 9), ["a"]);
  cursor.close();
  assert.equal(store.compactSlice(10), true);
  assert.equal(book.removals, 1);
});

test("during a transaction of several turns cursors see the state before it, the transaction itself its writes", async () => {
  const store = await openStore();
  write(store, ...hundred);
  store.begin();
  assert.ok(store.isWriting);
  const deleting = store.deleteCursor(Buffer.from("k"), Buffer.from("l"));
  assert.equal(deleting.step(60), true);
  assert.equal(deleting.deleted, 60);
  assert.equal(store.countInRange(Buffer.from("k"), Buffer.from("l")), 40);
  const reading = open(store, "k", "l");
  assert.equal(read(reading, 1000).length, 100);
  assert.equal(deleting.step(40), true);
  assert.equal(deleting.step(1), false);
  assert.equal(deleting.deleted, 100);
  store.end();
  assert.equal(open(store, "k", "l").count, 0);
});

test("going on with a deletion after its transaction is a bug", async () => {
  const store = await openStore();
  write(store, ...hundred);
  store.begin();
  const deleting = store.deleteCursor(Buffer.from("k"), Buffer.from("l"));
  deleting.step(1);
  store.end();
  assert.throws(() => deleting.step(1), AssertionError);
  store.begin();
  assert.throws(() => deleting.step(1), AssertionError);
});
