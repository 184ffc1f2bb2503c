import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorKind } from "../../../node/lib/etcd-error.ts";
import { memberListHash } from "../../../node/membership/member-list-hash.ts";
import { confStateOf, id, memberOf, started } from "../membership/membership-lab.ts";
import { ReconfigLab } from "./reconfig-lab.ts";

const any = { expectedMemberListHash: undefined };
const learner = { isLearner: true };
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a change is answered with the whole list when its entry was applied", () => {
  const lab = new ReconfigLab([started(1)]);
  lab.reconfig.add({ member: memberOf(2, learner), ...any }, lab.waiter());
  assert.deepEqual(lab.changeAt(0).changes, [{ kind: "add", member: memberOf(2, learner) }]);
  assert.equal(lab.changeAt(0).maxLearners, 1);
  assert.deepEqual(lab.taken(), []);
  lab.settle(0);
  assert.deepEqual(lab.taken(), ["1"]);
});

test("the error of the application is the answer, once", () => {
  const lab = new ReconfigLab([started(1)]);
  lab.reconfig.update({ id: id(1), peerUrls: ["http://a:1"], ...any }, lab.waiter());
  lab.settle(0, "PeerURLExist");
  lab.settle(0);
  assert.deepEqual(lab.taken(), ["PeerURLExist"]);
});

test("changes go to the log one at a time, each checked when its turn comes", () => {
  const lab = new ReconfigLab([started(1), started(2), started(3)]);
  lab.connect(2, 3);
  lab.reconfig.remove({ id: id(2), ...any }, lab.waiter("first "));
  lab.reconfig.remove({ id: id(3), ...any }, lab.waiter("second "));
  lab.reconfig.update({ id: id(1), peerUrls: ["http://a:1"], ...any }, lab.waiter("third "));
  assert.equal(lab.proposed.length, 1);
  lab.activeMs.delete(id(2));
  lab.settle(0);
  assert.deepEqual(lab.taken(), ["first 1,2,3", "second Unhealthy"]);
  assert.equal(lab.proposed.length, 2);
  lab.settle(1);
  assert.deepEqual(lab.taken(), ["third 1,2,3"]);
});

test("two requests have two ids, with the member's bits", () => {
  const lab = new ReconfigLab([started(1)]);
  for (const at of [0, 1]) {
    lab.reconfig.update({ id: id(1), peerUrls: ["http://a:1"], ...any }, lab.waiter());
    lab.settle(at);
  }
  const ids = [0, 1].map((at) => lab.changeAt(at).requestId);
  assert.notEqual(ids[0], ids[1]);
  for (const one of ids) assert.equal(one >> 48n, 1n);
});

test("without a leader a change waits and is tried again; in the end it times out", () => {
  const lab = new ReconfigLab([started(1)]);
  lab.takesProposals = false;
  lab.reconfig.update({ id: id(1), peerUrls: ["http://a:1"], ...any }, lab.waiter());
  lab.tick();
  assert.equal(lab.proposed.length, 0);
  lab.takesProposals = true;
  lab.tick();
  assert.equal(lab.proposed.length, 1);
  lab.tick(6700);
  assert.deepEqual(lab.taken(), []);
  lab.tick();
  assert.deepEqual(lab.taken(), ["Timeout"]);
  // Late, and nobody's any more; the next change does not wait for it.
  lab.reconfig.update({ id: id(1), peerUrls: ["http://b:1"], ...any }, lab.waiter());
  assert.equal(lab.proposed.length, 2);
  lab.settle(0);
  assert.deepEqual(lab.taken(), []);
  lab.settle(1);
  assert.deepEqual(lab.taken(), ["1"]);
});

test("a member that stops answers what waits", () => {
  const lab = new ReconfigLab([started(1), started(2)]);
  lab.connect(2);
  const update = { id: id(1), peerUrls: ["http://a:1"], ...any };
  lab.reconfig.update(update, lab.waiter("a "));
  lab.reconfig.update(update, lab.waiter("b "));
  lab.reconfig.moveLeader(id(2), lab.waiter("c "));
  lab.reconfig.refuseAll("Stopped");
  assert.deepEqual(lab.taken().toSorted(), ["a Stopped", "b Stopped", "c Stopped"]);
});

test("requests beyond any need are refused", () => {
  const lab = new ReconfigLab([started(1)]);
  const update = { id: id(1), peerUrls: ["http://a:1"], ...any };
  for (let count = 0; count < 102; count++) lab.reconfig.update(update, lab.waiter());
  assert.deepEqual(lab.taken(), ["TooManyRequests"]);
});

test("a change planned from another list is refused before it is proposed", () => {
  const lab = new ReconfigLab([started(1), started(2), started(3)]);
  lab.connect(2, 3);
  const expectedMemberListHash = memberListHash(lab.cluster.members);
  const wrong = { expectedMemberListHash: memberListHash([]) };
  lab.reconfig.remove({ id: id(3), ...wrong }, lab.waiter("remove "));
  lab.reconfig.add({ member: memberOf(4), ...wrong }, lab.waiter("add "));
  lab.reconfig.update({ id: id(3), peerUrls: ["http://a:1"], ...wrong }, lab.waiter("update "));
  lab.reconfig.promote({ id: id(3), ...wrong }, lab.waiter("promote "));
  lab.reconfig.promote({ id: id(9), ...wrong }, lab.waiter("unknown "));
  assert.deepEqual(
    lab.taken(),
    ["remove", "add", "update", "promote", "unknown"].map((what) => `${what} MemberListChanged`),
  );
  lab.reconfig.remove({ id: id(3), expectedMemberListHash }, lab.waiter());
  assert.equal(lab.changeAt(0).expectedMemberListHash, expectedMemberListHash);
});

test("two changes planned from one list: the second is refused when its turn comes", () => {
  const lab = new ReconfigLab([started(1), started(2), started(3)]);
  lab.connect(2, 3);
  const expectedMemberListHash = memberListHash(lab.cluster.members);
  lab.reconfig.remove({ id: id(3), expectedMemberListHash }, lab.waiter("first "));
  lab.reconfig.remove({ id: id(2), expectedMemberListHash }, lab.waiter("second "));
  lab.cluster.applyChange([{ kind: "remove", id: id(3) }], confStateOf({ voters: [1, 2] }));
  lab.settle(0);
  assert.deepEqual(lab.taken(), ["first 1,2", "second MemberListChanged"]);
  assert.equal(lab.proposed.length, 1);
});

test("promotion waits until what is committed is applied, but not for long", () => {
  const lab = new ReconfigLab([started(1), started(2, learner)]);
  lab.applied = 9;
  lab.reconfig.promote({ id: id(2), ...any }, lab.waiter());
  lab.tick();
  assert.equal(lab.proposed.length, 0);
  lab.applied = 10;
  lab.tick();
  assert.deepEqual(lab.changeAt(0).changes, [{ kind: "promote", id: id(2) }]);
  lab.settle(0);
  assert.deepEqual(lab.taken(), ["1,2"]);
  lab.applied = 9;
  lab.reconfig.promote({ id: id(2), ...any }, lab.waiter());
  lab.tick(999);
  assert.deepEqual(lab.taken(), []);
  lab.tick(1);
  assert.deepEqual(lab.taken(), ["TimeoutWaitAppliedIndex"]);
});

/** Member 1 follows member 2. */
function follower(): ReconfigLab {
  const lab = new ReconfigLab([started(1), started(2), started(3, learner)]);
  lab.role = "follower";
  lab.lead = id(2);
  return lab;
}

test("a follower passes a promotion on, and answers when it has applied it, too", async () => {
  const lab = follower();
  lab.promoteAnswers.push("!", "NotLeader", undefined);
  lab.reconfig.promote({ id: id(3), ...any }, lab.waiter());
  for (let round = 0; round < 5; round++) {
    await settled();
    lab.tick();
  }
  assert.equal(lab.promoteAnswers.length, 0);
  assert.deepEqual(lab.taken(), []);
  assert.equal(lab.proposed.length, 0);
  lab.cluster.applyChange([{ kind: "promote", id: id(3) }], confStateOf({ voters: [1, 2, 3] }));
  lab.tick();
  assert.deepEqual(lab.taken(), ["1,2,3"]);
});

test("what the leader refuses for good is the answer; without a leader there is none in time", async () => {
  for (const error of ["LearnerNotReady", "MemberNotFound", "MemberNotLearner"] as const) {
    const lab = follower();
    lab.promoteAnswers.push(error);
    lab.reconfig.promote({ id: id(3), ...any }, lab.waiter());
    await settled();
    lab.tick();
    lab.tick(8000);
    assert.deepEqual(lab.taken(), [error]);
  }
  const alone = follower();
  alone.lead = id(0);
  alone.reconfig.promote({ id: id(3), ...any }, alone.waiter());
  alone.tick(6900);
  assert.deepEqual(alone.taken(), []);
  alone.tick();
  assert.deepEqual(alone.taken(), ["Timeout"]);
});

test("a follower that is elected meanwhile promotes by itself", () => {
  const lab = follower();
  lab.lead = id(0);
  lab.reconfig.promote({ id: id(3), ...any }, lab.waiter());
  lab.role = "leader";
  lab.lead = id(1);
  lab.tick();
  assert.deepEqual(lab.changeAt(0).changes, [{ kind: "promote", id: id(3) }]);
});

test("a precondition is not passed on, and so is not lost on the way", () => {
  const lab = follower();
  const expectedMemberListHash = memberListHash(lab.cluster.members);
  lab.reconfig.promote({ id: id(3), expectedMemberListHash }, lab.waiter());
  assert.deepEqual(lab.taken(), ["NotLeader"]);
  lab.reconfig.promoteHere(id(3), lab.waiter());
  assert.deepEqual(lab.taken(), ["NotLeader"]);
});

test("the leader moves to a voter, and the answer comes when it leads", () => {
  const lab = new ReconfigLab([started(1), started(2), started(3, learner)]);
  lab.reconfig.moveLeader(id(3), lab.waiter());
  lab.reconfig.moveLeader(id(9), lab.waiter());
  assert.deepEqual(lab.taken(), ["BadLeaderTransferee", "BadLeaderTransferee"]);
  lab.reconfig.moveLeader(id(1), lab.waiter());
  assert.deepEqual(lab.taken(), ["moved"]);
  lab.reconfig.moveLeader(id(2), lab.waiter());
  lab.tick();
  assert.deepEqual(lab.taken(), []);
  lab.lead = id(2);
  lab.tick();
  assert.deepEqual(lab.taken(), ["moved"]);
  assert.deepEqual(lab.transfers, [id(1), id(2)]);
});

test("a transfer that raft gives up times out; a follower cannot begin one", () => {
  const lab = new ReconfigLab([started(1), started(2)]);
  lab.reconfig.moveLeader(id(2), lab.waiter());
  lab.tick(7000);
  assert.deepEqual(lab.taken(), ["TimeoutLeaderTransfer"]);
  lab.role = "follower";
  lab.lead = id(2);
  lab.reconfig.moveLeader(id(9), lab.waiter());
  assert.deepEqual(lab.taken(), ["NotLeader"]);
});

test("before a shutdown the voter that is connected longest gets the leadership", async () => {
  const lab = new ReconfigLab([started(1), started(2), started(3), started(4, learner)]);
  lab.activeMs.set(id(2), 50_000);
  lab.activeMs.set(id(3), 40_000);
  lab.activeMs.set(id(4), 1000);
  const over = lab.reconfig.handOver();
  assert.deepEqual(lab.transfers, [id(3)]);
  lab.lead = id(3);
  lab.tick();
  assert.equal(await over, undefined);
});

test("there is nothing to hand over without leadership or another voter, and nobody to take it when all are down", async () => {
  assert.equal(await follower().reconfig.handOver(), undefined);
  const alone = new ReconfigLab([started(1), started(2, learner)]);
  assert.equal(await alone.reconfig.handOver(), undefined);
  assert.deepEqual(alone.transfers, []);
  const cut = new ReconfigLab([started(1), started(2)]);
  assert.equal(await cut.reconfig.handOver(), "Unhealthy");
});

test("promotions are counted where they are decided, those that fail by their reason", () => {
  const stats = {
    learnerPromotions: 0,
    failedLearnerPromotions: new Map<EtcdErrorKind, number>(),
  };
  const lab = new ReconfigLab([started(1), started(2, learner)], { stats });
  lab.reconfig.promote({ id: id(9), ...any }, lab.waiter());
  lab.tick();
  lab.reconfig.promote({ id: id(2), ...any }, lab.waiter());
  lab.tick();
  lab.settle(0);
  lab.role = "follower";
  lab.lead = id(2);
  lab.reconfig.promoteHere(id(2), lab.waiter());
  assert.deepEqual(lab.taken(), ["MemberNotFound", "1,2", "NotLeader"]);
  assert.equal(stats.learnerPromotions, 1);
  assert.deepEqual([...stats.failedLearnerPromotions], [["MemberNotFound", 1]]);
});
