/** Leases of whole members in a simulated world: over restarts, crashes and changes of the leader. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { internalRequest } from "../../../node/proto/internal-raft-codec.ts";
import { encodeLeaseGrant, encodeLeaseRevoke } from "../../../node/proto/lease-codec.ts";
import type { Member } from "../../../node/server/member.ts";
import { encodePut } from "../apply/apply-lab.ts";
import { ClusterLab } from "../server/cluster-lab.ts";
import { MemberLab } from "../server/member-lab.ts";

const keysOf = (member: Member, id: bigint): string[] =>
  [...member.store.keysOfLease(id)].map((key) => Buffer.from(key).toString()).sort();

const grantOf = (id: bigint, ttlSeconds: number): Uint8Array =>
  encodeLeaseGrant({ id, ttlSeconds });
const leasedPut = (key: string, lease: bigint): Uint8Array => encodePut(key, "1", { lease });

async function fill(lab: MemberLab, member: Member): Promise<void> {
  await lab.propose(member, internalRequest.leaseGrant, grantOf(5n, 60));
  await lab.propose(member, internalRequest.leaseGrant, grantOf(6n, 60));
  await lab.propose(member, internalRequest.leaseGrant, grantOf(7n, 60));
  for (const [key, id] of [
    ["a", 5n],
    ["b", 5n],
    ["b", 6n],
    ["c", 5n],
    ["c", 0n],
    ["d", 7n],
  ] as const)
    await lab.propose(member, internalRequest.put, leasedPut(key, id));
  await lab.propose(member, internalRequest.leaseRevoke, encodeLeaseRevoke(7n));
}

function check(member: Member): void {
  assert.deepEqual(
    [5n, 6n, 7n].map((id) => member.lessor.get(id)?.ttlSeconds),
    [60, 60, undefined],
  );
  assert.deepEqual(
    [5n, 6n, 7n, 0n].map((id) => keysOf(member, id)),
    [["a"], ["b"], [], []],
  );
}

test("an orderly stop and a start keep leases and what is attached to them", async () => {
  const lab = new MemberLab();
  let member = await lab.start();
  await fill(lab, member);
  check(member);
  for (let count = 0; count < 2; count++) {
    await lab.settled(member.stop());
    member = await lab.start();
    check(member);
  }
  await lab.propose(member, internalRequest.leaseRevoke, encodeLeaseRevoke(6n));
  assert.deepEqual(keysOf(member, 6n), []);
  assert.equal(member.store.keyCount, 2);
});

for (const keeps of ["nothing", "everything"] as const) {
  test(`so does a crash that keeps ${keeps} of what was not yet synced`, async () => {
    const lab = new MemberLab();
    let member = await lab.start();
    await fill(lab, member);
    for (const passMs of [0, 100]) {
      await lab.pass(passMs);
      lab.crash(keeps);
      member = await lab.start();
      check(member);
    }
  });
}

test("after a restart every lease has its whole time, and then it ends", async () => {
  const lab = new MemberLab();
  let member = await lab.start();
  await lab.propose(member, internalRequest.leaseGrant, grantOf(5n, 60));
  await lab.propose(member, internalRequest.put, leasedPut("a", 5n));
  await lab.pass(50_000);
  lab.crash("everything");
  member = await lab.start();
  await lab.pass(59_000);
  assert.equal(member.store.keyCount, 1);
  await lab.pass(5_000);
  assert.equal(member.store.keyCount, 0);
  assert.equal(member.lessor.size, 0);
});

class LeaseCluster {
  readonly lab = new ClusterLab();
  private id = 4n;

  static async found(): Promise<LeaseCluster> {
    const cluster = new LeaseCluster();
    await cluster.lab.found("m1", "m2", "m3");
    return cluster;
  }

  get followers(): Member[] {
    const { leader } = this.lab;
    return this.members.filter((member) => member !== leader);
  }

  get members(): Member[] {
    return ["m1", "m2", "m3"].flatMap((name) => this.lab.machine(name).member ?? []);
  }

  propose(member: Member, field: number, message: Uint8Array): Promise<unknown> {
    return this.lab.settled(
      new Promise((resolve) => {
        member.propose(field, message, 0, message.length, { applied: resolve, refused: resolve });
      }),
    );
  }

  /** A lease with one key. */
  async lease(ttlSeconds: number): Promise<bigint> {
    this.id += 1n;
    const [follower] = this.followers as [Member];
    await this.propose(follower, internalRequest.leaseGrant, grantOf(this.id, ttlSeconds));
    await this.propose(follower, internalRequest.put, leasedPut(`k${this.id}`, this.id));
    return this.id;
  }

  nameOf(member: Member): string {
    const name = [...this.lab.machines].find(([, machine]) => machine.member === member)?.[0];
    assert(name !== undefined);
    return name;
  }
}

test("a renewal through a follower counts at the leader, and what a follower tells is what the leader says", async () => {
  const cluster = await LeaseCluster.found();
  const { lab } = cluster;
  const id = await cluster.lease(10);
  for (let count = 0; count < 10; count++) {
    await lab.pass(5_000);
    for (const member of cluster.members) {
      const reply = await lab.settled(member.leaseRequests.renew(id));
      assert.deepEqual(reply, { kind: "found", value: 10 });
    }
  }
  await lab.pass(4_000);
  for (const member of cluster.members) {
    const reply = await lab.settled(member.leaseRequests.times(id, true));
    assert(reply.kind === "found");
    assert(reply.value.remainingSeconds >= 5 && reply.value.remainingSeconds <= 6);
    assert.deepEqual(
      reply.value.keys.map((key) => Buffer.from(key).toString()),
      [`k${id}`],
    );
    assert.deepEqual(await lab.settled(member.leaseRequests.renew(99n)), { kind: "notFound" });
  }
  await lab.pass(8_000);
  for (const member of cluster.members) assert.equal(member.lessor.size, 0);
});

test("the death of the leader ends no lease early: its successor gives the whole time and a grace", async () => {
  const cluster = await LeaseCluster.found();
  const { lab } = cluster;
  const id = await cluster.lease(10);
  const followers = [...cluster.followers];
  await lab.pass(9_000);
  lab.kill(cluster.nameOf(lab.leader));
  await lab.until(() => followers.some(({ raftStatus }) => raftStatus.role === "leader"));
  for (const member of followers) assert.notEqual(member.lessor.get(id), undefined);
  await lab.pass(10_500);
  for (const member of followers) assert.notEqual(member.lessor.get(id), undefined);
  await lab.pass(3_000);
  for (const member of followers) {
    assert.equal(member.lessor.get(id), undefined);
    assert.equal(member.store.keyCount, 0);
  }
});
