import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import type { RangeCursor } from "../../../node/mvcc/range-cursor.ts";
import { afterCompaction, hashByRev, type RuledRecord, recordKey } from "./etcd-rules.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf, KvModel, keyValueHex, type ModelRecord } from "./kv-model.ts";
import { RecordBook } from "./record-book.ts";
import { checkTree } from "./tree-check.ts";

interface Write {
  readonly key: Uint8Array;
  /** Undefined deletes. */
  readonly value: Uint8Array | undefined;
}

type Step =
  | { readonly do: "txn"; readonly writes: readonly Write[] }
  | { readonly do: "deleteAll" }
  | { readonly do: "compact"; readonly back: number }
  | { readonly do: "slice"; readonly recordsMax: number }
  | { readonly do: "read"; readonly back: number; readonly limit: number }
  | { readonly do: "hash"; readonly back: number }
  | { readonly do: "pin"; readonly back: number }
  | { readonly do: "unpin" | "commit" | "land" | "crash" | "finish" };

const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) } as const;

const stepsOver = (keys: readonly Uint8Array[]): fc.Arbitrary<Step[]> => {
  const write = fc.record({
    key: fc.constantFrom(...keys),
    value: fc.option(fc.uint8Array({ maxLength: 30 }), { nil: undefined, freq: 3 }),
  });
  const back = fc.integer({ min: -1, max: 12 });
  const only = <Name extends string>(name: Name) => fc.constant({ do: name });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constant("txn" as const),
        // etcd refuses a transaction that touches a key twice.
        writes: fc.uniqueArray(write, { maxLength: 5, selector: ({ key }) => hexOf(key) }),
      }),
    },
    { weight: 1, arbitrary: only("deleteAll" as const) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("compact" as const), back }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("slice" as const),
        recordsMax: fc.constantFrom(1, 2, 3, 10, 1000),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant("read" as const),
        back,
        limit: fc.constantFrom(0, 0, 1, 3),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("hash" as const), back }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("pin" as const), back }) },
    { weight: 3, arbitrary: only("unpin" as const) },
    { weight: 6, arbitrary: fc.oneof(only("commit" as const), only("land" as const)) },
    { weight: 1, arbitrary: fc.oneof(only("crash" as const), only("finish" as const)) },
  );
  return fc.array(step, { maxLength: 300, size: "max" });
};

/** What a restart finds, as far as the model knows. */
interface Committed {
  readonly records: number;
  readonly current: number;
  readonly compactRevision: number;
}

const ruled = (model: readonly ModelRecord[]): RuledRecord[] => {
  let sub = -1;
  return model.map((record, at) => {
    sub = model[at - 1]?.main === record.main ? sub + 1 : 0;
    return {
      main: record.main,
      sub,
      isTombstone: record.put === undefined,
      key: record.key,
      bytes: Buffer.from(keyValueHex(record), "hex"),
    };
  });
};

const nameOf = ({ main, sub }: { readonly main: number; readonly sub: number }): string =>
  `${main}_${sub}`;

/** Store and model side by side. The model never forgets; it only knows what is not allowed any more. */
class Pair {
  private readonly model = new KvModel();
  private readonly book = new RecordBook();
  private store: KvStore | undefined;
  private compactRevision = -1;
  private landed: Committed = { records: 0, current: 1, compactRevision: -1 };
  private mark = 0;
  private pins: { readonly cursor: RangeCursor; readonly at: number }[] = [];

  async open(): Promise<void> {
    this.store = await KvStore.open({
      backend: this.book,
      random: seededRandom(3),
      valueCacheBytesMax: 2000,
    });
    this.pins = [];
    this.check();
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case "txn":
        return this.txn(step.writes);
      case "deleteAll":
        return this.deleteAll();
      case "compact":
        return this.compact(step.back);
      case "slice":
        this.kv.compactSlice(step.recordsMax);
        return this.check();
      case "read":
        return this.read(this.model.current - step.back, step.limit);
      case "hash":
        return await this.hash(this.model.current - step.back);
      case "pin":
        return this.pin(this.model.current - step.back);
      case "unpin":
        return this.unpin();
      case "commit":
        return this.commit();
      case "land":
        return this.book.land();
      case "crash":
        return await this.crash();
      case "finish":
        return this.finish();
    }
  }

  /** Everything is committed and compacted; what is left is what etcd would have, in every corner. */
  finish(): void {
    while (this.pins.length > 0) this.unpin();
    this.settle();
    for (let slices = 0; !this.kv.compactSlice(7); slices++)
      assert.ok(slices < 1000, "compaction ends");
    this.settle();
    assert.ok(!this.kv.isCompacting);
    if (this.compactRevision >= 0) {
      const name = { main: this.compactRevision, sub: 0, isTombstone: false };
      for (const key of ["scheduledCompactRev", "finishedCompactRev"])
        assert.deepEqual(
          Buffer.from(this.book.get("meta", Buffer.from(key)) ?? []),
          recordKey(name),
        );
    }
    const left = afterCompaction(ruled(this.model.records), this.compactRevision);
    assert.deepEqual(this.book.records.map(nameOf), left.map(nameOf), "the backend's records");
    const { records } = this.kv;
    const logged: string[] = [];
    for (let at = records.log.next(0); at !== 0; at = records.log.next(at))
      logged.push(`${records.log.main(at)}_${records.log.sub(at)}`);
    assert.deepEqual(logged, left.map(nameOf), "the log's entries");
    checkTree(records.index);
    const size = left.reduce(
      (sum, { isTombstone, bytes }) => sum + (isTombstone ? 18 : 17) + bytes.length,
      0,
    );
    assert.equal(this.kv.logicalBytes, size);
    const keys = new Set(left.map(({ key }) => hexOf(key)));
    let indexed = 0;
    for (let leaf = records.index.firstLeaf; leaf !== 0; leaf = records.index.next(leaf))
      indexed += records.index.count(leaf);
    assert.equal(indexed, keys.size, "keys in the index");
    for (let at = Math.max(1, this.compactRevision); at <= this.model.current; at++)
      this.read(at, 0);
  }

  private get kv(): KvStore {
    assert.ok(this.store !== undefined);
    return this.store;
  }

  private check(): void {
    assert.equal(this.kv.currentRevision, this.model.current);
    assert.equal(this.kv.compactRevision, Math.max(0, this.compactRevision));
    const now = this.model.range(everything.key, everything.rangeEnd, this.model.current);
    assert.equal(this.kv.keyCount, now.length);
  }

  private txn(writes: readonly Write[]): void {
    const { kv, model } = this;
    kv.begin();
    for (const { key, value } of writes) {
      if (value === undefined) {
        assert.equal(kv.deleteRange(key, undefined), model.deleteRange(key, undefined).length);
        continue;
      }
      kv.putValue(key, 0, key.length, value, 0, value.length, 0n);
      model.put(key, value, 0n);
    }
    assert.equal(kv.end(), model.end());
    this.check();
  }

  private deleteAll(): void {
    const { kv, model } = this;
    kv.begin();
    const count = kv.deleteRange(everything.key, everything.rangeEnd);
    assert.equal(count, model.deleteRange(everything.key, everything.rangeEnd).length);
    assert.equal(kv.end(), model.end());
  }

  private compact(back: number): void {
    const at = this.model.current - back;
    if (at < 0) return;
    const outcome = this.kv.compact(revision(at));
    if (at <= this.compactRevision) assert.equal(outcome, "compacted");
    else if (at > this.model.current) assert.equal(outcome, "futureRevision");
    else {
      assert.equal(outcome, "ok");
      this.compactRevision = at;
    }
    this.check();
  }

  private read(at: number, limit: number): void {
    if (at < 1) return;
    const seen: string[] = [];
    const outcome = this.kv.range(
      { ...everything, revision: at, limit, countOnly: false },
      (bytes, start, end) => seen.push(hexOf(bytes.subarray(start, end))),
    );
    if (at > this.model.current) assert.deepEqual(outcome, { kind: "futureRevision" });
    else if (at < this.compactRevision) assert.deepEqual(outcome, { kind: "compacted" });
    else {
      const expected = this.model.range(everything.key, everything.rangeEnd, at);
      assert.deepEqual(outcome, { kind: "ok", count: expected.length });
      const visited = expected.slice(0, limit === 0 ? undefined : limit);
      assert.deepEqual(
        seen,
        visited.map((record) => keyValueHex(record)),
      );
    }
  }

  /** While the hash is on its way, the compaction goes on and another one begins. */
  private async hash(at: number): Promise<void> {
    if (at < 0) return;
    const { compactRevision } = this;
    const { current, records } = this.model;
    const asked = at === 0 ? current : at;
    const known = ruled(records);
    const answer = this.kv.hashKv(at);
    if (this.model.current > this.compactRevision && this.model.current % 3 === 0) this.compact(0);
    this.kv.compactSlice(3);
    this.settle();
    this.kv.compactSlice(2);
    const outcome = await answer;
    if (at > current) assert.deepEqual(outcome, { kind: "futureRevision" });
    else if (at > 0 && at < compactRevision) assert.deepEqual(outcome, { kind: "compacted" });
    else
      assert.deepEqual(outcome, {
        kind: "ok",
        hash: hashByRev(afterCompaction(known, compactRevision), asked, compactRevision),
        compactRevision,
        hashRevision: asked,
        revision: current,
      });
  }

  private pin(at: number): void {
    if (at < Math.max(1, this.compactRevision) || at > this.model.current) return;
    const cursor = this.kv.openRange({ ...everything, revision: at, limit: 0, countOnly: false });
    assert.ok(cursor.kind === "ok");
    this.pins.push({ cursor, at });
  }

  /** Reads what the oldest pin has kept. */
  private unpin(): void {
    const pinned = this.pins.shift();
    if (pinned === undefined) return;
    const seen: string[] = [];
    while (
      pinned.cursor.read(3, (bytes, start, end) => seen.push(hexOf(bytes.subarray(start, end))))
    );
    pinned.cursor.close();
    const expected = this.model.range(everything.key, everything.rangeEnd, pinned.at);
    assert.deepEqual(
      seen,
      expected.map((record) => keyValueHex(record)),
    );
  }

  private commit(): void {
    if (this.book.isCommitting) return;
    const { kv } = this;
    this.mark = kv.beforeCommit();
    const { mark } = this;
    const state: Committed = {
      records: this.model.records.length,
      current: this.model.current,
      compactRevision: this.compactRevision,
    };
    const position = {
      consistentIndex: logIndex(1),
      term: term(1),
      revision: revision(this.model.current),
    };
    this.book.commit(position, () => {
      this.landed = state;
      kv.afterCommit(mark);
    });
  }

  private settle(): void {
    this.book.land();
    this.commit();
    this.book.land();
  }

  /** The process ends; the one after it does again what the log has: here nobody knows of it any more. */
  private async crash(): Promise<void> {
    this.book.crash();
    this.model.records.length = this.landed.records;
    this.model.current = this.landed.current;
    this.compactRevision = this.landed.compactRevision;
    await this.open();
  }
}

test("compaction takes exactly what etcd takes, and no read, count or hash ever shows more of it than a refusal", async () => {
  const story = fc
    .uniqueArray(unkindKey, { minLength: 1, maxLength: 25, selector: hexOf })
    .chain(stepsOver);
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const pair = new Pair();
      await pair.open();
      for (const step of steps) await pair.run(step);
      pair.finish();
      await pair.run({ do: "hash", back: 0 });
      await pair.run({ do: "crash" });
      pair.finish();
    }),
    { numRuns: 150 },
  );
});
