import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../node/lib/assert.ts";
import { logIndex, memberId } from "../../../../node/lib/units.ts";
import { ProgressTracker } from "../../../../node/raft/tracker/progress-tracker.ts";

const [a, b, c] = [memberId(1n), memberId(2n), memberId(2n ** 64n - 1n)];

test("an acknowledgement is news only beyond what was known, and never moves back", () => {
  const tracker = new ProgressTracker([a, b, c]);
  assert.equal(tracker.updateMatch(a, logIndex(5)), true);
  assert.equal(tracker.updateMatch(a, logIndex(5)), false);
  assert.equal(tracker.updateMatch(a, logIndex(3)), false);
  assert.equal(tracker.matchOf(a), 5);
});

test("an index is committed once a majority holds it", () => {
  const tracker = new ProgressTracker([a, b, c]);
  tracker.updateMatch(a, logIndex(9));
  assert.equal(tracker.committedIndex(), 0);
  tracker.updateMatch(c, logIndex(4));
  assert.equal(tracker.committedIndex(), 4);
});

test("progress of a member that does not vote is a bug", () => {
  const tracker = new ProgressTracker([a]);
  assert.throws(() => tracker.updateMatch(b, logIndex(1)), AssertionError);
});

test("the first vote of a member counts", () => {
  const tracker = new ProgressTracker([a, b, c]);
  assert.equal(tracker.recordVote(a, false), "pending");
  assert.equal(tracker.recordVote(a, true), "pending");
  assert.equal(tracker.recordVote(b, false), "lost");
  tracker.resetVotes();
  assert.equal(tracker.recordVote(a, true), "pending");
  assert.equal(tracker.recordVote(c, true), "won");
});

test("a new configuration decides who votes; what members hold stays known", () => {
  const tracker = new ProgressTracker([a, b, c]);
  tracker.updateMatch(a, logIndex(7));
  tracker.setVoters([a]);
  assert.equal(tracker.isSingleton, true);
  assert.equal(tracker.isVoter(b), false);
  assert.equal(tracker.committedIndex(), 7);
  tracker.resetMatch();
  assert.equal(tracker.committedIndex(), 0);
});
