/** Membership changes as raft sees them: what enters the log, and what a change does when it is applied (thesis 4). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, type MemberId } from "../../../node/lib/units.ts";
import {
  type ConfChangeV2,
  encodeConfChange,
  encodeConfChangeV2,
} from "../../../node/proto/conf-change-codec.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import { LabNetwork } from "./lab-network.ts";
import {
  applyConfChangeOf,
  confState,
  electLeader,
  four,
  makeLeader,
  makeNode,
  me,
  proposal,
  received,
  settle,
  settledMessages,
  three,
  two,
} from "./raft-lab.ts";

const [add, remove, learner] = [0, 1, 3];
const change = (
  changes: readonly (readonly [number | undefined, MemberId])[],
  transition = 0,
): ConfChangeV2 => ({
  transition,
  changes: changes.map(([type = 0, nodeId]) => ({ type, nodeId })),
  context: Buffer.of(),
});
const proposed = (of: ConfChangeV2): Proposal => ({ type: 2, data: encodeConfChangeV2(of) });
const leave = proposed(change([]));
/** Of the entries that the node appends next: their types. */
const appendedTypes = (node: RawNode): number[] =>
  settle(node).flatMap(({ entries }) => entries.map(({ type }) => type));

test("a change takes effect when it is applied, not when it is appended or committed", () => {
  const node = makeLeader();
  node.propose([
    { type: 1, data: encodeConfChange({ id: 1n, type: 0, nodeId: two, context: Buffer.of() }) },
  ]);
  node.advanceAppend(node.ready());
  const [entry] = node.ready().committedEntries;
  assert.ok(entry !== undefined);
  assert.deepEqual(node.status().confState.voters, [me]);
  assert.deepEqual(applyConfChangeOf(node, entry)?.voters, [two, me]);
  node.advanceApply(entry.index);
  assert.equal(node.isSingleVoter, false);
});

test("one change at a time: a second one before the first is applied becomes an empty entry", () => {
  const node = makeLeader();
  node.propose([
    proposed(change([[learner, two]])),
    proposal("a"),
    proposed(change([[learner, three]])),
  ]);
  const ready = node.ready();
  assert.deepEqual(
    ready.entries.map(({ type, data }) => [type, data.length > 0]),
    [
      [2, true],
      [0, true],
      [0, false],
    ],
  );
  node.advanceAppend(ready);
  const { committedEntries } = node.ready();
  assert.equal(committedEntries.length, 3);
  // Handed out is not applied.
  node.propose([proposed(change([[learner, three]]))]);
  node.advanceApply(committedEntries[0]?.index ?? logIndex(0));
  node.propose([proposed(change([[learner, three]]))]);
  assert.deepEqual(
    node.ready().entries.map(({ type }) => type),
    [0, 2],
  );
});

test("a new leader lets no change in before all of its log is applied", () => {
  const { node } = electLeader({ voters: [me, two] });
  node.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
  assert.equal(node.committed, 1);
  const other = electLeader({
    voters: [me, two],
    entries: [{ term: 1, index: 1, type: 0, data: Buffer.of() } as never],
    hardState: { term: 1, vote: 0n, commit: 0 } as never,
  }).node;
  other.propose([proposed(change([[learner, three]]))]);
  assert.deepEqual(appendedTypes(other), [0]);
  other.step(received("MsgAppResp", two, 2, { index: logIndex(3) }));
  settle(other);
  other.propose([proposed(change([[learner, three]]))]);
  assert.deepEqual(appendedTypes(other), [2]);
});

test("inside of a joint configuration only its end may follow, outside of one no end", () => {
  const node = makeLeader();
  node.propose([leave]);
  assert.deepEqual(appendedTypes(node), [0]);
  node.propose([proposed(change([[learner, two]], 2))]);
  assert.deepEqual(appendedTypes(node), [2]);
  assert.deepEqual(
    node.status().confState,
    confState({ voters: [me], votersOutgoing: [me], learners: [two] }),
  );
  node.propose([proposed(change([[learner, three]]))]);
  assert.deepEqual(appendedTypes(node), [0]);
  node.propose([leave]);
  assert.deepEqual(appendedTypes(node), [2]);
  assert.deepEqual(node.status().confState, confState({ voters: [me], learners: [two] }));
});

test("a joint configuration that ends by itself ends when its entry is applied", () => {
  const node = makeLeader();
  node.propose([
    proposed(
      change([
        [learner, two],
        [learner, three],
      ]),
    ),
  ]);
  assert.deepEqual(appendedTypes(node), [2, 2]);
  assert.deepEqual(node.status().confState, confState({ voters: [me], learners: [two, three] }));
});

test("an automatic end that a leader transfer has kept out comes with the next applied entry, or by the next leader", () => {
  const network = new LabNetwork(4, () => ({ voters: [1n, 2n, 3n] as MemberId[] }));
  const old = network.elect(1n);
  old.propose([
    proposed(
      change([
        [add, four],
        [remove, three],
      ]),
    ),
  ]);
  network.isDropped = ({ type, to }) =>
    type === "MsgTimeoutNow" || (type === "MsgApp" && to === 4n);
  old.transferLeader(two);
  network.run();
  assert.equal(old.status().confState.votersOutgoing.length, 3);
  network.heal();
  network.tick(1n, 12);
  old.propose([proposal("a")]);
  network.run();
  assert.deepEqual(old.status().confState, confState({ voters: [1n, 2n, 4n] as MemberId[] }));
});

test("a joint configuration needs both majorities", () => {
  for (const [isolated, isCommitted] of [
    [[2n, 3n], false],
    [[4n, 5n], false],
    [[3n, 5n], true],
  ] as const) {
    const network = new LabNetwork(5, () => ({ voters: [1n, 2n, 3n] as MemberId[] }));
    const leader = network.elect(1n);
    const [four, five] = [4n as MemberId, 5n as MemberId];
    leader.propose([
      proposed(
        change(
          [
            [add, four],
            [add, five],
            [remove, two],
            [remove, three],
          ],
          2,
        ),
      ),
    ]);
    network.run();
    assert.deepEqual(leader.status().confState.voters, [1n, 4n, 5n]);
    network.isolate(...isolated);
    leader.propose([proposal("a")]);
    network.run();
    network.tick(1n, 3);
    assert.equal(network.appliedTexts(1n).includes("a"), isCommitted, `without ${isolated.join()}`);
    // The end of the joint configuration is committed under it.
    leader.propose([leave]);
    network.run();
    assert.equal(leader.status().confState.votersOutgoing.length === 0, isCommitted);
  }
});

test("who is added is fed at once; a smaller quorum commits at once", () => {
  const node = makeLeader();
  node.propose([proposed(change([[learner, two]]))]);
  const sent = settledMessages(node);
  assert.deepEqual(
    sent.map(({ type, to, index }) => [type, to, index]),
    [["MsgApp", two, 1]],
  );
  const { node: pair } = electLeader({ voters: [me, two, three] });
  pair.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
  settle(pair);
  pair.propose([proposed(change([[remove, three]]))]);
  settle(pair);
  pair.propose([proposal("a")]);
  settle(pair);
  pair.step(received("MsgAppResp", two, 1, { index: logIndex(2) }));
  settle(pair);
  assert.equal(pair.committed, 2);
  pair.step(received("MsgAppResp", two, 1, { index: logIndex(3) }));
  settle(pair);
  pair.propose([proposed(change([[remove, two]])), proposal("b")]);
  settle(pair);
  assert.equal(pair.committed, 3);
  pair.step(received("MsgAppResp", two, 1, { index: logIndex(4) }));
  settle(pair);
  assert.equal(pair.committed, 5, "what was pending is committed by the only voter left");
});

test("4.2.2: a leader that is removed or demoted steps down when that is applied", () => {
  for (const type of [remove, learner]) {
    for (const stepDownOnRemoval of [true, false]) {
      const { node } = electLeader({ voters: [me, two], stepDownOnRemoval });
      node.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
      settle(node);
      node.propose([proposed(change([[type, me]]))]);
      settle(node);
      assert.equal(node.role, "leader");
      node.step(received("MsgAppResp", two, 1, { index: logIndex(2) }));
      settle(node);
      assert.equal(node.role, stepDownOnRemoval ? "follower" : "leader");
      if (type === remove) assert.equal(node.propose([proposal("a")]), false);
    }
  }
});

test("the changes of who is in the configuration become the status' progress", () => {
  const node = makeLeader();
  node.propose([proposed(change([[add, two]]))]);
  settle(node);
  const { progress } = node.status();
  assert.deepEqual(
    progress.map(({ id, match, isRecentActive }) => [id, match, isRecentActive]),
    [
      [two, 0, true],
      [me, 2, true],
    ],
  );
});

test("a change that cannot be applied is a bug", () => {
  assert.throws(
    () => makeNode({ voters: [me] }).applyConfChange(change([[remove, me]])),
    /cannot be applied/,
  );
});
