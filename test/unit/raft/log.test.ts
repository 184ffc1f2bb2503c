import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../node/lib/assert.ts";
import { logIndex, term } from "../../../node/lib/units.ts";
import { entrySize } from "../../../node/raft/entry-size.ts";
import { RaftLog } from "../../../node/raft/log.ts";
import { UnstableLog } from "../../../node/raft/log-unstable.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { emptyHardState, entryAt, indexesOf, snapshotAt, textsOf, votersOnly } from "./raft-lab.ts";

const at = (index: number, ofTerm: number): { index: never; term: never } =>
  ({ index: logIndex(index), term: term(ofTerm) }) as never;
const everything = Infinity;

interface Start {
  readonly compacted?: number;
  readonly compactedTerm?: number;
  /** Terms of the stable entries behind `compacted`. */
  readonly stable?: readonly number[];
  readonly unstable?: readonly number[];
  readonly committed?: number;
  readonly applied?: number;
}

/** A log whose entries have these terms. */
function makeLog(start: Start): { log: RaftLog; storage: MemoryStorage } {
  const {
    compacted = 0,
    compactedTerm = 0,
    stable = [],
    unstable = [],
    committed = compacted,
  } = start;
  const entries = stable.map((of, n) => entryAt(compacted + n + 1, of, `e${compacted + n + 1}`));
  const storage = new MemoryStorage(
    snapshotAt(compacted, compactedTerm, votersOnly()),
    emptyHardState,
    entries,
  );
  const log = new RaftLog(storage, logIndex(committed), logIndex(start.applied ?? compacted));
  for (const of of unstable) log.append(entryAt(log.lastIndex + 1, of, `e${log.lastIndex + 1}`));
  return { log, storage };
}

/** What the log holds now, as terms from its first index on. */
const termsOf = (log: RaftLog): (number | undefined)[] => {
  const terms: (number | undefined)[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) terms.push(log.term(index));
  return terms;
};

test("terms are known from the compacted entry to the last one, across stable and unstable", () => {
  const { log } = makeLog({ compacted: 3, compactedTerm: 1, stable: [1, 2], unstable: [2, 3] });
  const known = [2, 3, 4, 5, 6, 7, 8].map((index) => log.term(logIndex(index)));
  assert.deepEqual(known, [undefined, 1, 1, 2, 2, 3, undefined]);
  assert.equal(log.firstIndex, 4);
  assert.equal(log.lastIndex, 7);
  assert.equal(log.lastTerm, 3);
});

test("3.6.1: a log is up to date by its last term first, then by its length", () => {
  const { log } = makeLog({ stable: [1, 2, 2] });
  const answers = [
    [9, 1],
    [2, 2],
    [3, 2],
    [4, 2],
    [1, 3],
  ].map(([index = 0, of = 0]) => log.isUpToDate(logIndex(index), term(of)));
  assert.deepEqual(answers, [false, false, true, true, true]);
});

test("entries are appended only behind an entry that matches", () => {
  const { log } = makeLog({ stable: [1, 2] });
  assert.equal(log.maybeAppend(at(2, 1), [entryAt(3, 3)], logIndex(0)), undefined);
  assert.equal(log.maybeAppend(at(3, 2), [entryAt(4, 3)], logIndex(0)), undefined);
  assert.deepEqual(termsOf(log), [1, 2]);
  assert.equal(log.maybeAppend(at(2, 2), [entryAt(3, 3)], logIndex(0)), 3);
  assert.deepEqual(termsOf(log), [1, 2, 3]);
});

test("what is there already stays: a late message cuts nothing off", () => {
  const { log } = makeLog({ stable: [1, 2], unstable: [2, 2] });
  assert.equal(log.maybeAppend(at(1, 1), [entryAt(2, 2), entryAt(3, 2)], logIndex(0)), 3);
  assert.equal(log.maybeAppend(at(1, 1), [], logIndex(0)), 1);
  assert.deepEqual(termsOf(log), [1, 2, 2, 2]);
});

test("a conflict replaces the tail from the first entry that differs, stable or not", () => {
  for (const stableCount of [1, 2, 3, 4, 5]) {
    const terms = [1, 2, 2, 2, 2];
    const { log } = makeLog({
      stable: terms.slice(0, stableCount),
      unstable: terms.slice(stableCount),
    });
    const entries = [entryAt(2, 2), entryAt(3, 2), entryAt(4, 3)];
    assert.equal(log.maybeAppend(at(1, 1), entries, logIndex(0)), 4);
    assert.deepEqual(termsOf(log), [1, 2, 2, 3], `with ${stableCount} stable`);
    assert.deepEqual(
      textsOf(log.slice(logIndex(2), logIndex(4), everything)),
      ["e2", "e3"],
      "the equal ones are the old ones",
    );
  }
});

test("a conflict with a committed entry is a bug", () => {
  const { log } = makeLog({ stable: [1, 1, 1], committed: 2 });
  assert.throws(
    () => log.maybeAppend(at(1, 1), [entryAt(2, 2)], logIndex(0)),
    /conflict with a committed/,
  );
  assert.equal(log.maybeAppend(at(2, 1), [entryAt(3, 2)], logIndex(0)), 3);
});

test("the commit index follows the leader's as far as the message proves the log equal, and never goes back", () => {
  const { log } = makeLog({ stable: [1, 1, 1, 1] });
  log.maybeAppend(at(1, 1), [entryAt(2, 1)], logIndex(9));
  assert.equal(log.committed, 2);
  log.maybeAppend(at(1, 1), [], logIndex(9));
  assert.equal(log.committed, 2);
  log.commitTo(logIndex(1));
  assert.equal(log.committed, 2);
  assert.throws(() => log.commitTo(logIndex(5)), /commit beyond the end/);
});

test("3.6.2: only an entry of the leader's own term commits", () => {
  const { log } = makeLog({ stable: [1, 2, 3] });
  assert.equal(log.maybeCommit(logIndex(2), term(3)), false);
  assert.equal(log.maybeCommit(logIndex(9), term(3)), false);
  assert.equal(log.maybeCommit(logIndex(3), term(3)), true);
  assert.equal(log.maybeCommit(logIndex(3), term(3)), false);
  assert.equal(log.committed, 3);
});

test("where two logs may agree is found by the highest index whose term is not above the other's", () => {
  const { log } = makeLog({ compacted: 2, compactedTerm: 1, stable: [2, 2, 5, 5] });
  const found = (index: number, of: number): unknown[] => {
    const { index: where, term: ofTerm } = log.findConflictByTerm(logIndex(index), term(of));
    return [where, ofTerm];
  };
  assert.deepEqual(found(6, 5), [6, 5]);
  assert.deepEqual(found(6, 4), [4, 2]);
  assert.deepEqual(found(4, 1), [2, 1]);
  // Behind what is compacted nothing is known, so it may be there.
  assert.deepEqual(found(6, 0), [1, 0]);
  assert.deepEqual(found(9, 4), [9, 0]);
  assert.deepEqual(found(0, 4), [0, 0]);
});

test("slices cross from stable to unstable, bounded in bytes, but never empty", () => {
  const { log } = makeLog({ stable: [1, 1], unstable: [1, 1] });
  const size = entrySize(entryAt(1, 1, "e1"));
  const taken = (bytesMax: number): number[] =>
    indexesOf(log.slice(logIndex(1), logIndex(5), bytesMax));
  assert.deepEqual(taken(0), [1]);
  assert.deepEqual(taken(size), [1]);
  assert.deepEqual(taken(3 * size - 1), [1, 2]);
  assert.deepEqual(taken(3 * size), [1, 2, 3]);
  assert.deepEqual(taken(everything), [1, 2, 3, 4]);
  assert.throws(() => log.slice(logIndex(1), logIndex(6), 0), AssertionError);
});

test("an entry's size is that of its protobuf form", () => {
  // Computed with the Go library's proto.Size for entries as etcd makes them.
  assert.equal(entrySize(entryAt(1, 1)), 4);
  assert.equal(entrySize(entryAt(127, 127, "a")), 7);
  assert.equal(entrySize(entryAt(128, 1, "abc")), 10);
  assert.equal(entrySize({ ...entryAt(1, 1, "x".repeat(127)), type: 1 }), 135);
  assert.equal(entrySize(entryAt(1, 1, "x".repeat(128))), 135);
  assert.equal(entrySize(entryAt(2 ** 35, 2 ** 21)), 2 + 6 + 4);
  assert.equal(entrySize(entryAt(2 ** 53 - 1, 2 ** 49 - 1)), 2 + 8 + 7);
});

test("only what is committed and durable is handed out to be applied, by count and by bytes", () => {
  const { log } = makeLog({ stable: [1, 1, 1, 1], unstable: [1], committed: 4 });
  const size = entrySize(entryAt(1, 1, "e1"));
  assert.deepEqual(indexesOf(log.takeCommitted(1, everything)), [1]);
  assert.deepEqual(indexesOf(log.takeCommitted(9, 2 * size)), [2, 3]);
  log.commitTo(logIndex(5));
  assert.deepEqual(indexesOf(log.takeCommitted(9, everything)), [4]);
  assert.equal(log.hasCommitted, false);
  log.appliedTo(logIndex(3));
  assert.equal(log.applied, 3);
  assert.equal(log.applying, 4);
});

test("an entry whose tail is being replaced is not handed out in its old form", () => {
  // The stable log still holds the old tail; the new one waits for the disk.
  const { log } = makeLog({ stable: [1, 1, 1] });
  log.maybeAppend(at(1, 1), [entryAt(2, 2)], logIndex(2));
  assert.deepEqual(indexesOf(log.takeCommitted(9, everything)), [1]);
});

test("a snapshot takes the place of the log; nothing is applied before it is installed", () => {
  const { log } = makeLog({ stable: [1, 1], unstable: [1], committed: 1 });
  const snapshot = { metadata: snapshotAt(9, 4, votersOnly()), data: Buffer.of() };
  log.restore(snapshot);
  assert.deepEqual([log.firstIndex, log.lastIndex, log.committed], [10, 9, 9]);
  assert.deepEqual(
    [8, 9, 10].map((index) => log.term(logIndex(index))),
    [undefined, 4, undefined],
  );
  assert.equal(log.hasCommitted, false);
  assert.equal(log.maybeAppend(at(9, 4), [entryAt(10, 5)], logIndex(10)), 10);
  assert.equal(log.hasCommitted, false);
  assert.throws(() => log.restore(snapshot), /below the commit mark/);
});

test("entries are handed out to be written once; a replaced tail is handed out again", () => {
  const unstable = new UnstableLog(logIndex(5));
  for (const index of [5, 6, 7]) unstable.append(entryAt(index, 1));
  assert.deepEqual(indexesOf(unstable.takeNext()), [5, 6, 7]);
  assert.equal(unstable.hasNext, false);
  unstable.truncateAndAppend([entryAt(6, 2), entryAt(7, 2)]);
  assert.deepEqual(indexesOf(unstable.takeNext()), [6, 7]);
  unstable.truncateAndAppend([entryAt(4, 3)]);
  assert.equal(unstable.offset, 4);
  assert.deepEqual(indexesOf(unstable.takeNext()), [4]);
});

test("a finished write of a tail that was replaced meanwhile makes nothing stable", () => {
  const unstable = new UnstableLog(logIndex(5));
  for (const index of [5, 6]) unstable.append(entryAt(index, 1));
  unstable.takeNext();
  unstable.truncateAndAppend([entryAt(6, 2)]);
  unstable.stableTo(logIndex(6), term(1));
  assert.equal(unstable.offset, 5);
  unstable.takeNext();
  unstable.stableTo(logIndex(6), term(2));
  assert.equal(unstable.offset, 7);
  assert.equal(unstable.lastIndex, 6);
});

test("an unstable log has no gaps, and nothing below its snapshot", () => {
  const unstable = new UnstableLog(logIndex(5));
  assert.throws(() => unstable.append(entryAt(6, 1)), AssertionError);
  assert.throws(() => unstable.truncateAndAppend([entryAt(6, 1)]), AssertionError);
  unstable.restore({ metadata: snapshotAt(9, 1, votersOnly()), data: Buffer.of() });
  assert.throws(() => unstable.truncateAndAppend([entryAt(9, 2)]), /below the snapshot/);
});

test("a snapshot is handed out once; a newer one again, and the older one's end changes nothing", () => {
  const unstable = new UnstableLog(logIndex(1));
  const snapshot = (index: number): never =>
    ({ metadata: snapshotAt(index, 1, votersOnly()), data: Buffer.of() }) as never;
  unstable.restore(snapshot(5));
  assert.equal(unstable.takeNextSnapshot()?.metadata.index, 5);
  assert.equal(unstable.takeNextSnapshot(), undefined);
  unstable.restore(snapshot(8));
  unstable.stableSnapshotTo(logIndex(5));
  assert.equal(unstable.takeNextSnapshot()?.metadata.index, 8);
  unstable.stableSnapshotTo(logIndex(8));
  assert.equal(unstable.snapshot, undefined);
});

test("a log that begins behind what is applied is a bug", () => {
  assert.throws(
    () => makeLog({ compacted: 3, stable: [1], committed: 4, applied: 2 }),
    /begins behind/,
  );
});
