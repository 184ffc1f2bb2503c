import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import type { DeleteCursor } from "../../../node/mvcc/delete-cursor.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import type { RangeCursor } from "../../../node/mvcc/range-cursor.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf, KvModel, keyValueHex } from "./kv-model.ts";
import { RecordBook } from "./record-book.ts";

interface Span {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array | undefined;
}

type Step =
  | { readonly do: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly do: "delete"; readonly span: Span; readonly slice: number }
  | { readonly do: "deleteSlice" | "end" | "commit" }
  | {
      readonly do: "open";
      readonly span: Span;
      readonly back: number;
      readonly limit: number;
      readonly mode: "all" | "count" | "keys";
    }
  | {
      readonly do: "read" | "count";
      readonly which: number;
      readonly keysMax: number;
      readonly bytesMax: number;
    }
  | { readonly do: "close"; readonly which: number }
  | { readonly do: "compact"; readonly back: number; readonly slices: number };

const stepsOver = (keys: readonly Uint8Array[]): fc.Arbitrary<Step[]> => {
  const key = fc.constantFrom(...keys);
  const which = fc.nat(20);
  const rangeEnd = fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(undefined, new Uint8Array(0)) },
    { weight: 4, arbitrary: fc.constant(Uint8Array.of(0)) },
    { weight: 3, arbitrary: fc.oneof(key, unkindKey) },
  );
  const span = fc.record({
    key: fc.oneof(key, unkindKey, fc.constantFrom(Uint8Array.of(0), new Uint8Array(0))),
    rangeEnd,
  });
  const value = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.constant(new Uint8Array(400)));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key, value }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("delete" as const),
        span,
        slice: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.constantFrom<Step>(
        { do: "deleteSlice" },
        { do: "end" },
        { do: "end" },
        { do: "commit" },
      ),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("open" as const),
        span,
        back: fc.integer({ min: -2, max: 25 }),
        limit: fc.constantFrom(0, 0, 1, 5),
        mode: fc.constantFrom("all" as const, "all" as const, "count" as const, "keys" as const),
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constantFrom("read" as const, "read" as const, "count" as const),
        which,
        keysMax: fc.integer({ min: 1, max: 70 }),
        bytesMax: fc.constantFrom(Infinity, Infinity, 1, 30, 500),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), which }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("compact" as const),
        back: fc.nat(12),
        slices: fc.nat(4),
      }),
    },
  );
  return fc.array(step, { maxLength: 250, size: "max" });
};

interface OpenCursor {
  readonly cursor: RangeCursor;
  readonly visited: readonly string[];
  readonly count: number;
  readonly seen: string[];
}

/** Store and model side by side, with cursors that stay open while both go on. */
class Pair {
  private readonly model = new KvModel();
  private readonly book = new RecordBook();
  private readonly kv: KvStore;
  private readonly cursors: OpenCursor[] = [];
  private doomed: { readonly cursor: DeleteCursor; readonly slice: number } | undefined;
  private expectedDeletes: readonly string[] = [];
  private readonly deletes: string[] = [];
  private isOpen = false;

  static async open(cacheBytes: number): Promise<Pair> {
    const book = new RecordBook();
    const options = { backend: book, random: seededRandom(3), valueCacheBytesMax: cacheBytes };
    return new Pair(book, await KvStore.open(options));
  }

  private constructor(book: RecordBook, kv: KvStore) {
    this.book = book;
    this.kv = kv;
  }

  run(step: Step): void {
    switch (step.do) {
      case "put":
        this.put(step.key, step.value);
        return;
      case "delete":
        this.delete(step.span, step.slice);
        return;
      case "deleteSlice":
        this.deleteSlice();
        return;
      case "end":
        this.endTxn();
        return;
      case "commit":
        this.commit();
        return;
      case "open":
        this.openCursor(step);
        return;
      case "read":
      case "count":
        this.use(step);
        return;
      case "close":
        this.close(step.which);
        return;
      case "compact":
        this.compact(step.back, step.slices);
        return;
    }
  }

  /** Reads every open cursor to its end. */
  drain(): void {
    while (this.cursors.length > 0) {
      const open = this.cursors[0] as OpenCursor;
      while (this.readSome(open, 3, Infinity)) this.finishDelete();
      while (open.cursor.countSome(3)) this.endTxn();
      this.checkCount(open);
      assert.deepEqual(open.seen, open.visited);
      assert.notEqual(open.cursor.count, undefined);
      this.close(0);
    }
  }

  private begin(): void {
    if (!this.isOpen) this.kv.begin();
    this.isOpen = true;
    assert.ok(this.kv.isWriting);
  }

  private endTxn(): void {
    this.finishDelete();
    if (this.isOpen) assert.equal(this.kv.end(), this.model.end());
    this.isOpen = false;
    assert.ok(!this.kv.isWriting);
  }

  private put(key: Uint8Array, value: Uint8Array): void {
    this.finishDelete();
    this.begin();
    const bytes = Buffer.concat([key, value]);
    this.kv.put(bytes, 0, key.length, key.length, bytes.length, 0n);
    this.model.put(key, value, 0n);
  }

  private delete({ key, rangeEnd }: Span, slice: number): void {
    this.finishDelete();
    this.begin();
    const before = this.kv.countInRange(key, rangeEnd);
    const [keyCopy, endCopy] = [Uint8Array.from(key), rangeEnd && Uint8Array.from(rangeEnd)];
    this.deletes.length = 0;
    const cursor = this.kv.deleteCursor(keyCopy, endCopy, (bytes, start, end) =>
      this.deletes.push(hexOf(bytes.subarray(start, end))),
    );
    keyCopy.fill(0xdd);
    endCopy?.fill(0xdd);
    this.doomed = { cursor, slice };
    this.expectedDeletes = this.model
      .deleteRange(key, rangeEnd)
      .map((record) => keyValueHex(record));
    assert.equal(before, this.expectedDeletes.length);
  }

  private deleteSlice(): void {
    if (this.doomed === undefined) return;
    const { cursor, slice } = this.doomed;
    this.kv.compactSlice(3);
    const before = cursor.deleted;
    const more = cursor.step(slice);
    assert.ok(cursor.deleted - before <= slice);
    if (more) return;
    this.doomed = undefined;
    assert.equal(cursor.deleted, this.expectedDeletes.length);
    assert.deepEqual(this.deletes, this.expectedDeletes);
    assert.equal(cursor.step(slice), false);
  }

  private finishDelete(): void {
    while (this.doomed !== undefined) this.deleteSlice();
  }

  private commit(): void {
    this.endTxn();
    if (this.book.isCommitting) {
      this.book.land();
      return;
    }
    const mark = this.kv.beforeCommit();
    const position = {
      consistentIndex: logIndex(1),
      term: term(1),
      revision: revision(this.model.current),
    };
    this.book.commit(position, () => {
      this.kv.afterCommit(mark);
    });
  }

  private openCursor({ span, back, limit, mode }: Step & { readonly do: "open" }): void {
    const atMain = back === 25 ? 0 : Math.max(1, this.model.current - back);
    const key = Uint8Array.from(span.key);
    const rangeEnd = span.rangeEnd && Uint8Array.from(span.rangeEnd);
    const cursor = this.kv.openRange({
      key,
      rangeEnd,
      revision: atMain,
      limit,
      countOnly: mode === "count",
      keysOnly: mode === "keys",
    });
    key.fill(0xdd);
    rangeEnd?.fill(0xdd);
    if (atMain > this.model.current) {
      assert.deepEqual(cursor, { kind: "futureRevision" });
      return;
    }
    if (atMain > 0 && atMain < this.kv.compactRevision) {
      assert.deepEqual(cursor, { kind: "compacted" });
      return;
    }
    assert.ok(cursor.kind === "ok");
    const at = atMain === 0 ? this.model.current : atMain;
    assert.equal(cursor.revision, at);
    const expected = this.model.range(span.key, span.rangeEnd, at);
    const visited = mode === "count" ? [] : expected.slice(0, limit === 0 ? undefined : limit);
    this.cursors.push({
      cursor,
      visited: visited.map((record) => keyValueHex(record, mode === "keys")),
      count: expected.length,
      seen: [],
    });
    if (at === this.model.current && !this.isOpen) assert.equal(cursor.count, expected.length);
  }

  private use({ do: what, which, keysMax, bytesMax }: Step & { readonly do: "read" | "count" }) {
    if (this.cursors.length === 0) return;
    const open = this.cursors[which % this.cursors.length] as OpenCursor;
    if (what === "read") this.readSome(open, keysMax, bytesMax);
    else if (!open.cursor.countSome(keysMax)) assert.notEqual(open.cursor.count, undefined);
    this.checkCount(open);
  }

  private readSome(open: OpenCursor, keysMax: number, bytesMax: number): boolean {
    const { cursor, seen, visited } = open;
    const before = seen.length;
    let bytes = 0;
    const more = cursor.read(
      keysMax,
      (keyValue, start, end) => {
        assert.ok(bytes < bytesMax);
        bytes += end - start;
        seen.push(hexOf(keyValue.subarray(start, end)));
      },
      bytesMax,
    );
    assert.ok(seen.length - before <= keysMax);
    assert.deepEqual(seen, visited.slice(0, seen.length));
    if (!more) assert.equal(seen.length, visited.length);
    return more;
  }

  private checkCount({ cursor, count }: OpenCursor): void {
    if (cursor.count !== undefined) assert.equal(cursor.count, count);
  }

  private close(which: number): void {
    if (this.cursors.length === 0) return;
    const [open] = this.cursors.splice(which % this.cursors.length, 1);
    open?.cursor.close();
    open?.cursor.close();
    assert.equal(
      open?.cursor.read(10, () => assert.fail("a closed cursor visited")),
      false,
    );
  }

  /** The compaction waits for cursors that need what it takes away, and for nobody else. */
  private compact(back: number, slices: number): void {
    this.endTxn();
    const at = this.model.current - back;
    if (at <= this.kv.compactRevision) return;
    assert.equal(this.kv.compact(revision(at)), "ok");
    for (let slice = 0; slice < slices; slice++) this.kv.compactSlice(7);
  }

  /** With everything committed and no cursor left, the compaction ends, and leaves what the last revision is. */
  finishCompaction(): void {
    for (let commits = 0; commits < 4; commits++) this.commit();
    while (!this.kv.compactSlice(7));
    this.openCursor({
      do: "open",
      span: { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) },
      back: 0,
      limit: 0,
      mode: "all",
    });
    this.drain();
  }
}

test("a cursor sees exactly the state at its revision, whatever is written, deleted and compacted between its slices", async () => {
  const keyPool = fc.uniqueArray(unkindKey, { minLength: 1, maxLength: 150, selector: hexOf });
  const story = keyPool.chain((keys) =>
    fc.record({
      keys: fc.constant(keys),
      cacheBytes: fc.constantFrom(0, 2000, 1e7),
      steps: stepsOver(keys),
    }),
  );
  await fc.assert(
    fc.asyncProperty(story, async ({ keys, cacheBytes, steps }) => {
      const pair = await Pair.open(cacheBytes);
      for (const key of keys) pair.run({ do: "put", key, value: Uint8Array.of(1) });
      for (const step of steps) pair.run(step);
      pair.drain();
      pair.finishCompaction();
    }),
    { numRuns: 200 },
  );
});
