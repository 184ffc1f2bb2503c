import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError } from "../../../node/lib/corruption-error.ts";
import { crc32c } from "../../../node/lib/crc32c.ts";
import { logIndex, type Revision, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { recordKey } from "./etcd-rules.ts";
import { seededRandom } from "./key-parts.ts";
import { RecordBook } from "./record-book.ts";

/** A store over a book, with writes as single transactions. */
class Shelf {
  readonly book = new RecordBook();
  private store: KvStore | undefined;

  static async open(): Promise<Shelf> {
    const shelf = new Shelf();
    await shelf.reopen();
    return shelf;
  }

  async reopen(): Promise<void> {
    this.store = await KvStore.open({
      backend: this.book,
      random: seededRandom(1),
      valueCacheBytesMax: 1e6,
    });
  }

  get kv(): KvStore {
    assert.ok(this.store !== undefined);
    return this.store;
  }

  put(...keys: string[]): Revision {
    this.kv.begin();
    for (const key of keys) {
      const bytes = Buffer.from(key);
      this.kv.putValue(bytes, 0, bytes.length, Buffer.from("value"), 0, 5, 0n);
    }
    return this.kv.end();
  }

  delete(...keys: string[]): Revision {
    this.kv.begin();
    for (const key of keys) this.kv.deleteRange(Buffer.from(key), undefined);
    return this.kv.end();
  }

  commit(): void {
    const { kv } = this;
    const mark = kv.beforeCommit();
    const position = {
      consistentIndex: logIndex(1),
      term: term(1),
      revision: kv.currentRevision,
    };
    this.book.commit(position, () => {
      kv.afterCommit(mark);
    });
    this.book.land();
  }

  finish(): void {
    this.commit();
    while (!this.kv.compactSlice(10));
    this.commit();
  }

  kept(): string[] {
    return this.book.records.map(({ main, sub }) => `${main}_${sub}`);
  }
}

test("tombstones that one compaction keeps go with the next, also when that one overtakes it", async () => {
  for (const slicesBefore of [0, 1, 2, 3, 4, 5, 9]) {
    const shelf = await Shelf.open();
    shelf.put("a", "b", "c");
    const dead = shelf.delete("a", "b", "c");
    shelf.put("d");
    shelf.commit();
    assert.equal(shelf.kv.compact(dead), "ok");
    for (let slice = 0; slice < slicesBefore; slice++) shelf.kv.compactSlice(1);
    if (slicesBefore === 9) {
      shelf.commit();
      assert.deepEqual(shelf.kept(), ["3_0", "3_1", "3_2", "4_0"]);
    }
    assert.equal(shelf.kv.compact(revision(dead + 1)), "ok");
    shelf.finish();
    assert.deepEqual(shelf.kept(), ["4_0"]);
  }
});

test("a slice removes at most so many records, and waits for those that are not committed", async () => {
  const shelf = await Shelf.open();
  for (let n = 0; n < 10; n++) shelf.put("a");
  shelf.commit();
  for (let n = 0; n < 5; n++) shelf.put("a");
  shelf.kv.compact(shelf.kv.currentRevision);
  assert.ok(!shelf.kv.compactSlice(4));
  assert.equal(shelf.book.removals, 4);
  assert.ok(!shelf.kv.compactSlice(100));
  assert.ok(!shelf.kv.compactSlice(100));
  assert.equal(shelf.book.removals, 9);
  assert.equal(shelf.kv.isCompacting, true);
  shelf.commit();
  assert.ok(shelf.kv.compactSlice(100));
  assert.equal(shelf.book.removals, 14);
  assert.deepEqual([shelf.kv.isCompacting, shelf.kv.compactSlice(1)], [false, true]);
});

test("a slice looks at few entries even when none of many can go", async () => {
  const shelf = await Shelf.open();
  for (let n = 0; n < 100; n++) shelf.put(`key-${n}`);
  shelf.commit();
  shelf.kv.compact(shelf.kv.currentRevision);
  let slices = 1;
  while (!shelf.kv.compactSlice(1)) slices += 1;
  assert.ok(slices > 10);
  assert.equal(shelf.book.removals, 0);
});

test("the current revision survives the compaction of its own tombstone and a restart", async () => {
  const shelf = await Shelf.open();
  shelf.put("a");
  const dead = shelf.delete("a");
  shelf.kv.compact(dead);
  shelf.finish();
  // A backend that another program wrote may know no revision but its records'.
  shelf.book.records = [];
  shelf.book.committed = { ...shelf.book.committed, revision: revision(0) };
  await shelf.reopen();
  assert.deepEqual([shelf.kv.currentRevision, shelf.kv.compactRevision], [dead, dead]);
});

test("a compaction at or below the one before and one ahead are refused, and change nothing", async () => {
  const shelf = await Shelf.open();
  shelf.put("a");
  const newest = shelf.put("a");
  assert.equal(shelf.kv.compact(revision(newest + 1)), "futureRevision");
  assert.equal(shelf.kv.compact(newest), "ok");
  assert.equal(shelf.kv.compact(newest), "compacted");
  assert.equal(shelf.kv.compact(revision(0)), "compacted");
  assert.equal(shelf.kv.compactRevision, newest);
});

test("freed bytes are what the store has been larger; new records take them up; defragmentation forgets them", async () => {
  const shelf = await Shelf.open();
  for (let n = 0; n < 10; n++) shelf.put("a");
  const most = shelf.kv.logicalBytes;
  assert.equal(shelf.kv.freedBytes, 0);
  shelf.kv.compact(shelf.kv.currentRevision);
  shelf.finish();
  const one = shelf.kv.logicalBytes;
  assert.ok(one < most / 5);
  assert.equal(shelf.kv.freedBytes, most - one);
  shelf.put("a");
  assert.equal(shelf.kv.freedBytes + shelf.kv.logicalBytes, most);
  shelf.kv.defragmented();
  assert.equal(shelf.kv.freedBytes, 0);
});

test("a compaction revision in the backend that is no revision is corruption", async () => {
  for (const bytes of [Buffer.alloc(16), Buffer.alloc(17, 255)]) {
    const shelf = await Shelf.open();
    shelf.book.put("meta", Buffer.from("scheduledCompactRev"), bytes);
    await assert.rejects(shelf.reopen(), CorruptionError);
  }
});

test("the hash of the backend covers all buckets in the order of their names, but for what differs between equal members", async () => {
  const shelf = await Shelf.open();
  shelf.book.put("lease", Buffer.from("l"), Buffer.from("1"));
  shelf.book.put("authRoles", Buffer.from("r"), Buffer.from("2"));
  shelf.book.put("members", Buffer.from("m"), Buffer.from("3"));
  shelf.book.put("meta", Buffer.from("confState"), Buffer.from("4"));
  shelf.book.put("meta", Buffer.from("term"), Buffer.from("5"));
  shelf.book.put("meta", Buffer.from("consistent_index"), Buffer.from("6"));
  shelf.book.put("meta", Buffer.from("storageVersion"), Buffer.from("7"));
  shelf.put("a");
  shelf.delete("a");
  const answer = shelf.kv.hash();
  shelf.commit();
  const records = shelf.book.records.flatMap(({ main, sub, kind, keyValue }) => [
    recordKey({ main, sub, isTombstone: kind === 1 }),
    keyValue,
  ]);
  const text = (name: string): Buffer => Buffer.from(name);
  const whole = Buffer.concat([
    text("alarmauthauthRolesr2authUsersclusterkey"),
    ...records,
    text("leasel1membersm3members_removedmetaconfState4"),
  ]);
  assert.equal(await answer, crc32c(whole));
});
