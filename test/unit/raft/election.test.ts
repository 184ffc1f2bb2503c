/** Who may lead, who may vote for whom, and whose term counts (thesis 3.3, 3.4, 3.6.1, 4.2.3, 6.2, 9.6). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import { encodeConfChangeV2 } from "../../../node/proto/conf-change-codec.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { HardState } from "../../../node/raft/types.ts";
import {
  drawing,
  electLeader,
  emptyHardState,
  entriesOfTerms,
  entryAt,
  makeNode,
  me,
  messagesOf,
  none,
  received,
  settle,
  settledMessages,
  three,
  told,
  two,
  typesOf,
} from "./raft-lab.ts";

const voters = [me, two, three];
const atTerm = (of: number, vote = none): HardState => ({
  term: term(of),
  vote,
  commit: logIndex(0),
});
const ticks = (node: RawNode, count: number): void => {
  for (let at = 0; at < count; at++) node.tick();
};

test("a campaign asks every voter but itself, in the order of ids, with the end of its log", () => {
  const node = makeNode({ voters, entries: entriesOfTerms(1, 1, 2), hardState: atTerm(2) });
  node.campaign();
  assert.deepEqual(settledMessages(node).map(told), [
    { type: "MsgVote", to: two, term: 3, index: 3, logTerm: 2 },
    { type: "MsgVote", to: three, term: 3, index: 3, logTerm: 2 },
  ]);
});

test("votes are asked for only once the candidate's own term and vote are durable", () => {
  const node = makeNode({ voters });
  node.campaign();
  const ready = node.ready();
  assert.deepEqual(ready.messages, []);
  assert.deepEqual(typesOf(messagesOf(ready, me)), ["MsgVote", "MsgVote"]);
  assert.equal(ready.mustSync, true);
});

test("a majority elects, a majority of rejections ends the campaign, and each voter's first answer counts", () => {
  const five = [me, two, three, 4n as typeof me, 5n as typeof me];
  const node = makeNode({ voters: five });
  node.campaign();
  settle(node);
  node.step(received("MsgVoteResp", two, 1, { reject: true }));
  node.step(received("MsgVoteResp", two, 1));
  node.step(received("MsgVoteResp", three, 1));
  assert.equal(node.role, "candidate");
  node.step(received("MsgVoteResp", three, 1));
  assert.equal(node.role, "candidate");
  node.step(received("MsgVoteResp", 4n as typeof me, 1));
  assert.equal(node.role, "leader");

  const loser = makeNode({ voters: five });
  loser.campaign();
  settle(loser);
  for (const id of five.slice(1, 3)) loser.step(received("MsgVoteResp", id, 1, { reject: true }));
  assert.equal(loser.role, "candidate");
  loser.step(received("MsgVoteResp", 4n as typeof me, 1, { reject: true }));
  assert.equal(loser.role, "follower");
  assert.equal(loser.term, 1);
});

test("answers of strangers and of other terms are no votes", () => {
  const node = makeNode({ voters });
  node.campaign();
  settle(node);
  node.campaign();
  settle(node);
  assert.equal(node.term, 2);
  node.step(received("MsgVoteResp", 77n as typeof me, 2));
  node.step(received("MsgVoteResp", two, 1));
  node.step(received("MsgPreVoteResp", three, 2));
  assert.equal(node.role, "candidate");
});

test("one vote in a term: the first candidate gets it, again if it asks again, no other does", () => {
  const node = makeNode({ voters });
  const ask = (from: typeof me, of: number): boolean => {
    node.step(received("MsgVote", from, of));
    const [answer] = settledMessages(node);
    assert.equal(answer?.type, "MsgVoteResp");
    return !answer.reject;
  };
  assert.equal(ask(two, 1), true);
  assert.equal(ask(three, 1), false);
  assert.equal(ask(two, 1), true);
  assert.equal(ask(three, 2), true);
  assert.equal(ask(two, 2), false);
});

test("a vote survives a restart", () => {
  const node = makeNode({ voters });
  node.step(received("MsgVote", two, 1));
  const { hardState } = node.ready();
  assert.ok(hardState !== undefined);
  const restarted = makeNode({ voters, hardState });
  restarted.step(received("MsgVote", three, 1));
  assert.equal(settledMessages(restarted)[0]?.reject, true);
});

test("a vote leaves only after it is durable", () => {
  const node = makeNode({ voters });
  node.step(received("MsgVote", two, 1));
  const ready = node.ready();
  assert.equal(ready.mustSync, true);
  assert.deepEqual(ready.messages, []);
  assert.deepEqual(typesOf(ready.messagesAfterAppend), ["MsgVoteResp"]);
});

test("a vote alone, in a term that is durable already, is durable before it leaves, too", () => {
  const node = makeNode({ voters, hardState: atTerm(1) });
  node.step(received("MsgVote", two, 1));
  const { mustSync, hardState } = node.ready();
  assert.deepEqual([mustSync, hardState], [true, { term: 1, vote: two, commit: 0 }]);
});

test("no vote in a term whose leader is known", () => {
  const node = makeNode({ voters });
  node.step(received("MsgHeartbeat", two, 1));
  settle(node);
  node.step(received("MsgVote", three, 1));
  assert.equal(settledMessages(node)[0]?.reject, true);
});

test("3.6.1: no vote, and no pre-vote, for a log that is less up to date", () => {
  for (const type of ["MsgVote", "MsgPreVote"] as const) {
    const outcomes = [
      [2, 2],
      [3, 1],
      [3, 2],
      [1, 3],
    ].map(([index = 0, logTerm = 0]) => {
      const node = makeNode({ voters, entries: entriesOfTerms(1, 2, 2), hardState: atTerm(3) });
      node.step(received(type, two, 4, { index: logIndex(index), logTerm: term(logTerm) }));
      return settledMessages(node)[0]?.reject;
    });
    assert.deepEqual(outcomes, [true, true, false, false], type);
  }
});

test("a learner votes: it may not know yet that it was promoted", () => {
  const node = makeNode({ voters: [two, three], learners: [me] });
  node.step(received("MsgVote", two, 1));
  assert.equal(settledMessages(node)[0]?.reject, false);
});

test("a learner, and a stranger to the configuration, never campaigns", () => {
  for (const options of [{ voters: [two], learners: [me] }, { voters: [two] }]) {
    const node = makeNode(options);
    ticks(node, 100);
    node.campaign();
    node.step(received("MsgTimeoutNow", two, 0));
    assert.equal(node.role, "follower");
    assert.equal(node.term, 0);
  }
});

test("nobody campaigns while a committed conf change is not applied", () => {
  const data = encodeConfChangeV2({ transition: 0, changes: [], context: Buffer.of() });
  const node = makeNode({
    voters,
    entries: [entryAt(1, 1), { ...entryAt(2, 1), type: 2, data }, entryAt(3, 1)],
    hardState: { term: term(1), vote: none, commit: logIndex(2) },
  });
  node.campaign();
  assert.equal(node.role, "follower");
  // Handed out is not applied.
  node.ready();
  node.advanceApply(logIndex(1));
  node.campaign();
  assert.equal(node.role, "follower");
  node.advanceApply(logIndex(2));
  node.campaign();
  assert.equal(node.role, "candidate");
});

test("3.3: a later term makes a follower of a leader and of a candidate; an answer of an earlier one changes nothing", () => {
  const { node } = electLeader({ voters });
  node.step(received("MsgAppResp", two, 0, { term: term(node.term - 1) }));
  assert.equal(node.role, "leader");
  node.step(received("MsgAppResp", two, 5));
  assert.deepEqual([node.role, node.term, node.lead], ["follower", 5, none]);
  node.campaign();
  settle(node);
  node.step(received("MsgHeartbeat", three, 6));
  assert.deepEqual([node.role, node.term, node.lead], ["follower", 6, three]);
});

test("a candidate follows whoever leads its term", () => {
  for (const type of ["MsgApp", "MsgHeartbeat", "MsgSnap"] as const) {
    const node = makeNode({ voters });
    node.campaign();
    settle(node);
    node.step(received(type, three, 1));
    assert.deepEqual([node.role, node.term, node.lead], ["follower", 1, three], type);
  }
});

test("a leader of an earlier term learns of the later one, when nobody else would tell it", () => {
  for (const type of ["MsgApp", "MsgHeartbeat"] as const) {
    for (const options of [{ checkQuorum: true }, { preVote: true }, {}]) {
      const node = makeNode({ voters, hardState: atTerm(7), ...options });
      node.step(received(type, two, 6, { commit: logIndex(0) }));
      const expected = Object.keys(options).map(() => ({ type: "MsgAppResp", to: two, term: 7 }));
      assert.deepEqual(settledMessages(node).map(told), expected);
    }
  }
});

test("a pre-vote of an earlier term is rejected with our term; a vote of one is ignored", () => {
  const node = makeNode({ voters, hardState: atTerm(7) });
  node.step(received("MsgVote", two, 6));
  node.step(received("MsgPreVote", two, 6));
  assert.deepEqual(settledMessages(node).map(told), [
    { type: "MsgPreVoteResp", to: two, term: 7, reject: true, rejectHint: 0 },
  ]);
});

test("9.6: a pre-candidate changes neither its term nor its vote, and campaigns when a majority would elect it", () => {
  const node = makeNode({ voters, preVote: true, hardState: atTerm(3, two) });
  node.campaign();
  const asked = settledMessages(node);
  assert.deepEqual(asked.map(told), [
    { type: "MsgPreVote", to: two, term: 4 },
    { type: "MsgPreVote", to: three, term: 4 },
  ]);
  assert.deepEqual([node.role, node.term, node.status().vote], ["preCandidate", 3, two]);
  node.step(received("MsgPreVoteResp", two, 4));
  assert.deepEqual([node.role, node.term], ["candidate", 4]);
  assert.deepEqual(typesOf(settledMessages(node)), ["MsgVote", "MsgVote"]);
  // A late pre-vote is no vote.
  node.step(received("MsgPreVoteResp", three, 4));
  assert.equal(node.role, "candidate");
});

test("9.6: a pre-candidate that a majority refuses is a follower of its old term; a rejection of a later term takes it there", () => {
  const node = makeNode({ voters, preVote: true, hardState: atTerm(3) });
  node.campaign();
  settle(node);
  node.step(received("MsgPreVoteResp", two, 3, { reject: true }));
  node.step(received("MsgPreVoteResp", three, 3, { reject: true }));
  assert.deepEqual([node.role, node.term], ["follower", 3]);
  node.campaign();
  settle(node);
  node.step(received("MsgPreVoteResp", two, 9, { reject: true }));
  assert.deepEqual([node.role, node.term], ["follower", 9]);
});

test("9.6: a pre-vote costs the voter nothing: any number are granted, and its term stays", () => {
  const node = makeNode({ voters, hardState: atTerm(3, me) });
  for (const from of [two, three]) node.step(received("MsgPreVote", from, 4));
  assert.deepEqual(settledMessages(node).map(told), [
    { type: "MsgPreVoteResp", to: two, term: 4 },
    { type: "MsgPreVoteResp", to: three, term: 4 },
  ]);
  assert.deepEqual([node.term, node.status().vote], [3, me]);
});

test("the only voter goes through its pre-vote alone", () => {
  const node = makeNode({ preVote: true });
  node.campaign();
  settle(node);
  assert.deepEqual([node.role, node.term], ["leader", 1]);
});

test("4.2.3: while a leader is heard of, requests for votes of a later term change nothing", () => {
  for (const type of ["MsgVote", "MsgPreVote"] as const) {
    const node = makeNode({ voters, checkQuorum: true, hardState: atTerm(3) });
    node.step(received("MsgHeartbeat", two, 3));
    settle(node);
    ticks(node, 9);
    node.step(received(type, three, 9, { index: logIndex(5), logTerm: term(5) }));
    assert.deepEqual(settledMessages(node), []);
    assert.equal(node.term, 3);
    // Its own random timeout may be longer, but the lease is over.
    const slow = makeNode({ voters, checkQuorum: true, hardState: atTerm(3), random: drawing(9) });
    slow.step(received("MsgHeartbeat", two, 3));
    settle(slow);
    ticks(slow, 10);
    slow.step(received(type, three, 9));
    assert.equal(settledMessages(slow)[0]?.reject, false);
  }
});

test("4.2.3: who campaigns at the leader's own word is heard at once; without checkQuorum everybody is", () => {
  const leased = makeNode({ voters, checkQuorum: true, hardState: atTerm(3) });
  leased.step(received("MsgHeartbeat", two, 3));
  settle(leased);
  const context = Buffer.from("CampaignTransfer");
  leased.step(received("MsgVote", three, 4, { context }));
  assert.equal(settledMessages(leased)[0]?.reject, false);
  const free = makeNode({ voters, hardState: atTerm(3) });
  free.step(received("MsgHeartbeat", two, 3));
  settle(free);
  free.step(received("MsgVote", three, 4));
  assert.equal(settledMessages(free)[0]?.reject, false);
});

test("a forgotten leader has no lease, and is known again by its next word", () => {
  const node = makeNode({ voters, checkQuorum: true, hardState: atTerm(3) });
  node.step(received("MsgHeartbeat", two, 3));
  settle(node);
  node.forgetLeader();
  assert.equal(node.lead, none);
  node.step(received("MsgPreVote", three, 4));
  assert.equal(settledMessages(node)[0]?.reject, false);
  node.step(received("MsgHeartbeat", two, 3));
  assert.equal(node.lead, two);
  node.step(received("MsgForgetLeader", two, 0));
  assert.equal(node.lead, none);
});

test("6.2: a leader that a quorum has not answered for an election timeout steps down, others' answers keep it", () => {
  const { node } = electLeader({ voters, checkQuorum: true });
  ticks(node, 9);
  assert.equal(node.role, "leader");
  node.step(received("MsgHeartbeatResp", three, node.term));
  ticks(node, 1);
  assert.equal(node.role, "leader");
  ticks(node, 9);
  assert.equal(node.role, "leader");
  ticks(node, 1);
  assert.deepEqual([node.role, node.lead], ["follower", none]);
});

test("6.2: a learner's answers do not make a quorum; without checkQuorum silence is no reason", () => {
  const { node } = electLeader({ voters: [me, two], learners: [three], checkQuorum: true });
  for (let at = 0; at < 20; at++) {
    node.tick();
    node.step(received("MsgHeartbeatResp", three, 1));
  }
  assert.notEqual(node.role, "leader");
  const { node: proud } = electLeader({ voters });
  ticks(proud, 100);
  assert.equal(proud.role, "leader");
});

test("3.4: a leader sends heartbeats each heartbeatTicks, with what each follower may take as committed", () => {
  const { node } = electLeader({ voters, heartbeatTicks: 3 });
  node.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
  settle(node);
  ticks(node, 2);
  assert.deepEqual(settledMessages(node), []);
  ticks(node, 1);
  assert.deepEqual(settledMessages(node).map(told), [
    { type: "MsgHeartbeat", to: two, term: 1, commit: 1 },
    { type: "MsgHeartbeat", to: three, term: 1 },
  ]);
});

test("a timeout is drawn anew with each change of role or term, and not by a pre-vote", () => {
  let drawn = 0;
  const random = {
    uint32: () => {
      drawn += 1;
      return 0;
    },
  };
  const node = makeNode({ voters, preVote: true, random, hardState: emptyHardState });
  assert.equal(drawn, 1);
  node.campaign();
  settle(node);
  assert.equal(drawn, 1);
  node.step(received("MsgPreVoteResp", two, 1));
  assert.equal(drawn, 2);
  settle(node);
  node.step(received("MsgVoteResp", two, 1));
  assert.equal(node.role, "leader");
  assert.equal(drawn, 3);
  node.step(received("MsgHeartbeat", two, 2));
  assert.equal(drawn, 4);
  node.step(received("MsgHeartbeat", two, 2));
  assert.equal(drawn, 4);
});

test("local messages from the network are ignored", () => {
  const node = makeNode({ voters });
  node.step(received("MsgHup", two, 0));
  assert.equal(node.role, "follower");
  const { node: leader } = electLeader({ voters, checkQuorum: true });
  for (const type of ["MsgBeat", "MsgCheckQuorum", "MsgUnreachable", "MsgSnapStatus"] as const) {
    leader.step(received(type, two, 0));
  }
  assert.deepEqual([leader.role, leader.hasReady()], ["leader", false]);
});
