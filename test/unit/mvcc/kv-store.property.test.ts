import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, revision, term } from "../../../node/lib/units.ts";
import { KvStore } from "../../../node/mvcc/kv-store.ts";
import { seededRandom, unkindKey } from "./key-parts.ts";
import { hexOf, KvModel, keyValueHex } from "./kv-model.ts";
import { RecordBook } from "./record-book.ts";

interface Span {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array | undefined;
}

type Step =
  | {
      readonly do: "put";
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly lease: bigint;
    }
  | { readonly do: "touch"; readonly key: Uint8Array; readonly lease: bigint }
  | { readonly do: "delete"; readonly span: Span }
  | {
      readonly do: "read";
      readonly span: Span;
      readonly back: number;
      readonly limit: number;
      readonly mode: "all" | "count" | "keys";
    }
  | { readonly do: "end" | "commit" | "land" | "reopen" };

const value = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc
    .record({ length: fc.constantFrom(0, 31, 127, 128, 300, 1300), fill: fc.nat(255) })
    .map(({ length, fill }) => new Uint8Array(length).fill(fill)),
);
const lease = fc.constantFrom(0n, 0n, 7n, 0x7fffffffffffffffn, -1n);
/** Few keys, so that they meet each other. */
const keyPool = fc.uniqueArray(unkindKey, { minLength: 1, maxLength: 40, selector: hexOf });

const stepsOver = (keys: readonly Uint8Array[]): fc.Arbitrary<Step[]> => {
  const key = fc.constantFrom(...keys);
  const rangeEnd = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(undefined, new Uint8Array(0)) },
    { weight: 2, arbitrary: fc.constant(Uint8Array.of(0)) },
    { weight: 3, arbitrary: fc.oneof(key, unkindKey) },
  );
  const span = fc.record({
    key: fc.oneof(key, unkindKey, fc.constant(Uint8Array.of(0))),
    rangeEnd,
  });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key, value, lease }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("touch" as const), key, lease }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), span }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("read" as const),
        span,
        back: fc.integer({ min: -2, max: 40 }),
        limit: fc.constantFrom(0, 0, 1, 3),
        mode: fc.constantFrom("all" as const, "all" as const, "count" as const, "keys" as const),
      }),
    },
    { weight: 5, arbitrary: fc.constant({ do: "end" as const }) },
    { weight: 2, arbitrary: fc.constantFrom({ do: "commit" as const }, { do: "land" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
  );
  return fc.array(step, { maxLength: 250, size: "max" });
};

/** Store and model side by side. */
class Pair {
  readonly model = new KvModel();
  private readonly book = new RecordBook();
  private readonly cacheBytes: number;
  private store: KvStore | undefined;
  private isOpen = false;
  private mark = 0;

  constructor(cacheBytes: number) {
    this.cacheBytes = cacheBytes;
  }

  async open(): Promise<void> {
    this.store = await KvStore.open({
      backend: this.book,
      random: seededRandom(3),
      valueCacheBytesMax: this.cacheBytes,
    });
    this.check();
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case "put":
        return this.put(step.key, step.value, step.lease);
      case "touch":
        return this.touch(step.key, step.lease);
      case "delete":
        return this.delete(step.span);
      case "read":
        return this.read(step);
      case "end":
        return this.endTxn();
      case "commit":
        return this.commit();
      case "land":
        return this.book.land();
      case "reopen":
        this.commit();
        this.book.land();
        this.commit();
        this.book.land();
        return this.open();
    }
  }

  private get kv(): KvStore {
    assert.ok(this.store !== undefined);
    return this.store;
  }

  private begin(): void {
    if (!this.isOpen) this.kv.begin();
    this.isOpen = true;
  }

  private endTxn(): void {
    if (this.isOpen) assert.equal(this.kv.end(), this.model.end());
    this.isOpen = false;
    this.check();
  }

  private check(): void {
    assert.equal(this.kv.currentRevision, this.model.current);
    assert.equal(
      this.kv.keyCount,
      this.model.range(Uint8Array.of(0), Uint8Array.of(0), this.model.current).length,
    );
  }

  private put(key: Uint8Array, newValue: Uint8Array, leaseId: bigint): void {
    this.begin();
    const request = Buffer.concat([Buffer.of(1, 2, 3), key, Buffer.of(4), newValue, Buffer.of(5)]);
    const valueStart = 3 + key.length + 1;
    this.kv.put(request, 3, 3 + key.length, valueStart, valueStart + newValue.length, leaseId);
    request.fill(0xdd);
    this.model.put(key, newValue, leaseId);
  }

  /** A put that keeps the value, as with ignore_value: from the place that `get` found. */
  private touch(key: Uint8Array, leaseId: bigint): void {
    const before = this.model.range(key, undefined, this.model.newest)[0];
    const found = this.kv.get(key, 0, key.length);
    const state = this.kv.stat(key, 0, key.length);
    if (before?.put === undefined) {
      assert.equal(found, undefined);
      assert.equal(state, undefined);
      return;
    }
    assert.ok(found !== undefined);
    assert.equal(hexOf(found.bytes.subarray(found.start, found.end)), keyValueHex(before));
    assert.deepEqual(state, {
      createRevision: before.put.createRevision,
      modRevision: before.main,
      version: before.put.version,
    });
    const valueEnd =
      found.end -
      (keyValueHex(before).length -
        keyValueHex({ ...before, put: { ...before.put, lease: 0n } }).length) /
        2;
    this.begin();
    this.kv.putValue(
      key,
      0,
      key.length,
      found.bytes,
      valueEnd - before.put.value.length,
      valueEnd,
      leaseId,
    );
    this.model.put(key, before.put.value, leaseId);
  }

  private delete({ key, rangeEnd }: Span): void {
    this.begin();
    const seen: string[] = [];
    const count = this.kv.deleteRange(key, rangeEnd, (bytes, start, end) =>
      seen.push(hexOf(bytes.subarray(start, end))),
    );
    const doomed = this.model.deleteRange(key, rangeEnd);
    assert.equal(count, doomed.length);
    assert.deepEqual(
      seen,
      doomed.map((record) => keyValueHex(record)),
    );
  }

  private read({ span, back, limit, mode }: Step & { readonly do: "read" }): void {
    const atMain = back === 40 ? 0 : Math.max(1, this.model.newest - back);
    const seen: string[] = [];
    const outcome = this.kv.range(
      { ...span, revision: atMain, limit, countOnly: mode === "count", keysOnly: mode === "keys" },
      (bytes, start, end) => seen.push(hexOf(bytes.subarray(start, end))),
    );
    if (atMain > this.model.newest) {
      assert.deepEqual(outcome, { kind: "futureRevision" });
      return;
    }
    const expected = this.model.range(
      span.key,
      span.rangeEnd,
      atMain === 0 ? this.model.newest : atMain,
    );
    assert.deepEqual(outcome, { kind: "ok", count: expected.length });
    const visited = mode === "count" ? [] : expected.slice(0, limit === 0 ? undefined : limit);
    assert.deepEqual(
      seen,
      visited.map((record) => keyValueHex(record, mode === "keys")),
    );
  }

  private commit(): void {
    this.endTxn();
    if (this.book.isCommitting) return;
    const { kv } = this;
    this.mark = kv.beforeCommit();
    const { mark } = this;
    const position = {
      consistentIndex: logIndex(1),
      term: term(1),
      revision: revision(this.model.current),
    };
    this.book.commit(position, () => {
      kv.afterCommit(mark);
    });
  }
}

test("the store answers like a list of all records, over transactions, commits, evictions and restarts", async () => {
  const story = keyPool.chain((keys) =>
    fc.record({ cacheBytes: fc.constantFrom(0, 2000, 20_000, 1e7), steps: stepsOver(keys) }),
  );
  await fc.assert(
    fc.asyncProperty(story, async ({ cacheBytes, steps }) => {
      const pair = new Pair(cacheBytes);
      await pair.open();
      for (const step of steps) await pair.run(step);
      await pair.run({ do: "reopen" });
      for (let back = 0; back < pair.model.current; back += 3) {
        await pair.run({
          do: "read",
          span: { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) },
          back,
          limit: 0,
          mode: "all",
        });
      }
    }),
    { numRuns: 150 },
  );
});
