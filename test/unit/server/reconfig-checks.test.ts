/** etcd's strict checks, at their borders. Member 1 looks; names make members started. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "../../../node/membership/member.ts";
import type { MemberChange } from "../../../node/membership/membership-change.ts";
import { id, memberOf, started } from "../membership/membership-lab.ts";
import { ReconfigLab } from "./reconfig-lab.ts";

const any = { expectedMemberListHash: undefined };
const learner = { isLearner: true };

/** What the request is told at once; "proposed" when it goes to the log. */
function verdict(lab: ReconfigLab, ask: (lab: ReconfigLab) => void): string {
  ask(lab);
  const [answer] = lab.taken();
  return answer ?? (lab.proposed.length > 0 ? "proposed" : "waiting");
}

const add =
  (isLearner = false) =>
  (lab: ReconfigLab) =>
    lab.reconfig.add({ member: memberOf(99, { isLearner }), ...any }, lab.waiter());
const remove = (value: number) => (lab: ReconfigLab) =>
  lab.reconfig.remove({ id: id(value), ...any }, lab.waiter());
const promote = (value: number) => (lab: ReconfigLab) =>
  lab.reconfig.promote({ id: id(value), ...any }, lab.waiter());

const labOf = (members: readonly Member[], ...connected: readonly number[]): ReconfigLab => {
  const lab = new ReconfigLab(members);
  lab.connect(...connected);
  return lab;
};

const three = [started(1), started(2), started(3)];

test("a voter comes in when a quorum of the larger cluster has started", () => {
  assert.equal(verdict(labOf([started(1)]), add()), "proposed");
  assert.equal(verdict(labOf([memberOf(1)]), add()), "MemberNotEnoughStarted");
  assert.equal(verdict(labOf([started(1), memberOf(2)], 2), add()), "MemberNotEnoughStarted");
  assert.equal(verdict(labOf([started(1), started(2)], 2), add()), "proposed");
  assert.equal(
    verdict(labOf([...three.slice(0, 2), memberOf(3)], 2, 3), add()),
    "MemberNotEnoughStarted",
  );
  assert.equal(verdict(labOf(three, 2, 3), add()), "proposed");
});

test("a voter or a learner comes in when this member is connected to a quorum that counts it as down", () => {
  for (const isLearner of [false, true]) {
    assert.equal(verdict(labOf([started(1)]), add(isLearner)), "proposed");
    assert.equal(verdict(labOf([started(1), started(2)]), add(isLearner)), "Unhealthy");
    assert.equal(verdict(labOf(three, 2), add(isLearner)), "Unhealthy");
    assert.equal(verdict(labOf(three, 2, 3), add(isLearner)), "proposed");
  }
  const learners = [started(1), started(2, learner)];
  assert.equal(verdict(labOf(learners), add(true)), "proposed");
});

test("a connection counts when it is more than five seconds old", () => {
  for (const [ageMs, expected] of [
    [5000, "Unhealthy"],
    [5001, "proposed"],
  ] as const) {
    const lab = labOf(three, 2);
    lab.activeMs.set(id(3), lab.nowMs - ageMs);
    assert.equal(verdict(lab, add()), expected);
  }
});

test("a voter is removed when a quorum of the rest has started", () => {
  assert.equal(verdict(labOf([started(1)]), remove(1)), "MemberNotEnoughStarted");
  assert.equal(verdict(labOf([started(1), memberOf(2)], 2), remove(1)), "MemberNotEnoughStarted");
  assert.equal(verdict(labOf([started(1), memberOf(2)]), remove(2)), "proposed");
});

test("a voter that is connected is removed only when the others can spare it", () => {
  assert.equal(verdict(labOf(three, 2, 3), remove(3)), "proposed");
  assert.equal(verdict(labOf(three, 2), remove(2)), "Unhealthy");
  // One that is down is no part of what works.
  assert.equal(verdict(labOf(three, 2), remove(3)), "proposed");
  assert.equal(verdict(labOf(three), remove(3)), "proposed");
  // Itself is never down.
  assert.equal(verdict(labOf(three, 2), remove(1)), "Unhealthy");
  assert.equal(verdict(labOf([started(1), started(2)], 2), remove(2)), "proposed");
});

test("a learner is removed without a look at the health", () => {
  assert.equal(verdict(labOf([...three, started(4, learner)]), remove(4)), "proposed");
});

test("a learner is promoted when it has nine tenths of the leader's log", () => {
  for (const [match, expected] of [
    [89, "LearnerNotReady"],
    [90, "proposed"],
  ] as const) {
    const lab = labOf([started(1), started(2, learner)]);
    lab.match.set(id(1), 100);
    lab.match.set(id(2), match);
    assert.equal(verdict(lab, promote(2)), expected);
  }
});

test("a learner is promoted when a quorum of the larger cluster has started, itself counted", () => {
  const late = [started(1), memberOf(2), memberOf(3), memberOf(4, learner)];
  assert.equal(verdict(labOf(late), promote(4)), "MemberNotEnoughStarted");
  const enough = [started(1), started(2), memberOf(3), memberOf(4, learner)];
  assert.equal(verdict(labOf(enough), promote(4)), "proposed");
});

test("who is unknown is told so, and who votes is told when the change is applied", () => {
  assert.equal(verdict(labOf(three), promote(9)), "MemberNotFound");
  assert.equal(verdict(labOf(three), promote(2)), "proposed");
});

test("without strict checks only the learner's readiness is looked at", () => {
  const lab = new ReconfigLab([started(1), memberOf(2), started(3, learner)], {
    strictReconfigCheck: false,
  });
  lab.match.set(id(3), 1);
  assert.equal(verdict(lab, promote(3)), "LearnerNotReady");
  assert.equal(verdict(lab, remove(1)), "proposed");
});

test("several changes need a quorum of both halves, the new members counted as down", () => {
  const replace =
    (...changes: readonly MemberChange[]) =>
    (lab: ReconfigLab) =>
      lab.reconfig.replace(changes, any, lab.waiter());
  const swap: readonly MemberChange[] = [
    { kind: "add", member: memberOf(4) },
    { kind: "remove", id: id(3) },
  ];
  assert.equal(verdict(labOf(three, 2), replace(...swap)), "proposed");
  assert.equal(verdict(labOf(three, 3), replace(...swap)), "Unhealthy");
  assert.equal(verdict(labOf(three), replace(...swap)), "Unhealthy");
  const two: readonly MemberChange[] = [
    ...swap,
    { kind: "add", member: memberOf(5) },
    { kind: "remove", id: id(2) },
  ];
  assert.equal(verdict(labOf(three, 2, 3), replace(...two)), "MemberNotEnoughStarted");
  const promotion: readonly MemberChange[] = [
    { kind: "promote", id: id(4) },
    { kind: "remove", id: id(3) },
  ];
  const ready = labOf([...three, started(4, learner)], 2, 4);
  ready.match.set(id(1), 100);
  ready.match.set(id(4), 89);
  assert.equal(verdict(ready, replace(...promotion)), "LearnerNotReady");
  ready.match.set(id(4), 90);
  assert.equal(verdict(ready, replace(...promotion)), "proposed");
  ready.role = "follower";
  ready.settle(0);
  ready.taken();
  assert.equal(verdict(ready, replace(...promotion)), "NotLeader");
  const mixed = new ReconfigLab(three, { canEnterJoint: () => false });
  mixed.connect(2, 3);
  assert.equal(verdict(mixed, replace(...swap)), "JointChangeNotPossible");
});
