import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../node/lib/assert.ts";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { seededRandom } from "./key-parts.ts";
import { RecordBook } from "./record-book.ts";

const openStore = (backend = new RecordBook(), valueCacheBytesMax = 1e6): Promise<KvStore> =>
  KvStore.open({ backend, random: seededRandom(5), valueCacheBytesMax });

function put(store: KvStore, key: string, value: string, lease = 0n): void {
  const bytes = Buffer.from(key + value);
  store.put(bytes, 0, Buffer.byteLength(key), Buffer.byteLength(key), bytes.length, lease);
}

function write(store: KvStore, key: string, value: string): number {
  store.begin();
  put(store, key, value);
  return store.end();
}

interface Answer {
  readonly keys: readonly string[];
  readonly count: number;
}

/** Keys of a range, read from the marshalled KeyValues: tag, one-byte length, key. */
function keysOf(
  store: KvStore,
  key: string,
  rangeEnd?: string,
  rest: { revision?: number; limit?: number } = {},
): Answer {
  const keys: string[] = [];
  const outcome = store.range(
    {
      key: Buffer.from(key),
      rangeEnd: rangeEnd === undefined ? undefined : Buffer.from(rangeEnd),
      revision: rest.revision ?? 0,
      limit: rest.limit ?? 0,
      countOnly: false,
    },
    (bytes, start) =>
      keys.push(
        Buffer.from(bytes.subarray(start + 2, start + 2 + (bytes[start + 1] as number))).toString(),
      ),
  );
  assert.ok(outcome.kind === "ok");
  return { keys, count: outcome.count };
}

test("an empty store is at revision 1 and the first put makes revision 2", async () => {
  const store = await openStore();
  assert.equal(store.currentRevision, 1);
  assert.equal(store.compactRevision, 0);
  assert.equal(write(store, "a", "1"), 2);
});

test("a transaction that writes nothing keeps the revision", async () => {
  const store = await openStore();
  write(store, "a", "1");
  store.begin();
  assert.equal(store.deleteRange(Buffer.from("b"), undefined), 0);
  assert.equal(store.end(), 2);
});

test("all writes of a transaction share a main revision and count sub revisions up", async () => {
  const book = new RecordBook();
  const store = await openStore(book);
  write(store, "a", "1");
  store.begin();
  put(store, "b", "1");
  put(store, "c", "1");
  assert.equal(store.deleteRange(Buffer.from("a"), Buffer.from("c")), 2);
  put(store, "a", "2");
  assert.equal(store.end(), 3);
  store.beforeCommit();
  book.commit({ consistentIndex: logIndex(2), term: term(1), revision: revision(3) }, () => {
    store.afterCommit(1);
  });
  book.land();
  assert.deepEqual(
    book.records.map(({ main, sub, kind }) => [main, sub, kind]),
    [
      [2, 0, 0],
      [3, 0, 0],
      [3, 1, 0],
      [3, 2, 1],
      [3, 3, 1],
      [3, 4, 0],
    ],
  );
  assert.deepEqual(
    { ...store.stat(Buffer.from("a"), 0, 1) },
    { createRevision: 3, modRevision: 3, version: 1 },
  );
});

test("ranges are half-open; an end of one zero byte is open; an end not after the key is empty", async () => {
  const store = await openStore();
  for (const key of ["a", "aa", "b", "c"]) write(store, key, "v");
  assert.deepEqual(keysOf(store, "a", "b"), { keys: ["a", "aa"], count: 2 });
  assert.deepEqual(keysOf(store, "aa", "\0"), { keys: ["aa", "b", "c"], count: 3 });
  assert.deepEqual(keysOf(store, "\0", "\0"), { keys: ["a", "aa", "b", "c"], count: 4 });
  assert.deepEqual(keysOf(store, "b", "b"), { keys: [], count: 0 });
  assert.deepEqual(keysOf(store, "b", "a"), { keys: [], count: 0 });
  assert.deepEqual(keysOf(store, "b", ""), { keys: ["b"], count: 1 });
});

test("the count of a limited range is the whole range, now and at an old revision", async () => {
  const store = await openStore();
  for (let n = 100; n < 900; n++) write(store, `k${n}`, "v");
  const then = store.currentRevision;
  store.begin();
  store.deleteRange(Buffer.from("k2"), Buffer.from("k4"));
  store.end();
  assert.deepEqual(keysOf(store, "k1", "k8", { limit: 2 }), { keys: ["k100", "k101"], count: 500 });
  assert.deepEqual(keysOf(store, "k1", "k8", { limit: 2, revision: then }), {
    keys: ["k100", "k101"],
    count: 700,
  });
  assert.deepEqual(keysOf(store, "k399", "k8", { limit: 1 }), { keys: ["k400"], count: 400 });
  assert.equal(store.keyCount, 600);
});

test("a revision ahead of the current one is refused; inside a transaction its own is not", async () => {
  const store = await openStore();
  write(store, "a", "1");
  const query = {
    key: Buffer.from("a"),
    rangeEnd: undefined,
    revision: 3,
    limit: 0,
    countOnly: false,
  };
  assert.deepEqual(
    store.range(query, () => undefined),
    { kind: "futureRevision" },
  );
  store.begin();
  assert.deepEqual(
    store.range(query, () => undefined),
    { kind: "futureRevision" },
  );
  put(store, "a", "2");
  assert.deepEqual(
    store.range(query, () => undefined),
    { kind: "ok", count: 1 },
  );
  store.end();
});

test("values that the cache has lost come from the backend, uncommitted ones never have to", async () => {
  const book = new RecordBook();
  const store = await openStore(book, 0);
  const value = "x".repeat(300);
  for (let n = 100; n < 200; n++) write(store, `k${n}`, value);
  assert.equal(keysOf(store, "k", "l").count, 100);
  assert.equal(book.reads, 0);
  const mark = store.beforeCommit();
  book.commit(
    { consistentIndex: logIndex(100), term: term(1), revision: store.currentRevision },
    () => {
      store.afterCommit(mark);
    },
  );
  for (let n = 200; n < 300; n++) write(store, `k${n}`, value);
  assert.equal(keysOf(store, "k", "l").count, 200);
  assert.equal(book.reads, 0);
  book.land();
  for (let n = 300; n < 400; n++) write(store, `k${n}`, value);
  assert.deepEqual(
    keysOf(store, "k", "l").keys,
    Array.from({ length: 300 }, (_, n) => `k${100 + n}`),
  );
  assert.equal(book.reads, 100);
});

test("a cold range does not make the cache grow while records wait for the backend", async () => {
  const book = new RecordBook();
  const store = await openStore(book, 8000);
  for (let n = 100; n < 900; n++) write(store, `k${n}`, "x".repeat(200));
  const mark = store.beforeCommit();
  book.commit(
    { consistentIndex: logIndex(100), term: term(1), revision: store.currentRevision },
    () => {
      store.afterCommit(mark);
    },
  );
  book.land();
  write(store, "pinned", "v");
  for (let round = 0; round < 5; round++) keysOf(store, "k", "l");
  assert.ok(store.memory.valueCacheBytes <= 8000 + 2048);
  assert.deepEqual(keysOf(store, "pinned").keys, ["pinned"]);
});

test("writing outside a transaction, nesting one, and a commit inside one are bugs", async () => {
  const store = await openStore();
  assert.throws(() => {
    put(store, "a", "1");
  }, AssertionError);
  assert.throws(() => store.end(), AssertionError);
  store.begin();
  assert.throws(() => {
    store.begin();
  }, AssertionError);
  assert.throws(() => store.beforeCommit(), AssertionError);
});
