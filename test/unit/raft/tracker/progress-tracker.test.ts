import assert from "node:assert/strict";
import { test } from "node:test";
import { AssertionError } from "../../../../node/lib/assert.ts";
import { logIndex, type MemberId, memberId } from "../../../../node/lib/units.ts";
import type { Progress } from "../../../../node/raft/tracker/progress.ts";
import { ProgressTracker } from "../../../../node/raft/tracker/progress-tracker.ts";
import type { ConfState } from "../../../../node/raft/types.ts";

const ids = (...numbers: number[]): MemberId[] => numbers.map((number) => memberId(BigInt(number)));
const id = (number: number): MemberId => memberId(BigInt(number));

function trackerOf(lists: Partial<ConfState>): ProgressTracker {
  const tracker = new ProgressTracker({ inflightMessagesMax: 2, inflightBytesMax: Infinity });
  applyTo(tracker, lists);
  return tracker;
}

function applyTo(tracker: ProgressTracker, lists: Partial<ConfState>): void {
  const config = {
    voters: [],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    ...lists,
  };
  const progress = new Map<MemberId, Progress>();
  for (const voter of [...config.voters, ...config.votersOutgoing])
    progress.set(voter, tracker.newProgress(logIndex(0), logIndex(1), false));
  for (const learner of config.learners)
    progress.set(learner, tracker.newProgress(logIndex(0), logIndex(1), true));
  tracker.apply(config, progress);
}

function acknowledge(tracker: ProgressTracker, matches: Record<number, number>): void {
  for (const [member, index] of Object.entries(matches))
    tracker.progress.get(id(Number(member)))?.maybeUpdate(logIndex(index));
}

test("a new tracker knows nobody", () => {
  const tracker = new ProgressTracker({ inflightMessagesMax: 1, inflightBytesMax: 1 });
  assert.deepEqual(tracker.memberIds(), []);
  assert.equal(tracker.isSingleton, false);
  assert.equal(tracker.committedIndex(), 0);
});

test("an index is committed once a majority holds it, and learners are no part of that", () => {
  const tracker = trackerOf({ voters: ids(1, 2, 3), learners: ids(4, 5) });
  acknowledge(tracker, { 1: 9, 4: 9, 5: 9 });
  assert.equal(tracker.committedIndex(), 0);
  acknowledge(tracker, { 3: 4 });
  assert.equal(tracker.committedIndex(), 4);
});

test("in a joint configuration both halves must hold it", () => {
  const tracker = trackerOf({ voters: ids(1, 2, 3), votersOutgoing: ids(3, 4, 5) });
  acknowledge(tracker, { 1: 9, 2: 9, 3: 9 });
  assert.equal(tracker.committedIndex(), 0);
  acknowledge(tracker, { 4: 5 });
  assert.equal(tracker.committedIndex(), 5);
});

test("voters are those of both halves, each once and ascending; members are learners too", () => {
  const tracker = trackerOf({
    voters: ids(2, 9),
    votersOutgoing: ids(2, 3, 7),
    learners: ids(1, 8),
    learnersNext: ids(7),
  });
  assert.deepEqual(tracker.voterIds(), ids(2, 3, 7, 9));
  assert.deepEqual(tracker.memberIds(), ids(1, 2, 3, 7, 8, 9));
  assert.equal(tracker.isVoter(id(3)), true);
  assert.equal(tracker.isVoter(id(7)), true);
  assert.equal(tracker.isVoter(id(1)), false);
  assert.equal(tracker.isLearner(id(1)), true);
  assert.equal(tracker.isLearner(id(7)), false);
  assert.equal(tracker.isJoint, true);
});

test("one voter is a singleton, with learners too, but not within a joint configuration", () => {
  assert.equal(trackerOf({ voters: ids(1) }).isSingleton, true);
  assert.equal(trackerOf({ voters: ids(1), learners: ids(2) }).isSingleton, true);
  assert.equal(trackerOf({ voters: ids(1), votersOutgoing: ids(1, 2) }).isSingleton, false);
  assert.equal(trackerOf({ voters: ids(1, 2) }).isSingleton, false);
});

test("the first vote of a member counts", () => {
  const tracker = trackerOf({ voters: ids(1, 2, 3) });
  tracker.recordVote(id(1), false);
  tracker.recordVote(id(1), true);
  assert.deepEqual(tracker.tallyVotes(), { granted: 0, rejected: 1, result: "pending" });
  tracker.recordVote(id(2), false);
  assert.deepEqual(tracker.tallyVotes(), { granted: 0, rejected: 2, result: "lost" });
  tracker.resetVotes();
  tracker.recordVote(id(1), true);
  tracker.recordVote(id(3), true);
  assert.deepEqual(tracker.tallyVotes(), { granted: 2, rejected: 0, result: "won" });
});

test("votes of learners, strangers and removed members do not count", () => {
  const tracker = trackerOf({ voters: ids(1, 2, 3), learners: ids(4) });
  for (const member of [1, 3, 4, 99]) tracker.recordVote(id(member), true);
  assert.deepEqual(tracker.tallyVotes(), { granted: 2, rejected: 0, result: "won" });
  applyTo(tracker, { voters: ids(1, 2) });
  assert.deepEqual(tracker.tallyVotes(), { granted: 1, rejected: 0, result: "pending" });
});

test("a voter in both halves is one vote in the tally", () => {
  const tracker = trackerOf({ voters: ids(1, 2), votersOutgoing: ids(1, 3) });
  tracker.recordVote(id(1), true);
  assert.deepEqual(tracker.tallyVotes(), { granted: 1, rejected: 0, result: "pending" });
});

test("a quorum is active if enough voters besides the leader answered; learners do not count", () => {
  const tracker = trackerOf({ voters: ids(1, 2, 3), learners: ids(4, 5) });
  const setActive = (...members: number[]) => {
    for (const [member, progress] of tracker.progress)
      progress.isRecentActive = members.includes(Number(member));
  };
  setActive(4, 5);
  assert.equal(tracker.isQuorumActive(id(1)), false);
  setActive(2);
  assert.equal(tracker.isQuorumActive(id(1)), true);
  // A leader that is no member any more needs a quorum of the others.
  assert.equal(tracker.isQuorumActive(id(9)), false);
  setActive(2, 3);
  assert.equal(tracker.isQuorumActive(id(9)), true);
});

test("in a joint configuration a quorum of both halves must be active", () => {
  const tracker = trackerOf({ voters: ids(1), votersOutgoing: ids(1, 2, 3) });
  assert.equal(tracker.isQuorumActive(id(1)), false);
  const second = tracker.progress.get(id(2));
  assert.ok(second);
  second.isRecentActive = true;
  assert.equal(tracker.isQuorumActive(id(1)), true);
});

test("new progress has a window of the tracker's limits", () => {
  const progress = trackerOf({}).newProgress(logIndex(0), logIndex(5), true);
  assert.equal(progress.isLearner, true);
  assert.equal(progress.isRecentActive, false);
  progress.inflights.add(logIndex(1), 1);
  progress.inflights.add(logIndex(2), 1);
  assert.equal(progress.inflights.isFull, true);
});

test("a configuration whose progress does not fit it is a bug", () => {
  const tracker = trackerOf({ voters: ids(1, 2) });
  const { config, progress } = tracker;
  assert.throws(() => tracker.apply({ ...config, voters: ids(1, 2, 3) }, progress), AssertionError);
  assert.throws(() => tracker.apply({ ...config, voters: ids(1) }, progress), AssertionError);
});
