/** Changes of the members as the log brings them: a configuration of raft's own arithmetic behind them, without raft. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterId, logIndex, type MemberId, term } from "../../../node/lib/units.ts";
import { Cluster } from "../../../node/membership/cluster.ts";
import type { Member } from "../../../node/membership/member.ts";
import { memberListHash } from "../../../node/membership/member-list-hash.ts";
import {
  encodeChange,
  type MemberChange,
  type MembershipChange,
} from "../../../node/membership/membership-change.ts";
import type { ConfChangeV2 } from "../../../node/proto/conf-change-codec.ts";
import {
  enterJoint,
  leaveJoint,
  simple,
  transitionOf,
} from "../../../node/raft/confchange/changer.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import { ProgressTracker } from "../../../node/raft/tracker/progress-tracker.ts";
import { type ConfState, entryType } from "../../../node/raft/types.ts";
import {
  ConfChangeApplier,
  type ConfChangeOutcome,
} from "../../../node/server/conf-change-applier.ts";
import { changeOf, confStateOf, id, memberOf, openBackend } from "../membership/membership-lab.ts";
import { quiet } from "../wal/wal-lab.ts";

/** raft as far as conf changes see it; a change that it cannot make is a bug. */
class FakeNode {
  readonly tracker = new ProgressTracker({ inflightMessagesMax: 1, inflightBytesMax: Infinity });
  steps = 0;

  applyConfChange(change: ConfChangeV2): ConfState {
    this.steps += 1;
    const { tracker } = this;
    const context = {
      newProgress: (isLearner: boolean) => tracker.newProgress(logIndex(0), logIndex(1), isLearner),
    };
    const state = { config: tracker.config, progress: tracker.progress };
    const transition = transitionOf(change);
    const next =
      transition === "leave"
        ? leaveJoint(state)
        : transition === "simple"
          ? simple(state, change.changes, context)
          : enterJoint(state, transition.autoLeave, change.changes, context);
    if ("problem" in next) throw new Error(next.problem);
    tracker.apply(next.config, next.progress);
    return tracker.config;
  }
}

class ApplierLab {
  readonly node = new FakeNode();
  readonly cluster: Cluster;
  readonly applier: ConfChangeApplier;
  private lastIndex = 0;

  constructor(self: MemberId, maxLearners = 1) {
    this.cluster = new Cluster(openBackend());
    const { cluster, node } = this;
    this.applier = new ConfChangeApplier({
      id: self,
      clusterId: clusterId(0xc1n),
      cluster,
      node,
      maxLearners,
      logger: quiet,
    });
  }

  applyRaw({ type, data }: Proposal): ConfChangeOutcome {
    this.lastIndex += 1;
    const outcome = this.applier.apply({
      type,
      data,
      index: logIndex(this.lastIndex),
      term: term(1),
    });
    assert.deepEqual(outcome.confState, this.node.tracker.config);
    assert.deepEqual(this.cluster.confState, this.node.tracker.config);
    return outcome;
  }

  apply(changes: readonly MemberChange[], more: Partial<MembershipChange> = {}): ConfChangeOutcome {
    return this.applyRaw(encodeChange(changeOf(changes, more)));
  }

  add(...members: readonly Member[]): void {
    for (const member of members) {
      assert.equal(this.apply([{ kind: "add", member }]).error, undefined);
    }
  }
}

const leave: Proposal = { type: entryType.confChangeV2, data: new Uint8Array(0) };

test("members come in one by one, learners beside voters, and are told with the whole list", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2));
  const outcome = lab.apply([{ kind: "add", member: memberOf(3, { isLearner: true }) }]);
  assert.equal(outcome.requestId, 7n);
  assert.deepEqual(outcome.confState, confStateOf({ voters: [1, 2], learners: [3] }));
  assert.deepEqual(outcome.members, lab.cluster.members);
  assert.deepEqual(outcome.changedPeers, [memberOf(3, { isLearner: true })]);
});

test("a promoted learner votes, with the name and URLs that it had", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2, { isLearner: true, name: "b" }));
  const outcome = lab.apply([{ kind: "promote", id: id(2) }]);
  assert.deepEqual(outcome.confState, confStateOf({ voters: [1, 2] }));
  assert.deepEqual(lab.cluster.member(id(2)), memberOf(2, { name: "b" }));
});

test("a removed member is to be cut off; this member stops when it is the one", () => {
  const lab = new ApplierLab(id(2));
  lab.add(memberOf(1), memberOf(2), memberOf(3));
  const other = lab.apply([{ kind: "remove", id: id(3) }]);
  assert.deepEqual(other.left, [3n]);
  assert.equal(other.isSelfRemoved, false);
  const own = lab.apply([{ kind: "remove", id: id(2) }]);
  assert.equal(own.isSelfRemoved, true);
});

test("a refused change is one step for raft that changes nothing", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2));
  const { steps } = lab.node;
  const before = lab.cluster.members;
  const outcome = lab.apply([{ kind: "add", member: memberOf(2) }]);
  assert.equal(outcome.error, "MemberExist");
  assert.equal(outcome.requestId, 7n);
  assert.deepEqual([outcome.changedPeers, outcome.left], [[], []]);
  assert.deepEqual(lab.cluster.members, before);
  assert.deepEqual(outcome.confState, confStateOf({ voters: [1, 2] }));
  assert.equal(lab.node.steps, steps + 1);
});

test("a refused change of several enters no joint configuration", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2));
  const outcome = lab.apply([
    { kind: "add", member: memberOf(3) },
    { kind: "remove", id: id(9) },
  ]);
  assert.equal(outcome.error, "MemberNotFound");
  assert.deepEqual(outcome.confState, confStateOf({ voters: [1, 2] }));
});

test("of two changes planned from one list the second is refused, on every member alike", () => {
  for (const self of [1, 2, 3]) {
    const lab = new ApplierLab(id(self));
    lab.add(memberOf(1), memberOf(2), memberOf(3));
    const expectedMemberListHash = memberListHash(lab.cluster.members);
    const first = lab.apply([{ kind: "remove", id: id(3) }], { expectedMemberListHash });
    const second = lab.apply([{ kind: "remove", id: id(2) }], { expectedMemberListHash });
    assert.equal(first.error, undefined);
    assert.equal(second.error, "MemberListChanged");
    assert.deepEqual(second.confState, confStateOf({ voters: [1, 2] }));
  }
});

test("the limit of learners is the proposer's, so that members with other flags decide alike", () => {
  for (const maxLearners of [0, 1, 5]) {
    const lab = new ApplierLab(id(1), maxLearners);
    lab.add(memberOf(1));
    const one = { kind: "add", member: memberOf(2, { isLearner: true }) } as const;
    const two = { kind: "add", member: memberOf(3, { isLearner: true }) } as const;
    assert.equal(lab.apply([one], { maxLearners: 1 }).error, undefined);
    assert.equal(lab.apply([two], { maxLearners: 1 }).error, "TooManyLearners");
  }
});

test("several changes go through the joint configuration; who leaves is cut off at its end", () => {
  const lab = new ApplierLab(id(3));
  lab.add(memberOf(1), memberOf(2), memberOf(3));
  const entered = lab.apply([
    { kind: "add", member: memberOf(4) },
    { kind: "add", member: memberOf(5) },
    { kind: "remove", id: id(3) },
  ]);
  assert.deepEqual(
    entered.confState,
    confStateOf({ voters: [1, 2, 4, 5], votersOutgoing: [1, 2, 3], autoLeave: true }),
  );
  assert.deepEqual(entered.left, []);
  assert.equal(entered.isSelfRemoved, false);
  assert.deepEqual(
    entered.changedPeers.map((member) => member.id),
    [4n, 5n],
  );
  const left = lab.applyRaw(leave);
  assert.deepEqual(left.confState, confStateOf({ voters: [1, 2, 4, 5] }));
  assert.deepEqual(left.left, [3n]);
  assert.equal(left.isSelfRemoved, true);
  assert.equal(lab.cluster.isRemoved(id(3)), true);
});

test("in a joint configuration other changes wait; a leave without one does nothing", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2));
  assert.equal(lab.applyRaw(leave).error, undefined);
  lab.apply([
    { kind: "add", member: memberOf(3) },
    { kind: "remove", id: id(2) },
  ]);
  const { steps } = lab.node;
  const early = lab.apply([{ kind: "add", member: memberOf(4) }]);
  assert.equal(early.error, "Unhealthy");
  assert.equal(lab.node.steps, steps);
  lab.applyRaw(leave);
  assert.equal(lab.apply([{ kind: "add", member: memberOf(4) }]).error, undefined);
});

test("new URLs of a member are told to the network", () => {
  const lab = new ApplierLab(id(1));
  lab.add(memberOf(1), memberOf(2, { isLearner: true }));
  const peerUrls = ["http://moved:1"];
  const { changedPeers } = lab.apply([{ kind: "update", id: id(2), peerUrls }]);
  assert.deepEqual(changedPeers, [memberOf(2, { isLearner: true, peerUrls })]);
});
