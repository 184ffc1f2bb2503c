import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MemberId } from "../../../../node/lib/units.ts";
import { logIndex, memberId } from "../../../../node/lib/units.ts";
import {
  majorityCommittedIndex,
  majorityVoteResult,
} from "../../../../node/raft/quorum/majority.ts";

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(memberId), {
  maxLength: 9,
});
const votersWithIndexes = ids.chain((voters) =>
  fc.tuple(
    fc.constant(voters),
    fc.array(fc.nat(12), { minLength: voters.length, maxLength: voters.length }),
  ),
);

/** The definition itself: the largest index that more than half of the voters have reached. */
function naiveCommitted(indexes: readonly number[]): number {
  let best = 0;
  for (let candidate = 0; candidate <= 12; candidate++) {
    const reached = indexes.filter((index) => index >= candidate).length;
    if (reached * 2 > indexes.length) best = candidate;
  }
  return best;
}

test("the committed index is the largest one that more than half of the voters acknowledged", () => {
  fc.assert(
    fc.property(votersWithIndexes, ([voters, indexes]) => {
      const of = new Map(voters.map((id, at) => [id, logIndex(indexes[at] ?? 0)]));
      const committed = majorityCommittedIndex(voters, (id) => of.get(id) ?? logIndex(0));
      assert.equal(committed, naiveCommitted(indexes));
    }),
  );
});

test("the committed index does not depend on the order of the voters", () => {
  fc.assert(
    fc.property(votersWithIndexes, ([voters, indexes]) => {
      const of = new Map(voters.map((id, at) => [id, logIndex(indexes[at] ?? 0)]));
      const acknowledged = (id: MemberId) => of.get(id) ?? logIndex(0);
      const before = [...voters];
      assert.equal(
        majorityCommittedIndex([...voters].reverse(), acknowledged),
        majorityCommittedIndex(voters, acknowledged),
      );
      assert.deepEqual(voters, before);
    }),
  );
});

/** Tries every way in which the absent votes may still come. */
function naiveResult(votes: readonly (boolean | undefined)[]): string {
  const open = votes.filter((vote) => vote === undefined).length;
  const granted = votes.filter((vote) => vote === true).length;
  const outcomes = new Set<string>();
  for (let more = 0; more <= open; more++) {
    outcomes.add((granted + more) * 2 > votes.length ? "won" : "lost");
  }
  return outcomes.size === 1 ? ([...outcomes][0] as string) : "pending";
}

test("a vote is decided as soon as no absent vote can change it", () => {
  const votersWithVotes = ids.chain((voters) =>
    fc.tuple(
      fc.constant(voters),
      fc.array(fc.option(fc.boolean(), { nil: undefined }), {
        minLength: voters.length,
        maxLength: voters.length,
      }),
    ),
  );
  fc.assert(
    fc.property(votersWithVotes, ([voters, votes]) => {
      const cast = new Map<MemberId, boolean>();
      for (const [at, id] of voters.entries()) {
        const vote = votes[at];
        if (vote !== undefined) cast.set(id, vote);
      }
      assert.equal(majorityVoteResult(voters, cast), naiveResult(votes));
    }),
  );
});

test("votes of members that are no voters do not count", () => {
  const [a, b, c] = [memberId(1n), memberId(2n), memberId(3n)];
  const votes = new Map([
    [b, true],
    [c, true],
  ]);
  assert.equal(majorityVoteResult([a], votes), "pending");
  assert.equal(majorityVoteResult([a], votes.set(a, false)), "lost");
});

test("any two majorities of the same voters share a voter", () => {
  const twoVotes = ids.chain((voters) =>
    fc.tuple(
      fc.constant(voters),
      fc.array(fc.boolean(), { minLength: voters.length, maxLength: voters.length }),
    ),
  );
  fc.assert(
    fc.property(twoVotes, ([voters, sides]) => {
      const forOne = new Map(voters.map((id, at) => [id, sides[at] === true]));
      const forOther = new Map(voters.map((id, at) => [id, sides[at] !== true]));
      const winners = [forOne, forOther].filter((v) => majorityVoteResult(voters, v) === "won");
      assert.ok(winners.length <= 1);
    }),
  );
});
