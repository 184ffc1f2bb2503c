/** Handing leadership over (thesis 3.10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex } from "../../../node/lib/units.ts";
import type { RawNode } from "../../../node/raft/raw-node.ts";
import { LabNetwork } from "./lab-network.ts";
import {
  electLeader,
  makeNode,
  me,
  none,
  proposal,
  received,
  settle,
  settledMessages,
  three,
  two,
  typesOf,
} from "./raft-lab.ts";

const voters = [me, two, three];
function committedLeader(options: Parameters<typeof makeNode>[0] = {}): RawNode {
  const { node } = electLeader({ voters, ...options });
  node.step(received("MsgAppResp", two, 1, { index: logIndex(1) }));
  settle(node);
  return node;
}

test("a target with the whole log is told to campaign at once, and wins in spite of leases and pre-votes", () => {
  const network = new LabNetwork(3, () => ({ checkQuorum: true, preVote: true }));
  network.elect(1n);
  network.tick(1n);
  network.delivered.length = 0;
  network.node(1n).transferLeader(voters[1] ?? two);
  network.run();
  assert.deepEqual(
    [1n, 2n, 3n].map((id) => network.node(id).role),
    ["follower", "leader", "follower"],
  );
  const [, asked] = network.delivered;
  assert.deepEqual(
    [asked?.type, Buffer.from(asked?.context ?? []).toString()],
    ["MsgVote", "CampaignTransfer"],
  );
});

test("a target that lags is brought up to date first; no proposals are taken meanwhile", () => {
  const node = committedLeader();
  node.propose([proposal("a")]);
  settle(node);
  node.transferLeader(two);
  assert.equal(node.leadTransferee, two);
  assert.equal(node.propose([proposal("b")]), false);
  assert.equal(typesOf(settledMessages(node)).includes("MsgTimeoutNow"), false);
  node.step(received("MsgAppResp", two, 1, { index: logIndex(2) }));
  assert.equal(typesOf(settledMessages(node)).includes("MsgTimeoutNow"), true);
});

test("it is given up after an election timeout, which begins with it", () => {
  const node = committedLeader();
  for (let at = 0; at < 9; at++) node.tick();
  node.transferLeader(two);
  for (let at = 0; at < 9; at++) node.tick();
  assert.equal(node.leadTransferee, two);
  node.tick();
  assert.equal(node.leadTransferee, none);
  assert.equal(node.propose([proposal("a")]), true);
});

test("a second target takes the place of the first; the same one again, itself, learners and strangers change nothing", () => {
  const node = committedLeader({ learners: [4n as typeof me] });
  for (const id of [me, 4n as typeof me, 77n as typeof me]) {
    node.transferLeader(id);
    assert.equal(node.leadTransferee, none);
  }
  node.transferLeader(three);
  settle(node);
  node.transferLeader(three);
  assert.deepEqual(settledMessages(node), []);
  node.transferLeader(two);
  assert.equal(node.leadTransferee, two);
  node.transferLeader(me);
  assert.equal(node.leadTransferee, none);
});

test("a follower passes the wish on; without a leader, or as a candidate, it is forgotten", () => {
  const network = new LabNetwork(3);
  network.node(3n).transferLeader(voters[1] ?? two);
  network.run();
  assert.deepEqual(network.delivered, []);
  network.elect(1n);
  network.node(3n).transferLeader(two);
  network.run();
  assert.equal(network.node(2n).role, "leader");
  const candidate = makeNode({ voters });
  candidate.campaign();
  settle(candidate);
  candidate.transferLeader(two);
  assert.deepEqual(settledMessages(candidate), []);
});

test("a target that is no voter any more is not waited for", () => {
  const node = committedLeader();
  node.propose([proposal("a")]);
  settle(node);
  node.transferLeader(three);
  node.applyConfChange({
    transition: 0,
    changes: [{ type: 1, nodeId: three }],
    context: Buffer.of(),
  });
  assert.equal(node.leadTransferee, none);
});

test("only a follower campaigns at a leader's word", () => {
  const candidate = makeNode({ voters });
  candidate.campaign();
  settle(candidate);
  candidate.step(received("MsgTimeoutNow", two, 1));
  assert.equal(candidate.term, 1);
});
