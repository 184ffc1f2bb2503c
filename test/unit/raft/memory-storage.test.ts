import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../node/lib/assert.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { emptyHardState, entryAt, indexesOf, votersOnly } from "./raft-lab.ts";

const storageFrom = (index: number, ofTerm: number, entries: readonly Entry[]): MemoryStorage =>
  new MemoryStorage(
    { index: logIndex(index), term: term(ofTerm), confState: votersOnly() },
    emptyHardState,
    entries,
  );

test("a log must continue its snapshot", () => {
  assert.throws(() => storageFrom(5, 1, [entryAt(7, 1)]), AssertionError);
  assert.equal(storageFrom(5, 1, [entryAt(6, 1)]).lastIndex, 6);
  assert.equal(storageFrom(5, 1, []).lastIndex, 5);
});

test("the term of the snapshot's entry is known, older and later ones are not", () => {
  const storage = storageFrom(5, 3, [entryAt(6, 4)]);
  assert.equal(storage.term(logIndex(5)), 3);
  assert.equal(storage.term(logIndex(6)), 4);
  assert.equal(storage.term(logIndex(4)), undefined);
  assert.equal(storage.term(logIndex(7)), undefined);
});

test("appending leaves no gap, and does not reach below what is compacted", () => {
  const storage = storageFrom(5, 1, [entryAt(6, 1)]);
  assert.throws(() => storage.append([entryAt(8, 1)]), /gap/);
  assert.throws(() => storage.append([entryAt(5, 1)]), /below the compacted/);
  storage.append([]);
  assert.equal(storage.lastIndex, 6);
});

test("appending at an index that is there replaces the tail from it on", () => {
  const storage = storageFrom(0, 0, [entryAt(1, 1), entryAt(2, 1), entryAt(3, 1)]);
  storage.append([entryAt(2, 2)]);
  assert.equal(storage.lastIndex, 2);
  assert.equal(storage.term(logIndex(2)), 2);
});

test("a slice outside of the log is a bug", () => {
  const storage = storageFrom(5, 1, [entryAt(6, 1), entryAt(7, 1)]);
  assert.deepEqual(indexesOf(storage.slice(logIndex(6), logIndex(8))), [6, 7]);
  assert.throws(() => storage.slice(logIndex(5), logIndex(7)), AssertionError);
  assert.throws(() => storage.slice(logIndex(6), logIndex(9)), AssertionError);
});

test("compaction forgets up to its index, once, and not beyond the end", () => {
  const storage = storageFrom(0, 0, [entryAt(1, 1), entryAt(2, 2), entryAt(3, 2)]);
  storage.compact(logIndex(2));
  assert.equal(storage.firstIndex, 3);
  assert.equal(storage.term(logIndex(2)), 2);
  storage.compact(logIndex(1));
  assert.equal(storage.firstIndex, 3);
  assert.throws(() => storage.compact(logIndex(4)), AssertionError);
  storage.compact(logIndex(3));
  assert.equal(storage.firstIndex, 4);
  assert.equal(storage.lastIndex, 3);
});

test("appends and compactions in any order keep what a plain list would", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("append" as const), back: fc.nat(3), count: fc.nat(4) }),
    fc.record({ do: fc.constant("compact" as const), back: fc.nat(6), count: fc.nat(1) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const storage = storageFrom(0, 0, []);
      const model: Entry[] = [];
      let compacted = 0;
      for (const [at, { do: what, back, count }] of steps.entries()) {
        if (what === "append") {
          const from = Math.max(compacted, model.length - back);
          const entries = Array.from({ length: count }, (_, n) => entryAt(from + n + 1, at + 1));
          storage.append(entries);
          if (count > 0) model.splice(from, model.length, ...entries);
        } else {
          compacted = Math.max(compacted, model.length - back);
          storage.compact(logIndex(Math.max(0, model.length - back)));
        }
        assert.equal(storage.firstIndex, compacted + 1);
        assert.equal(storage.lastIndex, model.length);
        assert.deepEqual(
          storage.slice(storage.firstIndex, logIndex(storage.lastIndex + 1)),
          model.slice(compacted),
        );
      }
    }),
  );
});
