import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../../node/lib/assert.ts";
import { logIndex } from "../../../../node/lib/units.ts";
import { Inflights } from "../../../../node/raft/tracker/inflights.ts";
import { Progress } from "../../../../node/raft/tracker/progress.ts";

function progressAt(match: number, next: number, windowMax = 3): Progress {
  return new Progress({
    match: logIndex(match),
    next: logIndex(next),
    isLearner: false,
    inflights: new Inflights(windowMax, Infinity),
  });
}

const marks = (progress: Progress) => [progress.match, progress.next];

test("a probe goes from behind what matched; one with entries waits for its answer", () => {
  const progress = progressAt(3, 8);
  assert.equal(progress.isPaused, false);
  progress.sentEntries(0, 0);
  assert.equal(progress.isPaused, false);
  progress.sentEntries(2, 10);
  assert.equal(progress.isPaused, true);
  assert.deepEqual(marks(progress), [3, 8]);
  progress.becomeProbe();
  assert.equal(progress.isPaused, false);
  assert.deepEqual(marks(progress), [3, 4]);
});

test("in state replicate entries are sent ahead until the window is full", () => {
  const progress = progressAt(3, 8, 2);
  progress.becomeReplicate();
  assert.deepEqual(marks(progress), [3, 4]);
  progress.sentEntries(2, 10);
  assert.deepEqual(marks(progress), [3, 6]);
  assert.equal(progress.isPaused, false);
  progress.sentEntries(1, 10);
  assert.deepEqual(marks(progress), [3, 7]);
  assert.equal(progress.inflights.isFull, true);
  assert.equal(progress.isPaused, true);
});

test("an empty message while the window is full counts as the one that is allowed", () => {
  const progress = progressAt(0, 1, 1);
  progress.becomeReplicate();
  progress.sentEntries(1, 1);
  progress.isFlowPaused = false;
  progress.sentEntries(0, 0);
  assert.equal(progress.isPaused, true);
  assert.equal(progress.next, 2);
});

test("a follower that waits for a snapshot is sent nothing", () => {
  const progress = progressAt(3, 8);
  progress.becomeSnapshot(logIndex(20));
  assert.equal(progress.isPaused, true);
  assert.deepEqual([progress.pendingSnapshot, progress.next, progress.sentCommit], [20, 21, 20]);
  assert.throws(() => progress.sentEntries(1, 1), AssertionError);
});

test("a probe after a snapshot goes from behind the snapshot, one after a failed snapshot from what matched", () => {
  const arrived = progressAt(3, 8);
  arrived.becomeSnapshot(logIndex(20));
  arrived.becomeProbe();
  assert.deepEqual(marks(arrived), [3, 21]);
  assert.equal(arrived.pendingSnapshot, 0);
  const failed = progressAt(3, 8);
  failed.becomeSnapshot(logIndex(20));
  failed.pendingSnapshot = logIndex(0);
  failed.becomeProbe();
  assert.deepEqual(marks(failed), [3, 4]);
  assert.equal(failed.sentCommit, 3);
});

test("an acknowledgement counts only beyond what is known, moves next along and ends a pause", () => {
  const progress = progressAt(3, 8);
  progress.isFlowPaused = true;
  assert.equal(progress.maybeUpdate(logIndex(3)), false);
  assert.equal(progress.maybeUpdate(logIndex(2)), false);
  assert.equal(progress.isFlowPaused, true);
  assert.equal(progress.maybeUpdate(logIndex(5)), true);
  assert.deepEqual(marks(progress), [5, 8]);
  assert.equal(progress.isFlowPaused, false);
  assert.equal(progress.maybeUpdate(logIndex(9)), true);
  assert.deepEqual(marks(progress), [9, 10]);
});

test("a refusal in state replicate goes back to what matched, unless it is old", () => {
  const progress = progressAt(5, 10);
  progress.becomeReplicate();
  progress.sentEntries(4, 4);
  progress.recordSentCommit(logIndex(8));
  assert.equal(progress.maybeDecrementTo(logIndex(5), logIndex(5)), false);
  assert.equal(progress.maybeDecrementTo(logIndex(4), logIndex(4)), false);
  assert.deepEqual(marks(progress), [5, 10]);
  assert.equal(progress.maybeDecrementTo(logIndex(9), logIndex(9)), true);
  assert.deepEqual([...marks(progress), progress.sentCommit], [5, 6, 5]);
});

test("a refused probe goes back to the hint, not below what matched, unless it is not the probe that was sent", () => {
  const cases: [
    match: number,
    next: number,
    rejected: number,
    hint: number,
    after: number | false,
  ][] = [
    [0, 0 + 1, 0, 0, 1],
    [0, 10, 5, 5, false],
    [0, 10, 9, 9, 9],
    [0, 10, 9, 2, 3],
    [0, 10, 9, 0, 1],
    [4, 10, 9, 2, 5],
    [0, 2, 1, 0, 1],
  ];
  for (const [match, next, rejected, hint, after] of cases) {
    const progress = progressAt(match, next);
    progress.isFlowPaused = true;
    const isNews = progress.maybeDecrementTo(logIndex(rejected), logIndex(hint));
    assert.equal(isNews, after !== false);
    assert.equal(progress.next, after === false ? next : after);
    assert.equal(progress.isFlowPaused, !isNews);
  }
});

test("a commit index is worth a message unless one is on its way that already moves it to next - 1", () => {
  const progress = progressAt(5, 6);
  progress.becomeReplicate();
  progress.sentEntries(3, 3);
  assert.equal(progress.canBumpCommit(logIndex(0)), false);
  assert.equal(progress.canBumpCommit(logIndex(4)), true);
  progress.recordSentCommit(logIndex(4));
  assert.equal(progress.canBumpCommit(logIndex(4)), false);
  assert.equal(progress.canBumpCommit(logIndex(6)), true);
  progress.recordSentCommit(logIndex(8));
  assert.equal(progress.canBumpCommit(logIndex(100)), false);
});

test("match below next, and sentCommit below next outside of state replicate, whatever happens", () => {
  const step = fc.record({ kind: fc.nat(6), a: fc.nat(12), b: fc.nat(12) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const progress = progressAt(0, 1);
      for (const { kind, a, b } of steps) {
        if (kind === 0) progress.becomeProbe();
        else if (kind === 1) progress.becomeReplicate();
        else if (kind === 2) progress.becomeSnapshot(logIndex(progress.match + a));
        else if (kind === 3 && !progress.isPaused) progress.sentEntries(a % 3, b);
        else if (kind === 4) progress.maybeUpdate(logIndex(Math.min(a, progress.next - 1)));
        else if (kind === 5) progress.maybeDecrementTo(logIndex(a), logIndex(b));
        else progress.recordSentCommit(logIndex(Math.min(b, progress.next - 1)));
        assert.ok(progress.match < progress.next);
        if (progress.state !== "replicate") assert.ok(progress.sentCommit < progress.next);
        if (progress.state === "snapshot") assert.ok(progress.isPaused);
        else assert.equal(progress.pendingSnapshot, 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("a copy is equal and has a life of its own", () => {
  const progress = progressAt(2, 3);
  progress.becomeReplicate();
  progress.sentEntries(1, 1);
  progress.isRecentActive = true;
  const copy = progress.clone();
  assert.deepEqual(copy, progress);
  copy.sentEntries(1, 1);
  assert.deepEqual([progress.next, progress.inflights.count], [4, 1]);
});

test("progress that begins with match at next is a bug", () => {
  assert.throws(() => progressAt(3, 3), AssertionError);
});
