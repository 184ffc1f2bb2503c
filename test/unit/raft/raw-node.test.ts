import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../../node/lib/assert.ts";
import { logIndex, memberId, term } from "../../../node/lib/units.ts";
import {
  type ConfChangeV2,
  confChangeTransition,
  confChangeType,
} from "../../../node/proto/conf-change-codec.ts";
import { raftDefaults } from "../../../node/raft/config.ts";
import { MemoryStorage } from "../../../node/raft/memory-storage.ts";
import { RawNode } from "../../../node/raft/raw-node.ts";
import {
  drawing,
  emptyHardState,
  entryAt,
  indexesOf,
  makeLeader,
  makeNode,
  me,
  none,
  proposal,
  settle,
  textsOf,
  votersOnly,
} from "./raft-lab.ts";

const other = memberId(2n);
const context = (n: number): Uint8Array => Buffer.from(`${n}`);
const adding = (nodeId: bigint): ConfChangeV2 => ({
  transition: confChangeTransition.auto,
  changes: [{ type: confChangeType.addNode, nodeId }],
  context: Buffer.of(),
});

test("a new node is a follower without a leader and has nothing to do", () => {
  const node = makeNode();
  assert.equal(node.role, "follower");
  assert.equal(node.lead, none);
  assert.equal(node.term, 0);
  assert.equal(node.hasReady(), false);
});

test("a single voter's own vote counts only once it is durable", () => {
  const node = makeNode();
  node.campaign();
  assert.equal(node.role, "candidate");
  const ready = node.ready();
  assert.deepEqual(ready.hardState, { term: 1, vote: me, commit: 0 });
  assert.equal(ready.mustSync, true);
  assert.equal(node.role, "candidate");
  assert.equal(node.isAppending, true);
  node.advanceAppend(ready);
  assert.equal(node.role, "leader");
  assert.equal(node.lead, me);
});

test("the empty entry of a leader's term is committed first, and only once it is durable", () => {
  const node = makeNode();
  node.campaign();
  node.advanceAppend(node.ready());
  const ready = node.ready();
  assert.deepEqual(textsOf(ready.entries), [""]);
  assert.equal(ready.entries[0]?.term, 1);
  assert.equal(node.committed, 0);
  node.advanceAppend(ready);
  assert.equal(node.committed, 1);
  assert.deepEqual(indexesOf(node.ready().committedEntries), [1]);
});

test("proposals come out as committed only after they are durable, in order", () => {
  const node = makeLeader();
  assert.equal(node.propose([proposal("a"), proposal("b")]), true);
  assert.equal(node.propose([proposal("c")]), true);
  const ready = node.ready();
  assert.deepEqual(textsOf(ready.entries), ["a", "b", "c"]);
  assert.deepEqual(ready.committedEntries, []);
  assert.equal(node.hasReady(), false);
  node.advanceAppend(ready);
  const next = node.ready();
  assert.deepEqual(textsOf(next.committedEntries), ["a", "b", "c"]);
  assert.deepEqual(indexesOf(next.committedEntries), [2, 3, 4]);
});

test("while a Ready is being written the next one gathers", () => {
  const node = makeLeader();
  node.propose([proposal("a")]);
  const first = node.ready();
  node.propose([proposal("b")]);
  assert.equal(node.hasReady(), false);
  const between = node.ready();
  assert.equal(between.mustSync, false);
  assert.deepEqual(between.entries, []);
  assert.deepEqual(between.messagesAfterAppend, []);
  node.advanceAppend(first);
  const second = node.ready();
  assert.deepEqual(textsOf(second.entries), ["b"]);
  assert.deepEqual(textsOf(second.committedEntries), ["a"]);
});

test("what is committed is handed out while the next batch is being written", () => {
  const node = makeLeader({ committedPerReadyMax: 1 });
  node.propose([proposal("a"), proposal("b")]);
  node.advanceAppend(node.ready());
  node.propose([proposal("c")]);
  const first = node.ready();
  assert.deepEqual(textsOf(first.committedEntries), ["a"]);
  assert.deepEqual(textsOf(first.entries), ["c"]);
  assert.equal(node.hasReady(), true);
  assert.deepEqual(textsOf(node.ready().committedEntries), ["b"]);
  assert.equal(node.hasReady(), false);
});

test("committed entries come in slices of the size that was asked for", () => {
  const node = makeLeader({ committedPerReadyMax: 3 });
  node.propose(["a", "b", "c", "d", "e", "f", "g"].map(proposal));
  const slices = settle(node).map((ready) => textsOf(ready.committedEntries).join(""));
  assert.deepEqual(
    slices.filter((slice) => slice !== ""),
    ["abc", "def", "g"],
  );
});

test("a follower and a candidate drop proposals and reads", () => {
  const node = makeNode({ voters: [me, other] });
  assert.equal(node.propose([proposal("a")]), false);
  assert.equal(node.readIndex(context(1)), false);
  node.campaign();
  assert.equal(node.propose([proposal("a")]), false);
  assert.equal(node.readIndex(context(1)), false);
  assert.deepEqual(node.ready().entries, []);
});

test("a node that does not vote never campaigns", () => {
  const node = makeNode({ voters: [other] });
  node.campaign();
  for (let ticks = 0; ticks < 100; ticks++) node.tick();
  assert.equal(node.role, "follower");
  assert.equal(node.term, 0);
});

test("one voter of two does not win by its own vote", () => {
  const node = makeNode({ voters: [me, other] });
  node.campaign();
  settle(node);
  assert.equal(node.role, "candidate");
  assert.equal(node.isSingleVoter, false);
});

test("a conf change that is applied makes a voter of the node", () => {
  const node = makeNode({
    voters: [],
    hardState: { term: term(1), vote: none, commit: logIndex(1) },
    entries: [entryAt(1, 1, "add me")],
  });
  node.campaign();
  assert.equal(node.role, "follower");
  assert.deepEqual(textsOf(node.ready().committedEntries), ["add me"]);
  node.applyConfChange(adding(me));
  node.advanceApply(logIndex(1));
  assert.equal(node.isSingleVoter, true);
  node.campaign();
  settle(node);
  assert.equal(node.role, "leader");
  assert.equal(node.term, 2);
});

test("a restart keeps term, vote and log, and hands out only what is not applied", () => {
  const node = makeNode({
    hardState: { term: term(4), vote: other, commit: logIndex(3) },
    entries: [1, 2, 3, 4].map((index) => entryAt(index, 4, `e${index}`)),
    applied: 1,
  });
  assert.equal(node.term, 4);
  assert.equal(node.committed, 3);
  const ready = node.ready();
  assert.equal(ready.hardState, undefined);
  assert.equal(ready.mustSync, false);
  assert.deepEqual(textsOf(ready.committedEntries), ["e2", "e3"]);
  node.advanceApply(logIndex(3));
  node.campaign();
  assert.deepEqual(node.ready().hardState, { term: 5, vote: me, commit: 3 });
});

test("after a restart the uncommitted tail is committed by the new term's empty entry", () => {
  const node = makeNode({
    hardState: { term: term(4), vote: me, commit: logIndex(1) },
    entries: [1, 2, 3].map((index) => entryAt(index, 4, `e${index}`)),
    applied: 1,
  });
  node.campaign();
  const applied = settle(node).flatMap((ready) => textsOf(ready.committedEntries));
  assert.deepEqual(applied, ["e2", "e3", ""]);
  assert.equal(node.committed, 4);
});

test("a restart that contradicts itself is a bug", () => {
  const hardState = { term: term(1), vote: none, commit: logIndex(2) };
  assert.throws(() => makeNode({ hardState, entries: [entryAt(1, 1)] }), /committed beyond/);
  const entries = [entryAt(1, 1), entryAt(2, 1)];
  assert.throws(
    () => makeNode({ hardState: { ...hardState, commit: logIndex(1) }, entries, applied: 2 }),
    /applied beyond committed/,
  );
});

test("a hard state that moved in its commit alone need not be synced", () => {
  const node = makeLeader();
  node.propose([proposal("a")]);
  node.advanceAppend(node.ready());
  const ready = node.ready();
  assert.deepEqual(ready.hardState, { term: 1, vote: me, commit: 2 });
  assert.equal(ready.mustSync, false);
  assert.equal(node.isAppending, false);
});

test("advanceAppend of another Ready than the one being written is a bug", () => {
  const node = makeLeader();
  node.propose([proposal("a")]);
  const ready = node.ready();
  assert.throws(() => node.advanceAppend({ ...ready }), AssertionError);
  node.advanceAppend(ready);
  assert.throws(() => node.advanceAppend(ready), /advanceAppend of another Ready/);
});

test("applied moves up only, and not beyond what was handed out", () => {
  const node = makeLeader();
  assert.equal(node.applied, 1);
  assert.throws(() => node.advanceApply(logIndex(2)), AssertionError);
  assert.throws(() => node.advanceApply(logIndex(0)), AssertionError);
});

test("a configuration without room for an election or an entry is a bug", () => {
  assert.throws(() => makeNode({ electionTicks: 1 }), AssertionError);
  assert.throws(() => makeNode({ committedPerReadyMax: 0 }), AssertionError);
  const storage = new MemoryStorage(
    { index: logIndex(0), term: term(0), confState: votersOnly(me) },
    emptyHardState,
    [],
  );
  const config = { ...raftDefaults, electionTicks: 10, storage, applied: logIndex(0) };
  assert.throws(() => new RawNode({ ...config, id: none, random: drawing(0) }), AssertionError);
});

test("campaigning again while the vote is being written makes the old vote worthless", () => {
  const node = makeNode();
  node.campaign();
  const first = node.ready();
  node.campaign();
  node.advanceAppend(first);
  assert.equal(node.role, "candidate");
  assert.equal(node.term, 2);
  settle(node);
  assert.equal(node.role, "leader");
  assert.equal(node.term, 2);
});

test("a leader neither campaigns nor ticks itself out of office", () => {
  const node = makeLeader();
  node.campaign();
  for (let ticks = 0; ticks < 100; ticks++) node.tick();
  assert.equal(node.role, "leader");
  assert.equal(node.term, 1);
});

test("whatever the pace of disk and proposals, all proposals are applied once, in order, after their write", () => {
  const step = fc.constantFrom("propose", "take", "written", "tick", "read");
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      (steps, sliceMax) => {
        const node = makeLeader({ committedPerReadyMax: sliceMax });
        const proposed: string[] = [];
        const applied: string[] = [];
        const reads: string[] = [];
        let written = 1;
        let writing: ReturnType<RawNode["ready"]> | undefined;
        const take = (): void => {
          const ready = node.ready();
          if (ready.mustSync) {
            assert.equal(writing, undefined, "two writes at once");
            writing = ready;
          }
          for (const entry of ready.committedEntries) {
            assert.ok(entry.index <= written, "applied before it was durable");
            applied.push(Buffer.from(entry.data).toString());
            node.advanceApply(entry.index);
          }
          assert.ok(ready.committedEntries.length <= sliceMax);
          for (const { context: asked, index } of ready.readStates) {
            reads.push(Buffer.from(asked).toString());
            assert.ok(index <= node.committed);
          }
        };
        const finish = (): void => {
          if (writing === undefined) return;
          const ready = writing;
          writing = undefined;
          written = Math.max(written, ready.entries.at(-1)?.index ?? 0);
          node.advanceAppend(ready);
        };
        let asked = 0;
        for (const what of steps) {
          if (what === "propose") {
            const text = `p${proposed.length}`;
            proposed.push(text);
            node.propose([proposal(text)]);
          } else if (what === "take") take();
          else if (what === "written") finish();
          else if (what === "tick") node.tick();
          else node.readIndex(context(asked++));
        }
        while (node.hasReady() || writing !== undefined) {
          take();
          finish();
        }
        assert.deepEqual(applied, proposed);
        assert.deepEqual(
          reads,
          Array.from({ length: asked }, (_, at) => `${at}`),
        );
      },
    ),
  );
});
