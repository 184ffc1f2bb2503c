import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, type MemberId, memberId } from "../../../../node/lib/units.ts";
import { jointCommittedIndex, jointVoteResult } from "../../../../node/raft/quorum/joint.ts";
import {
  majorityCommittedIndex,
  majorityVoteResult,
} from "../../../../node/raft/quorum/majority.ts";

const indexMax = 6;
/** Few ids, so that the halves overlap often. */
const half = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 5 }).map(asIds);
const indexes = fc.dictionary(fc.constantFrom("1", "2", "3", "4", "5", "6"), fc.nat(indexMax));
const votes = fc.dictionary(fc.constantFrom("1", "2", "3", "4", "5", "6"), fc.boolean());

function asIds(numbers: readonly number[]): MemberId[] {
  return numbers.map((number) => memberId(BigInt(number)));
}
const acknowledgedIn = (of: Record<string, number>) => (id: MemberId) =>
  logIndex(of[String(id)] ?? 0);
const votesIn = (of: Record<string, boolean>): Map<MemberId, boolean> =>
  new Map(Object.entries(of).map(([id, vote]) => [memberId(BigInt(id)), vote]));

const isMajority = (count: number, of: readonly MemberId[]): boolean => count * 2 > of.length;

/** The definition: the largest index that a majority of each half with voters has reached. */
function naiveCommitted(halves: readonly (readonly MemberId[])[], of: Record<string, number>) {
  const withVoters = halves.filter((voters) => voters.length > 0);
  if (withVoters.length === 0) return 0;
  let best = 0;
  for (let candidate = 0; candidate <= indexMax; candidate++) {
    const isReached = withVoters.every((voters) =>
      isMajority(voters.filter((id) => acknowledgedIn(of)(id) >= candidate).length, voters),
    );
    if (isReached) best = candidate;
  }
  return best;
}

/** Tries every way in which the open votes may still come: won if each way wins, lost if none does. */
function naiveResult(halves: readonly (readonly MemberId[])[], votes: Map<MemberId, boolean>) {
  const open = [...new Set(halves.flat())].filter((id) => !votes.has(id));
  const outcomes = new Set<boolean>();
  for (let way = 0; way < 2 ** open.length; way++) {
    const granted = new Set([...votes].filter(([, vote]) => vote).map(([id]) => id));
    open.forEach((id, at) => {
      if ((way >> at) % 2 === 1) granted.add(id);
    });
    outcomes.add(
      halves
        .filter((voters) => voters.length > 0)
        .every((voters) => isMajority(voters.filter((id) => granted.has(id)).length, voters)),
    );
  }
  if (outcomes.size > 1) return "pending";
  return outcomes.has(true) ? "won" : "lost";
}

test("a joint index is committed when a majority of each half has acknowledged it", () => {
  fc.assert(
    fc.property(half, half, indexes, (incoming, outgoing, of) => {
      // Raft has no joint configuration whose new half is empty.
      fc.pre(incoming.length > 0 || outgoing.length === 0);
      assert.equal(
        jointCommittedIndex(incoming, outgoing, acknowledgedIn(of)),
        naiveCommitted([incoming, outgoing], of),
      );
    }),
    { numRuns: 2000 },
  );
});

test("a joint vote is won when both halves are sure to be won, and lost when one is sure to be lost", () => {
  fc.assert(
    fc.property(half, half, votes, (incoming, outgoing, of) => {
      assert.equal(
        jointVoteResult(incoming, outgoing, votesIn(of)),
        naiveResult([incoming, outgoing], votesIn(of)),
      );
    }),
    { numRuns: 2000 },
  );
});

test("which half is the incoming one makes no difference", () => {
  fc.assert(
    fc.property(half, half, indexes, votes, (one, other, of, voted) => {
      fc.pre(one.length > 0 && other.length > 0);
      const acknowledged = acknowledgedIn(of);
      assert.equal(
        jointCommittedIndex(one, other, acknowledged),
        jointCommittedIndex(other, one, acknowledged),
      );
      assert.equal(
        jointVoteResult(one, other, votesIn(voted)),
        jointVoteResult(other, one, votesIn(voted)),
      );
    }),
  );
});

test("a joint configuration of two equal halves, or of one half, decides as that half alone", () => {
  fc.assert(
    fc.property(half, indexes, votes, (voters, of, voted) => {
      fc.pre(voters.length > 0);
      const alone = majorityCommittedIndex(voters, acknowledgedIn(of));
      assert.equal(jointCommittedIndex(voters, voters, acknowledgedIn(of)), alone);
      assert.equal(jointCommittedIndex(voters, [], acknowledgedIn(of)), alone);
      const result = majorityVoteResult(voters, votesIn(voted));
      assert.equal(jointVoteResult(voters, voters, votesIn(voted)), result);
      assert.equal(jointVoteResult(voters, [], votesIn(voted)), result);
    }),
  );
});

test("a voter in both halves does not count twice", () => {
  // 1 and 2 are in both halves: four counts out of seven, and no majority of the outgoing half.
  const incoming = asIds([1, 2]);
  const outgoing = asIds([1, 2, 3, 4, 5]);
  assert.equal(jointCommittedIndex(incoming, outgoing, acknowledgedIn({ 1: 9, 2: 9 })), 0);
  assert.equal(jointVoteResult(incoming, outgoing, votesIn({ 1: true, 2: true })), "pending");
  const rejected = { 1: true, 2: true, 3: false, 4: false, 5: false };
  assert.equal(jointVoteResult(incoming, outgoing, votesIn(rejected)), "lost");
});

test("a majority of all voters is not enough: it takes one of each half", () => {
  const incoming = asIds([1]);
  const outgoing = asIds([1, 2, 3, 4, 5]);
  assert.equal(jointCommittedIndex(incoming, outgoing, acknowledgedIn({ 1: 7, 2: 7 })), 0);
  const withoutNew = { 2: 7, 3: 7, 4: 7, 5: 7 };
  assert.equal(jointCommittedIndex(incoming, outgoing, acknowledgedIn(withoutNew)), 0);
  const votesWithoutNew = { 2: true, 3: true, 4: true, 5: true };
  assert.equal(jointVoteResult(incoming, outgoing, votesIn(votesWithoutNew)), "pending");
});
