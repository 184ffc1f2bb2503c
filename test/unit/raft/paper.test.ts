/** Raft's rules by their place in Ongaro's thesis "Consensus: Bridging Theory and Practice", as far as one voter shows them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import {
  drawing,
  entryAt,
  indexesOf,
  makeLeader,
  makeNode,
  me,
  none,
  proposal,
  settle,
  textsOf,
} from "./raft-lab.ts";

const context = (n: number): Uint8Array => Buffer.from(`${n}`);

/** Ticks until the node's term moves on. */
function ticksToCampaign(node: RawNode): number {
  const before = node.term;
  let ticks = 0;
  while (node.term === before) {
    node.tick();
    ticks += 1;
  }
  return ticks;
}

test("3.3: a node starts as a follower", () => {
  assert.equal(makeNode().role, "follower");
});

test("3.4: a follower that hears of no leader begins an election in a new term and votes for itself", () => {
  const node = makeNode({ hardState: { term: term(7), vote: none, commit: logIndex(0) } });
  ticksToCampaign(node);
  assert.equal(node.role, "candidate");
  assert.deepEqual(node.ready().hardState, { term: 8, vote: me, commit: 0 });
});

test("3.4: the election timeout is drawn from n up to 2n ticks", () => {
  for (const [drawn, ticks] of [
    [0, 10],
    [9, 19],
    [10, 10],
    [0xffff_ffff, 15],
  ] as const) {
    assert.equal(ticksToCampaign(makeNode({ electionTicks: 10, random: drawing(drawn) })), ticks);
  }
});

test("3.4: every election timeout from n to 2n - 1 ticks occurs, none else", () => {
  const random = seededRandom(34);
  const seen = new Set<number>();
  for (let at = 0; at < 400; at++) {
    seen.add(ticksToCampaign(makeNode({ electionTicks: 10, random })));
  }
  const ordered = [...seen].sort((a, b) => a - b);
  assert.deepEqual(
    ordered,
    Array.from({ length: 10 }, (_, at) => 10 + at),
  );
});

test("3.4: each new election draws a new timeout", () => {
  // Two voters, so that the candidate goes on campaigning.
  const node = makeNode({
    voters: [me, 2n as typeof me],
    electionTicks: 10,
    random: drawing(3, 8, 1, 5),
  });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => ticksToCampaign(node)),
    [13, 18, 11, 15],
  );
});

test("3.4: the only voter of a cluster wins its election alone", () => {
  assert.equal(makeLeader().role, "leader");
});

test("3.6.2: an entry of an earlier term is not committed by counting copies of it", () => {
  const node = makeNode({
    hardState: { term: term(2), vote: me, commit: logIndex(1) },
    entries: [entryAt(1, 1), entryAt(2, 2, "older")],
    applied: 1,
  });
  node.campaign();
  node.advanceAppend(node.ready());
  assert.equal(node.role, "leader");
  // A majority, which is this node, holds entry 2; its term is not the leader's.
  assert.equal(node.committed, 1);
  assert.deepEqual(node.ready().committedEntries, []);
});

test("3.6.2: an entry of the leader's own term commits all entries before it", () => {
  const node = makeNode({
    hardState: { term: term(2), vote: me, commit: logIndex(1) },
    entries: [entryAt(1, 1), entryAt(2, 2, "older")],
    applied: 1,
  });
  node.campaign();
  const committed = settle(node).flatMap((ready) => ready.committedEntries);
  assert.deepEqual(indexesOf(committed), [2, 3]);
});

test("3.5, 6.4: a new leader appends an empty entry of its term at once", () => {
  const node = makeNode();
  node.campaign();
  node.advanceAppend(node.ready());
  const { entries } = node.ready();
  assert.deepEqual(indexesOf(entries), [1]);
  assert.deepEqual(textsOf(entries), [""]);
});

test("figure 3.1: a vote is on stable storage before anybody may count it", () => {
  const node = makeNode();
  node.campaign();
  const ready = node.ready();
  assert.equal(ready.mustSync, true);
  assert.deepEqual(
    ready.messagesAfterAppend.map(({ type }) => type),
    ["MsgVoteResp"],
  );
  assert.equal(node.role, "candidate");
});

test("figure 3.1: a node that crashed after its vote was written cannot vote for another in that term", () => {
  const node = makeNode();
  node.campaign();
  const { hardState } = node.ready();
  assert.ok(hardState !== undefined);
  const restarted = makeNode({ hardState });
  assert.equal(restarted.term, 1);
  restarted.campaign();
  assert.equal(restarted.ready().hardState?.term, 2);
});

test("figure 3.1: the leader's own entries count for a commit only once they are on stable storage", () => {
  const node = makeLeader();
  node.propose([proposal("a")]);
  const ready = node.ready();
  assert.equal(node.committed, 1);
  node.advanceAppend(ready);
  assert.equal(node.committed, 2);
});

test("figure 3.1: terms, the commit mark and the applied mark never go back", () => {
  const node = makeNode({ committedPerReadyMax: 2 });
  let before = { term: node.term, committed: node.committed, applied: node.applied };
  for (let at = 0; at < 50; at++) {
    if (at % 7 === 0) node.campaign();
    node.propose([proposal(`p${at}`)]);
    const ready = node.ready();
    if (ready.mustSync) node.advanceAppend(ready);
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) node.advanceApply(last.index);
    const now = { term: node.term, committed: node.committed, applied: node.applied };
    assert.ok(now.term >= before.term);
    assert.ok(now.committed >= before.committed);
    assert.ok(now.applied >= before.applied && now.applied <= now.committed);
    before = now;
  }
  assert.ok(before.applied > 30);
});

test("6.4: a leader answers no read before it committed an entry of its term", () => {
  const node = makeNode({
    hardState: { term: term(2), vote: me, commit: logIndex(1) },
    entries: [entryAt(1, 2)],
    applied: 1,
  });
  node.campaign();
  node.advanceAppend(node.ready());
  assert.equal(node.role, "leader");
  assert.equal(node.readIndex(context(71)), true);
  assert.equal(node.readIndex(context(72)), true);
  const ready = node.ready();
  assert.deepEqual(ready.readStates, []);
  node.advanceAppend(ready);
  assert.deepEqual(node.ready().readStates, [
    { context: context(71), index: 2 },
    { context: context(72), index: 2 },
  ]);
});

test("6.4: the read index is the commit index at the time of the question", () => {
  const node = makeLeader();
  node.propose([proposal("a")]);
  node.readIndex(context(1));
  const ready = node.ready();
  assert.deepEqual(ready.readStates, [{ context: context(1), index: 1 }]);
  node.advanceAppend(ready);
  node.readIndex(context(2));
  assert.deepEqual(node.ready().readStates, [{ context: context(2), index: 2 }]);
});

test("6.4: a read state is handed out once", () => {
  const node = makeLeader();
  node.readIndex(context(1));
  assert.equal(node.ready().readStates.length, 1);
  assert.equal(node.hasReady(), false);
  assert.equal(node.ready().readStates.length, 0);
});
