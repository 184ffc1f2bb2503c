/** A state instead of entries: when a leader sends one, and what a follower does with it (thesis 5). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import {
  acknowledge,
  confState,
  electLeader,
  entriesOfTerms,
  entryAt,
  hardStateAt,
  indexesOf,
  makeNode,
  makeNodeAndStorage,
  me,
  progressOf,
  proposal,
  received,
  settle,
  settledMessages,
  snapshotAt,
  textsOf,
  three,
  told,
  two,
  typesOf,
  votersOnly,
} from "./raft-lab.ts";

const voters = [me, two, three];

/** A leader whose log is compacted beyond what `two` has; `two` has answered, so it is active. */
function leaderBeyond(state = votersOnly(...voters)): ReturnType<typeof electLeader> {
  const made = electLeader({
    confState: state,
    snapshot: { index: 5, term: 1 },
    entries: [entryAt(6, 1)],
    hardState: hardStateAt(1, 6),
  });
  made.storage.setSnapshotMetadata(snapshotAt(5, 1, state));
  return made;
}
const rejectAll = (node: RawNode): void =>
  node.step(received("MsgAppResp", two, 2, { index: logIndex(6), reject: true }));

test("5: who lacks what is compacted is sent a snapshot, and nothing else until it answers", () => {
  const { node } = leaderBeyond();
  rejectAll(node);
  const [sent] = settledMessages(node);
  assert.deepEqual([sent?.type, sent?.snapshot?.metadata.index], ["MsgSnap", 5]);
  const { state, pendingSnapshot, next, isPaused } = progressOf(node, two);
  assert.deepEqual([state, pendingSnapshot, next, isPaused], ["snapshot", 5, 6, true]);
  node.propose([proposal("a")]);
  node.step(received("MsgHeartbeatResp", two, 2));
  assert.deepEqual(settledMessages(node), []);
  acknowledge(node, two, 5);
  assert.equal(progressOf(node, two).state, "replicate");
  assert.deepEqual(indexesOf(settledMessages(node)[0]?.entries ?? []), [6, 7, 8]);
});

test("no snapshot goes while there is none, or to who does not answer", () => {
  const { node, storage } = leaderBeyond();
  storage.setSnapshotMetadata(undefined);
  rejectAll(node);
  assert.deepEqual(settledMessages(node), []);
  storage.setSnapshotMetadata(snapshotAt(4, 1, votersOnly(...voters)));
  node.step(received("MsgHeartbeatResp", two, 2));
  assert.deepEqual(settledMessages(node), [], "one that the log does not continue is none");
  storage.setSnapshotMetadata(snapshotAt(6, 1, votersOnly(...voters)));
  node.step(received("MsgHeartbeatResp", two, 2));
  assert.deepEqual(typesOf(settledMessages(node)), ["MsgSnap"]);
});

test("no snapshot goes to who has not answered since the last check of the quorum", () => {
  const { node, storage } = electLeader({ voters, checkQuorum: true });
  for (const id of [two, three]) acknowledge(node, id, 1);
  settle(node);
  node.propose([proposal("a"), proposal("b")]);
  settle(node);
  acknowledge(node, two, 3);
  settle(node);
  for (let at = 0; at < 20; at++) {
    node.tick();
    node.step(received("MsgHeartbeatResp", two, 1));
  }
  settle(node);
  storage.compact(logIndex(3));
  storage.setSnapshotMetadata(snapshotAt(3, 1, votersOnly(...voters)));
  node.reportUnreachable(three);
  node.propose([proposal("c")]);
  assert.deepEqual(typesOf(settledMessages(node)), ["MsgApp"]);
  node.step(received("MsgHeartbeatResp", three, 1));
  assert.deepEqual(typesOf(settledMessages(node)), ["MsgSnap"]);
});

test("a snapshot that failed is tried again after a heartbeat; one that arrived is followed from its index", () => {
  const { node } = leaderBeyond();
  rejectAll(node);
  settle(node);
  node.reportSnapshot(two, "failed");
  const failed = progressOf(node, two);
  assert.deepEqual([failed.state, failed.next, failed.isPaused], ["probe", 1, true]);
  node.step(received("MsgHeartbeatResp", two, 2));
  assert.deepEqual(typesOf(settledMessages(node)), ["MsgSnap"]);
  node.reportSnapshot(two, "finished");
  const arrived = progressOf(node, two);
  assert.deepEqual([arrived.state, arrived.next, arrived.isPaused], ["probe", 6, true]);
  node.reportSnapshot(two, "failed");
  assert.equal(progressOf(node, two).next, 6);
});

const snapMessage = (
  index: number,
  of: number,
  state = votersOnly(...voters),
): ReturnType<typeof received> =>
  received("MsgSnap", two, 3, {
    snapshot: { metadata: snapshotAt(index, of, state), data: Buffer.of() },
  });

test("a follower that is given a snapshot installs it, then answers, then goes on from there", () => {
  const { node, storage } = makeNodeAndStorage({ voters, entries: entriesOfTerms(1, 1) });
  node.step(snapMessage(9, 2, confState({ voters: [two, three], learners: [me] })));
  const ready = node.ready();
  assert.equal(ready.snapshot?.metadata.index, 9);
  assert.deepEqual([ready.mustSync, ready.hardState?.commit], [true, 9]);
  assert.deepEqual(ready.messagesAfterAppend.map(told), [
    { type: "MsgAppResp", to: two, term: 3, index: 9 },
  ]);
  assert.equal(node.applied, 0);
  node.step(
    received("MsgApp", two, 3, {
      index: logIndex(9),
      logTerm: term(2),
      entries: [entryAt(10, 3, "next")],
      commit: logIndex(10),
    }),
  );
  assert.deepEqual(node.ready().committedEntries, [], "nothing is applied before it is installed");
  node.advanceAppend(ready);
  assert.deepEqual([node.applied, storage.firstIndex, storage.lastIndex], [9, 10, 9]);
  assert.deepEqual(node.status().confState.learners, [me]);
  const applied = settle(node).flatMap(({ committedEntries }) => textsOf(committedEntries));
  assert.deepEqual(applied, ["next"]);
});

test("what was handed out before a snapshot is applied to the configuration of before", () => {
  const node = makeNode({
    voters,
    entries: entriesOfTerms(1),
    hardState: hardStateAt(1, 1),
    applied: 0,
  });
  assert.equal(node.ready().committedEntries.length, 1);
  node.step(snapMessage(9, 2, votersOnly(me, two)));
  assert.deepEqual(node.status().confState.voters.length, 3);
  node.advanceApply(logIndex(1));
  settle(node);
  assert.deepEqual(node.status().confState.voters.length, 2);
});

test("no campaign while a snapshot waits to be installed", () => {
  const node = makeNode({ voters });
  node.step(snapMessage(9, 2));
  const ready = node.ready();
  node.campaign();
  for (let at = 0; at < 50; at++) node.tick();
  assert.equal(node.role, "follower");
  node.advanceAppend(ready);
  node.campaign();
  assert.equal(node.role, "candidate");
});

test("a snapshot is refused below the commit index, and by who is not in it", () => {
  const node = makeNode({ voters, entries: entriesOfTerms(1, 1, 1), hardState: hardStateAt(1, 2) });
  node.step(snapMessage(2, 2));
  node.step(snapMessage(9, 2, votersOnly(two, three)));
  assert.deepEqual(
    settledMessages(node).map(({ index }) => index),
    [2, 2],
  );
  assert.equal(node.committed, 2);
});

test("a log that has the snapshot's last entry keeps what is behind, and learns what is committed", () => {
  const node = makeNode({
    voters,
    entries: entriesOfTerms(1, 1, 1, 1),
    hardState: hardStateAt(1, 1),
  });
  node.step(snapMessage(3, 1));
  const readies = settle(node);
  assert.equal(
    readies.some(({ snapshot }) => snapshot !== undefined),
    false,
  );
  assert.equal(node.committed, 3);
  assert.equal(readies.flatMap((ready) => ready.messagesAfterAppend)[0]?.index, 3);
});

test("a snapshot that comes while another is being installed is installed next", () => {
  const node = makeNode({ voters });
  node.step(snapMessage(5, 2));
  const first = node.ready();
  node.step(snapMessage(8, 2));
  node.advanceAppend(first);
  assert.equal(node.applied, 5);
  assert.equal(node.hasReady(), true);
  const second = node.ready();
  assert.equal(second.snapshot?.metadata.index, 8);
  node.advanceAppend(second);
  assert.deepEqual([node.applied, node.committed], [8, 8]);
});
