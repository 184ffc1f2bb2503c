import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { type ConfState, type Entry, entryType } from "../../../node/raft/types.ts";
import { HashChecker } from "../../sim/checkers/hash-checker.ts";
import { LogChecker } from "../../sim/checkers/log-checker.ts";
import { type Marks, MarksChecker } from "../../sim/checkers/marks-checker.ts";
import { QuorumChecker } from "../../sim/checkers/quorum-checker.ts";
import { VoteChecker } from "../../sim/checkers/vote-checker.ts";

const one = memberId(1n);
const two = memberId(2n);

const entry = (index: number, ofTerm: number, text: string): Entry => ({
  index: logIndex(index),
  term: term(ofTerm),
  type: entryType.normal,
  data: Buffer.from(text),
});

suite("the checker of logs", () => {
  test("lets one leader in each term be", () => {
    const checker = new LogChecker();
    checker.sawLeader(1, one);
    checker.sawLeader(1, one);
    checker.sawLeader(2, two);
    assert.deepEqual(checker.violations, []);
  });

  test("finds a second leader of a term, also by its messages", () => {
    const checker = new LogChecker();
    checker.sawLeader(3, one);
    checker.sawMessage(message({ type: "MsgHeartbeat", to: one, from: two, term: term(3) }));
    assert.match(checker.violations[0] ?? "", /two leaders in term 3/);
  });

  test("finds two entries of one index and term", () => {
    const checker = new LogChecker();
    checker.sawEntries([entry(5, 2, "a")], 2, one);
    checker.sawEntries([entry(5, 2, "a")], 2, two);
    assert.deepEqual(checker.violations, []);
    checker.sawEntries([entry(5, 2, "b")], 2, two);
    assert.match(checker.violations.join(), /another entry 5 of term 2/);
  });

  test("finds an entry that follows different ones", () => {
    const checker = new LogChecker();
    checker.sawEntries([entry(5, 3, "a")], 2, one);
    checker.sawEntries([entry(5, 3, "a")], 1, two);
    assert.match(checker.violations[0] ?? "", /follows term 1 at 2, and term 2 elsewhere/);
  });

  test("finds terms that go back", () => {
    const checker = new LogChecker();
    checker.sawEntries([entry(5, 3, "a"), entry(6, 2, "b")], 3, one);
    assert.match(checker.violations[0] ?? "", /terms go back at entry 6/);
  });

  test("finds a committed entry that changed", () => {
    const checker = new LogChecker();
    checker.sawCommitted(entry(5, 2, "a"), one);
    checker.sawCommitted(entry(5, 2, "a"), two);
    assert.deepEqual(checker.violations, []);
    checker.sawCommitted(entry(5, 3, "a"), two);
    assert.match(checker.violations.join(), /committed entry 5 changed/);
  });
});

suite("the checker of marks", () => {
  const marks: Marks = {
    compacted: 2,
    applied: 4,
    committed: 6,
    stable: 7,
    last: 8,
    term: 3,
    revision: 5,
  };

  function problems(...seen: readonly Marks[]): readonly string[] {
    const found: string[] = [];
    const checker = new MarksChecker("m0", (text) => void found.push(text));
    for (const each of seen) checker.saw(each);
    return found;
  }

  test("takes marks that only go forward, and a log whose end is cut off", () => {
    assert.deepEqual(problems(marks, { ...marks, applied: 6, last: 7, stable: 7 }), []);
  });

  for (const wrong of [{ compacted: 5 }, { applied: 7 }, { committed: 9 }, { stable: 9 }]) {
    test(`finds ${JSON.stringify(wrong)} out of order`, () => {
      assert.match(problems({ ...marks, ...wrong })[0] ?? "", /marks out of order/);
    });
  }

  for (const mark of ["compacted", "applied", "committed", "term", "revision"] as const) {
    test(`finds ${mark} going back`, () => {
      const found = problems(marks, { ...marks, [mark]: marks[mark] - 1 });
      assert.ok(found.some((text) => text.includes(`${mark} went back`)));
    });
  }
});

suite("the checker of hashes", () => {
  const seen = { hashRevision: 9, compactRevision: 4, hash: 1 };

  test("compares only at equal revisions", () => {
    const checker = new HashChecker();
    checker.saw({ ...seen, member: "m0" });
    checker.saw({ ...seen, member: "m1", compactRevision: 5, hash: 2 });
    checker.saw({ ...seen, member: "m1" });
    assert.deepEqual(checker.violations, []);
    assert.equal(checker.compared, 1);
  });

  test("finds a difference", () => {
    const checker = new HashChecker();
    checker.saw({ ...seen, member: "m0" });
    checker.saw({ ...seen, member: "m1", hash: 2 });
    assert.match(checker.violations[0] ?? "", /hashes differ at revision 9/);
  });
});

suite("the checker of quorums", () => {
  const config = (
    voters: readonly bigint[],
    votersOutgoing: readonly bigint[] = [],
  ): ConfState => ({
    voters: voters.map(memberId),
    votersOutgoing: votersOutgoing.map(memberId),
    learners: [],
    learnersNext: [],
    autoLeave: false,
  });
  const acknowledges = (from: bigint, index: number): Message =>
    message({
      type: "MsgAppResp",
      from: memberId(from),
      to: one,
      term: term(2),
      index: logIndex(index),
    });
  const votes = (from: bigint): Message =>
    message({ type: "MsgVoteResp", from: memberId(from), to: one, term: term(2) });

  function problems(run: (checker: QuorumChecker) => void): readonly string[] {
    const found: string[] = [];
    run(new QuorumChecker(one, (text) => void found.push(text)));
    return found;
  }
  const commit = { term: 2, index: 5, entryTerm: 2, stable: 5 };

  test("lets a commit be that a majority of each half has acknowledged", () => {
    const found = problems((checker) => {
      checker.received(acknowledges(2n, 5));
      checker.received(acknowledges(4n, 6));
      checker.committed({ ...commit, configs: [config([1n, 2n, 3n])] });
      checker.committed({ ...commit, configs: [config([1n, 2n, 3n], [2n, 4n, 5n])] });
    });
    assert.deepEqual(found, []);
  });

  test("finds a commit that one half has not acknowledged, or the own disk", () => {
    const configs = [config([1n, 2n, 3n], [1n, 4n, 5n])];
    assert.match(
      problems((checker) => {
        checker.received(acknowledges(2n, 5));
        checker.committed({ ...commit, configs });
      }).join(),
      /with the word of 2 only/,
    );
    assert.match(
      problems((checker) =>
        checker.committed({ ...commit, stable: 4, configs: [config([1n])] }),
      ).join(),
      /durable here up to 4/,
    );
  });

  test("finds an entry of an older term that was committed by counting", () => {
    const found = problems((checker) => {
      checker.committed({ ...commit, entryTerm: 1, configs: [config([1n])] });
    });
    assert.match(found.join(), /of term 1 by counting in term 2/);
  });

  test("finds a leader without the votes of a majority, and forgets votes of older terms", () => {
    const configs = [config([1n, 2n, 3n])];
    assert.deepEqual(
      problems((checker) => {
        checker.received(votes(2n));
        checker.elected({ term: 2, configs });
      }),
      [],
    );
    assert.match(
      problems((checker) => {
        checker.received(votes(2n));
        checker.elected({ term: 3, configs });
      }).join(),
      /leads term 3 with the votes of nobody else only/,
    );
  });
});

suite("the checker of votes", () => {
  const asks = message({
    type: "MsgPreVote",
    from: one,
    to: two,
    term: term(4),
    index: logIndex(7),
    logTerm: term(3),
  });
  const grants = message({ type: "MsgPreVoteResp", from: two, to: one, term: term(4) });

  test("lets a voter agree whose log was no newer when it was asked", () => {
    const checker = new VoteChecker();
    checker.asked(asks, { term: 3, index: 7 });
    // The same question again, when the voter has got more.
    checker.asked(asks, { term: 3, index: 8 });
    checker.answered(grants);
    assert.deepEqual(checker.violations, []);
  });

  test("finds a vote for a log that is behind", () => {
    const checker = new VoteChecker();
    checker.asked(asks, { term: 3, index: 8 });
    checker.answered({ ...grants, reject: true });
    assert.deepEqual(checker.violations, []);
    checker.answered(grants);
    assert.match(checker.violations.join(), /gives its pre-vote of term 4 to 1/);
  });
});
