import assert from "node:assert/strict";
import { test } from "node:test";
import { RevisionKey, rewriteKey, sealKey, writeRecordKey } from "../../../node/backend/layout.ts";
import { type RewrittenStore, rewriteTables } from "../../../node/backend/level-rewrite.ts";
import { toText } from "../../../node/lib/bytes.ts";

const mib = 1 << 20;
const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");

/** Tables with one record of 1 MiB in each of `mains`. */
class Store implements RewrittenStore {
  readonly log: string[] = [];
  deleted: string[] = [];
  readonly pieces: [string, string][] = [];
  private readonly records: readonly string[];

  constructor(mains: readonly number[]) {
    this.records = mains.map((main) => hex(recordKey(main)));
  }

  flush(): Promise<void> {
    this.log.push("flush");
    return Promise.resolve();
  }

  tableBytes(start: Uint8Array, end: Uint8Array): Promise<number> {
    const inside = this.records.filter((key) => key >= hex(start) && key < hex(end));
    return Promise.resolve(inside.length * mib);
  }

  deleteNothing(keys: readonly Uint8Array[]): Promise<void> {
    this.log.push("delete");
    this.deleted = keys.map(hex);
    return Promise.resolve();
  }

  merge(start: Uint8Array, end: Uint8Array): Promise<void> {
    this.log.push("merge");
    this.pieces.push([hex(start), hex(end)]);
    return Promise.resolve();
  }
}

function recordKey(main: number): Uint8Array {
  const key = new Uint8Array(15);
  writeRecordKey(key, main, 0);
  return key;
}

test("the keys that are deleted are no record's and no seal's", () => {
  const key = rewriteKey(2 ** 40 + 5);
  assert.equal(new RevisionKey().parse(toText(key)), false);
  assert.notEqual(hex(key), hex(recordKey(2 ** 40 + 5)));
  assert.notEqual(hex(key).slice(0, 30), hex(sealKey(2 ** 40 + 5, 0, 1)).slice(0, 30));
  assert.ok(hex(key) > hex(recordKey(2 ** 40 + 5)) && hex(key) < hex(recordKey(2 ** 40 + 6)));
});

test("a deletion stands in each few megabytes, wherever the revisions lie, and pieces cover everything once", async () => {
  // As after a long history that was compacted, and a load behind it.
  const mains = [
    ...Array.from({ length: 300 }, (_, at) => at * 1_000_003 + 7),
    ...Array.from({ length: 300 }, (_, at) => 10 ** 9 + at),
  ];
  const store = new Store(mains);
  await rewriteTables(store, 10 ** 9 + 299, () => false);
  assert.deepEqual(store.log.slice(0, 3), ["flush", "delete", "flush"]);
  assert.deepEqual(store.deleted, store.deleted.toSorted());
  for (const [at, key] of store.deleted.entries()) {
    const next = store.deleted[at + 1] ?? "ff";
    const between = mains.filter((main) => {
      const record = hex(recordKey(main));
      return record >= key && record < next;
    });
    assert.ok(between.length <= 4, `${between.length} MiB without a deletion`);
  }
  const { pieces } = store;
  assert.equal(pieces[0]?.[0], "00");
  assert.equal(pieces.at(-1)?.[1], "ff");
  for (const [at, [start]] of pieces.entries()) {
    if (at > 0) assert.equal(start, pieces[at - 1]?.[1]);
  }
  assert.ok(pieces.length >= 5 && pieces.length <= 12, `${pieces.length} pieces`);
});

test("an empty store is merged whole", async () => {
  const store = new Store([]);
  await rewriteTables(store, 0, () => false);
  assert.deepEqual(store.log, ["flush", "flush", "merge"]);
  assert.deepEqual(store.pieces, [["00", "ff"]]);
});

test("a backend that closes ends it between two pieces", async () => {
  const store = new Store(Array.from({ length: 600 }, (_, at) => at));
  let pieces = 0;
  await assert.rejects(
    rewriteTables(store, 599, () => ++pieces > 2),
    /closed while/,
  );
  assert.equal(store.pieces.length, 2);
});
