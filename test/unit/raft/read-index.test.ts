/** Linearizable reads without a log entry (thesis 6.4). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, term } from "../../../node/lib/units.ts";
import { message } from "../../../node/raft/messages.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import { ReadOnly } from "../../../node/raft/read-only.ts";
import type { ReadState } from "../../../node/raft/ready.ts";
import { LabNetwork } from "./lab-network.ts";
import {
  confState,
  electLeader,
  entryAt,
  makeNode,
  me,
  proposal,
  received,
  settle,
  settledMessages,
  three,
  two,
  votersOnly,
} from "./raft-lab.ts";

const voters = [me, two, three];
const context = (text: string): Uint8Array => Buffer.from(text);
const shown = (reads: readonly ReadState[]): [string, number][] =>
  reads.map((read) => [Buffer.from(read.context).toString(), read.index]);
const readsOf = (node: RawNode): [string, number][] =>
  shown(settle(node).flatMap(({ readStates }) => readStates));
/** A leader of three that has committed its empty entry. */
function committedLeader(): RawNode {
  const { node } = electLeader({ voters });
  for (const id of [two, three]) {
    node.step(received("MsgAppResp", id, 1, { index: logIndex(1) }));
  }
  settle(node);
  return node;
}
const heartbeatContexts = (node: RawNode): Uint8Array[] =>
  settledMessages(node)
    .filter(({ type }) => type === "MsgHeartbeat")
    .map((sent) => sent.context);
const confirm = (node: RawNode, from: typeof me, confirmed: Uint8Array): void =>
  node.step(received("MsgHeartbeatResp", from, node.term, { context: confirmed }));

test("a read is answered when a majority has confirmed that this node leads, with the index of when it was asked", () => {
  const node = committedLeader();
  assert.equal(node.readIndex(context("r")), true);
  const [sent] = heartbeatContexts(node);
  assert.deepEqual(Buffer.from(sent ?? []), Buffer.of(1, 0, 0, 0, 0, 0, 0, 0));
  node.propose([proposal("a")]);
  settle(node);
  for (const id of [two, three]) node.step(received("MsgAppResp", id, 1, { index: logIndex(2) }));
  assert.deepEqual(readsOf(node), []);
  confirm(node, two, sent ?? Buffer.of());
  assert.deepEqual(readsOf(node), [["r", 1]]);
  confirm(node, three, sent ?? Buffer.of());
  assert.deepEqual(readsOf(node), []);
});

test("an answer confirms its read and all before it, not the later ones", () => {
  const node = committedLeader();
  for (const text of ["a", "b", "c"]) node.readIndex(context(text));
  const contexts = heartbeatContexts(node);
  confirm(node, three, contexts[2] ?? Buffer.of());
  assert.deepEqual(readsOf(node), [
    ["a", 1],
    ["b", 1],
  ]);
  confirm(node, three, contexts[5] ?? Buffer.of());
  assert.deepEqual(readsOf(node), [["c", 1]]);
});

test("a tick's heartbeats ask again for the reads that wait, and for nothing when none does", () => {
  const node = committedLeader();
  node.readIndex(context("a"));
  heartbeatContexts(node);
  node.tick();
  const [again] = heartbeatContexts(node);
  confirm(node, two, again ?? Buffer.of());
  assert.deepEqual(readsOf(node), [["a", 1]]);
  node.tick();
  assert.deepEqual(
    heartbeatContexts(node).map(({ length }) => length),
    [0, 0],
  );
});

test("confirmations of an earlier leadership count for nothing", () => {
  const node = committedLeader();
  node.readIndex(context("a"));
  const [sent] = heartbeatContexts(node);
  node.step(received("MsgHeartbeat", two, 2));
  node.campaign();
  settle(node);
  node.step(received("MsgVoteResp", two, 3));
  settle(node);
  node.step(received("MsgAppResp", two, 3, { index: logIndex(2) }));
  settle(node);
  node.step(received("MsgHeartbeatResp", two, 1, { context: sent ?? Buffer.of() }));
  confirm(node, two, sent ?? Buffer.of());
  assert.deepEqual(readsOf(node), []);
});

test("a context that was never sent, or is no counter, confirms nothing", () => {
  const readOnly = new ReadOnly();
  const request = message({ type: "MsgReadIndex", to: me });
  readOnly.add({ request, index: logIndex(4) }, me);
  readOnly.acknowledge(two, Buffer.of(1));
  readOnly.acknowledge(two, Buffer.of(2, 0, 0, 0, 0, 0, 0, 0));
  assert.deepEqual(readOnly.takeConfirmed(votersOnly(...voters)), []);
  readOnly.acknowledge(two, Buffer.of(1, 0, 0, 0, 0, 0, 0, 0));
  assert.deepEqual(readOnly.takeConfirmed(votersOnly(...voters)), [{ request, index: 4 }]);
  assert.equal(readOnly.heartbeatContext, undefined);
});

test("in a joint configuration both majorities must confirm", () => {
  const readOnly = new ReadOnly();
  const joint = confState({ voters: [me], votersOutgoing: voters });
  readOnly.add({ request: message({ type: "MsgReadIndex", to: me }), index: logIndex(4) }, me);
  assert.deepEqual(readOnly.takeConfirmed(joint), []);
  readOnly.acknowledge(three, Buffer.of(1, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(readOnly.takeConfirmed(joint).length, 1);
});

test("reads that come before the leader's first commit of its term wait for it", () => {
  const { node } = electLeader({ voters });
  node.readIndex(context("a"));
  assert.deepEqual(heartbeatContexts(node), []);
  node.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
  const [sent] = heartbeatContexts(node);
  confirm(node, two, sent ?? Buffer.of());
  assert.deepEqual(readsOf(node), [["a", 1]]);
});

test("the only voter need not ask, and still waits for the first commit of its term", () => {
  const node = makeNode({ learners: [two] });
  node.campaign();
  node.advanceAppend(node.ready());
  assert.equal(node.role, "leader");
  node.readIndex(context("a"));
  node.step(
    received("MsgReadIndex", two, 0, { entries: [{ ...entryAt(0, 0), data: context("b") }] }),
  );
  const ready = node.ready();
  assert.deepEqual(ready.readStates, []);
  node.advanceAppend(ready);
  const next = node.ready();
  assert.deepEqual(shown(next.readStates), [["a", 1]]);
  const [answer] = next.messages.filter(({ type }) => type === "MsgReadIndexResp");
  assert.deepEqual([answer?.to, answer?.index], [two, 1]);
});

test("a follower's read goes to the leader and comes back to the follower", () => {
  const network = new LabNetwork(3);
  assert.equal(network.node(3n).readIndex(context("early")), false);
  network.elect(1n);
  network.node(1n).propose([proposal("a")]);
  network.run();
  assert.equal(network.node(3n).readIndex(context("r")), true);
  network.run();
  assert.deepEqual(shown(network.reads(3n)), [["r", 2]]);
  assert.deepEqual(network.reads(1n), []);
  const [asked] = network.delivered.filter(({ type }) => type === "MsgReadIndex");
  assert.deepEqual([asked?.from, asked?.to, asked?.term], [3n, 1n, 0]);
});

test("a leader that is cut off answers no read", () => {
  const network = new LabNetwork(3);
  network.elect(1n);
  network.isolate(1n);
  network.elect(2n);
  network.node(2n).propose([proposal("newer")]);
  network.run();
  network.node(1n).readIndex(context("stale"));
  network.run();
  network.heal();
  network.tick(1n, 3);
  network.tick(2n, 3);
  assert.deepEqual(network.reads(1n), []);
});

test("a candidate knows no leader to ask, and a malformed read or answer is dropped", () => {
  const node = makeNode({ voters });
  node.campaign();
  settle(node);
  assert.equal(node.readIndex(context("a")), false);
  const leader = committedLeader();
  leader.step(received("MsgReadIndex", two, 0));
  assert.deepEqual(settledMessages(leader), []);
  const follower = makeNode({ voters });
  follower.step(received("MsgHeartbeat", two, 1));
  settle(follower);
  follower.step(received("MsgReadIndexResp", two, 1, { index: logIndex(3) }));
  assert.equal(follower.hasReady(), false);
  assert.equal(follower.term, term(1));
});
