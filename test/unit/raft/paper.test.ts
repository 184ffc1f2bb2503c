/** Raft's rules by their place in Ongaro's thesis "Consensus: Bridging Theory and Practice", with one voter and with several. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import { message } from "../../../node/raft/messages.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { Entry } from "../../../node/raft/types.ts";
import { seededRandom } from "../mvcc/key-parts.ts";
import { LabNetwork } from "./lab-network.ts";
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

test("figure 3.2, election safety: at most one leader in a term, whoever campaigns with whom", () => {
  const network = new LabNetwork(5);
  const leaders = new Map<number, bigint>();
  const campaigns = [
    [1n, 2n],
    [3n, 4n, 5n],
    [2n, 5n],
    [1n, 3n],
  ];
  for (const ids of campaigns) {
    for (const id of ids) network.node(id).campaign();
    network.run();
    for (const id of [1n, 2n, 3n, 4n, 5n]) {
      const { role, term: at } = network.node(id);
      if (role !== "leader") continue;
      assert.equal(leaders.get(at) ?? id, id);
      leaders.set(at, id);
    }
  }
  assert.ok(leaders.size > 0);
});

test("figure 3.2, leader append-only: a leader never changes an entry of its log", () => {
  const network = new LabNetwork(3, () => ({ entries: [entryAt(1, 1, "old")] }));
  const leader = network.elect(1n);
  leader.propose([proposal("a")]);
  leader.step(
    message({
      type: "MsgApp",
      to: memberId(1n),
      from: memberId(2n),
      term: term(1),
      entries: [entryAt(1, 1, "other")],
    }),
  );
  network.run();
  assert.deepEqual(network.appliedTexts(1n), ["old", "a"]);
});

test("3.4: all votes split, nobody leads, and the next election decides", () => {
  const network = new LabNetwork(4, (id) => ({ random: drawing(Number(id)) }));
  for (const id of [1n, 2n]) network.node(id).campaign();
  network.isDropped = ({ from, to }) => (from === 1n && to === 4n) || (from === 2n && to === 3n);
  network.run();
  assert.deepEqual(
    [1n, 2n, 3n, 4n].map((id) => network.node(id).role),
    ["candidate", "candidate", "follower", "follower"],
  );
  network.heal();
  for (let at = 0; at < 20; at++) for (const id of [1n, 2n, 3n, 4n]) network.tick(id);
  const roles = [1n, 2n, 3n, 4n].map((id) => network.node(id).role);
  assert.equal(roles.filter((role) => role === "leader").length, 1);
});

test("3.5: an entry is committed when a majority has it, and applied everywhere, in the order of the log", () => {
  const network = new LabNetwork(5);
  network.elect(1n);
  network.isolate(4n, 5n);
  for (const text of ["a", "b", "c"]) network.node(1n).propose([proposal(text)]);
  network.run();
  assert.deepEqual(network.appliedTexts(1n), ["a", "b", "c"]);
  assert.deepEqual(network.appliedTexts(4n), []);
  network.isolate(3n);
  network.node(1n).propose([proposal("d")]);
  network.run();
  assert.deepEqual(network.appliedTexts(1n), ["a", "b", "c"]);
  network.heal();
  network.tick(1n, 2);
  for (const id of [1n, 2n, 3n, 4n, 5n]) {
    assert.deepEqual(network.appliedTexts(id), ["a", "b", "c", "d"]);
  }
});

test("3.5: a follower's log becomes the leader's, whether it lacks entries, has more, or both (figure 3.6)", () => {
  const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const followers = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  for (const terms of followers) {
    // Node 3 has nothing, and votes for the leader.
    const logs = [leaderTerms, terms, []];
    const network = new LabNetwork(3, (id) => ({
      entries: (logs[Number(id) - 1] ?? []).map((of, at) => entryAt(at + 1, of, `${of}`)),
      hardState: { term: term(8), vote: none, commit: logIndex(0) },
    }));
    network.elect(1n);
    assert.equal(network.node(1n).role, "leader");
    network.tick(1n);
    assert.deepEqual(network.appliedTexts(2n), leaderTerms.map(String));
    assert.deepEqual(network.appliedTexts(3n), leaderTerms.map(String));
  }
});

test("3.6.1: only a log with all committed entries wins", () => {
  const network = new LabNetwork(3);
  network.elect(1n);
  network.isolate(3n);
  network.node(1n).propose([proposal("a")]);
  network.run();
  network.heal();
  network.isolate(1n);
  network.elect(3n);
  assert.notEqual(network.node(3n).role, "leader");
  network.elect(2n);
  assert.equal(network.node(2n).role, "leader");
  assert.deepEqual(network.appliedTexts(3n), ["a"]);
});

test("3.6.2: figure 3.7: an older entry on a majority may still be replaced, unless one of the leader's term is behind it", () => {
  // Node 1 leads term 4 and has brought its old entry of term 2 to nodes 2 and 3; node 5 has one of term 3 in its place.
  const start = (terms: number[]): Entry[] => terms.map((of, at) => entryAt(at + 1, of, `${of}`));
  const logs = [start([1, 2]), start([1, 2]), start([1, 2]), start([1]), start([1, 3])];
  const make = (): LabNetwork =>
    new LabNetwork(5, (id) => ({
      entries: logs[Number(id) - 1] ?? [],
      hardState: { term: term(3), vote: none, commit: logIndex(1) },
      applied: 1,
    }));
  const network = make();
  // Only the empty entry of term 4 stays at home.
  network.isDropped = ({ type, index }) => type === "MsgApp" && index >= 2;
  network.elect(1n);
  assert.equal(network.node(1n).role, "leader");
  network.tick(1n, 2);
  assert.equal(network.node(1n).committed, 1);
  network.isolate(1n);
  network.elect(5n);
  assert.equal(network.node(5n).role, "leader");
  network.heal();
  network.tick(5n, 3);
  assert.deepEqual(network.appliedTexts(2n), ["3"]);
  const other = make();
  other.isolate(5n);
  other.elect(1n);
  assert.deepEqual(other.appliedTexts(2n), ["2"]);
  other.heal();
  other.isolate(1n);
  for (let at = 0; at < 3; at++) other.elect(5n);
  assert.notEqual(other.node(5n).role, "leader");
});

test("4.2.3, 9.6: a node that was cut off disturbs nobody when it is back", () => {
  for (const options of [{ checkQuorum: true }, { preVote: true }]) {
    const network = new LabNetwork(3, () => ({ preVote: true, ...options }));
    network.elect(1n);
    network.tick(1n);
    network.isolate(3n);
    for (let at = 0; at < 50; at++) {
      network.tick(3n);
      network.tick(1n);
    }
    assert.deepEqual([network.node(3n).role, network.node(3n).term], ["preCandidate", 1]);
    network.heal();
    for (let at = 0; at < 10; at++) {
      network.tick(3n);
      network.tick(1n);
    }
    assert.deepEqual([network.node(1n).role, network.node(1n).term], ["leader", 1]);
    assert.equal(network.node(3n).role, "follower");
  }
});

test("5: who lacks what is compacted gets the state instead, and goes on from there", () => {
  const network = new LabNetwork(3);
  const leader = network.elect(1n);
  network.isolate(3n);
  for (const text of ["a", "b", "c"]) leader.propose([proposal(text)]);
  network.run();
  const storage = network.storage(1n);
  storage.compact(leader.applied);
  storage.setSnapshotMetadata({
    index: leader.applied,
    term: leader.term,
    confState: leader.status().confState,
  });
  network.heal();
  network.tick(1n, 2);
  assert.equal(network.node(3n).applied, leader.applied);
  leader.propose([proposal("d")]);
  network.run();
  assert.deepEqual(network.appliedTexts(3n), ["d"]);
});
