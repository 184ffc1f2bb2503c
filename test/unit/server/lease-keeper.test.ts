import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, type Term } from "../../../node/lib/units.ts";
import { InternalRaftView, internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { decodeLeaseCheckpoints, decodeLeaseRevoke } from "../../../node/proto/lease-codec.ts";
import type { Proposal } from "../../../node/raft/ready.ts";
import type { Role } from "../../../node/raft/status.ts";
import { LeaseKeeper } from "../../../node/server/lease-keeper.ts";
import { LabWorld } from "../../support/lab-world.ts";
import { LessorLab } from "../lease/lessor-lab.ts";

/** The keeper of one member, whose log and role are the test's. */
class KeeperLab {
  readonly world = new LabWorld(1);
  readonly leases: LessorLab;
  readonly proposed: Uint8Array[] = [];
  readonly node = {
    role: "follower" as Role,
    term: 3 as Term,
    lastIndex: logIndex(0),
    propose: (proposals: readonly Proposal[]): boolean => {
      if (!this.takes) return false;
      for (const { data } of proposals) this.proposed.push(data);
      this.node.lastIndex = logIndex(this.node.lastIndex + proposals.length);
      return true;
    },
  };
  takes = true;
  appliedTerm = 3;
  canRead = true;
  woken = 0;
  readonly keeper: LeaseKeeper;

  constructor(options: { readonly checkpointIntervalMs?: number } = {}) {
    this.leases = new LessorLab(options);
    this.keeper = new LeaseKeeper({
      node: this.node,
      lessor: () => this.leases.lessor,
      appliedTerm: () => this.appliedTerm,
      timers: this.world,
      electionTimeoutMs: 1000,
      requestTimeoutMs: 5000,
      canRead: () => this.canRead,
      onProposed: () => void (this.woken += 1),
    });
  }

  /** The world and the lessor's clock go on together. */
  async pass(seconds: number): Promise<void> {
    for (let left = seconds * 1000; left > 0; left -= 100) {
      this.leases.clock.nowMs += 100;
      const until = this.world.monotonicMs() + 100;
      this.world.at(until, () => undefined);
      await this.world.run(() => false, until);
    }
  }

  lead(): void {
    this.node.role = "leader";
    this.keeper.follow();
  }

  /** Leases whose revocation was proposed, since the last call. */
  revoked(): bigint[] {
    return this.proposed.splice(0).map((data) => {
      const view = new InternalRaftView();
      view.decode(data, 0, data.length);
      assert.equal(view.field, internalRequest.leaseRevoke);
      return decodeLeaseRevoke(data.subarray(view.start, view.end));
    });
  }
}

test("the leader proposes to revoke what has ended, soon and not before", async () => {
  const lab = new KeeperLab();
  lab.lead();
  lab.leases.grant(1n, 10);
  await lab.pass(9.9);
  assert.deepEqual(lab.revoked(), []);
  await lab.pass(0.7);
  assert.deepEqual(lab.revoked(), [1n]);
  assert.equal(lab.woken, 1);
  await lab.pass(4);
  assert.deepEqual(lab.revoked(), []);
  // It did not come back: perhaps it was lost.
  await lab.pass(2);
  assert.deepEqual(lab.revoked(), [1n]);
});

test("who does not lead proposes nothing, and who has just lost its office proposes nothing either", async () => {
  const lab = new KeeperLab();
  lab.leases.grant(1n, 10);
  await lab.pass(100);
  lab.lead();
  await lab.pass(10.9);
  // The whole time and an election more.
  assert.deepEqual(lab.revoked(), []);
  lab.node.role = "follower";
  await lab.pass(10);
  assert.deepEqual(lab.revoked(), []);
  assert.equal(lab.leases.lessor.isPrimary, false);
});

test("a new leader gives an election's time on top, and nobody is promoted twice in one office", async () => {
  const lab = new KeeperLab();
  lab.leases.grant(1n, 10);
  lab.lead();
  assert.equal(lab.leases.left(1n), 11);
  await lab.pass(5);
  lab.keeper.follow();
  assert.equal(lab.leases.left(1n), 6);
});

test("so many at a time as etcd revokes, so that other requests pass between", async () => {
  const lab = new KeeperLab();
  lab.lead();
  for (let id = 1n; id <= 1200n; id++) lab.leases.grant(id, 10);
  await lab.pass(10.2);
  const counts: number[] = [lab.revoked().length];
  for (let count = 0; count < 3; count++) {
    await lab.pass(0.5);
    counts.push(lab.revoked().length);
  }
  assert(Math.max(...counts) <= 500, String(counts));
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    1200,
  );
});

test("nothing is done while a snapshot takes the place of the state, nor after the end", async () => {
  const lab = new KeeperLab();
  lab.lead();
  lab.leases.grant(1n, 10);
  lab.canRead = false;
  await lab.pass(20);
  assert.deepEqual(lab.revoked(), []);
  lab.canRead = true;
  lab.keeper.stop();
  await lab.pass(20);
  assert.deepEqual(lab.revoked(), []);
});

test("a checkpoint goes into the leader's log, and a follower proposes none", () => {
  const lab = new KeeperLab();
  const checkpoints = [{ id: 1n, remainingSeconds: 7 }];
  lab.keeper.checkpoint(checkpoints);
  assert.equal(lab.proposed.length, 0);
  lab.lead();
  lab.keeper.checkpoint(checkpoints);
  const [data = new Uint8Array(0)] = lab.proposed;
  const view = new InternalRaftView();
  view.decode(data, 0, data.length);
  assert.equal(view.field, internalRequest.leaseCheckpoint);
  assert.deepEqual(decodeLeaseCheckpoints(data.subarray(view.start, view.end)), checkpoints);
});

test("a log that takes nothing is no end: the revocation is proposed again", async () => {
  const lab = new KeeperLab();
  lab.lead();
  lab.leases.grant(1n, 10);
  lab.takes = false;
  await lab.pass(11);
  assert.equal(lab.woken, 0);
  lab.takes = true;
  await lab.pass(6);
  assert.deepEqual(lab.revoked(), [1n]);
});

test("what is left of long leases is proposed in intervals, when checkpoints are switched on", async () => {
  const lab = new KeeperLab({ checkpointIntervalMs: 60_000 });
  lab.lead();
  lab.leases.grant(1n, 600);
  lab.leases.grant(2n, 30);
  await lab.pass(61);
  const checkpoints = lab.proposed.flatMap((data) => {
    const view = new InternalRaftView();
    view.decode(data, 0, data.length);
    if (view.field !== internalRequest.leaseCheckpoint) return [];
    return decodeLeaseCheckpoints(data.subarray(view.start, view.end));
  });
  assert.deepEqual(checkpoints, [{ id: 1n, remainingSeconds: 540 }]);
  assert.ok((lab.leases.lessor.get(1n)?.checkpointIndex ?? 0) > 0);
});

test("a new leader is the primary when the first entry of its term is applied, and not before", async () => {
  const lab = new KeeperLab();
  lab.appliedTerm = 2;
  lab.lead();
  assert.equal(lab.leases.lessor.isPrimary, false);
  lab.leases.grant(1n, 2);
  await lab.pass(60);
  assert.deepEqual(lab.revoked(), []);
  lab.appliedTerm = 3;
  lab.keeper.follow();
  assert.equal(lab.leases.lessor.isPrimary, true);
  // Elected again: what was left is counted anew.
  lab.node.term = 4 as Term;
  lab.keeper.follow();
  assert.equal(lab.leases.lessor.isPrimary, false);
});
