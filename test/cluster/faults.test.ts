/**
 * Three processes that lose one of them, or the way to it, while clients write and read through all of them. Every history
 * is judged: linearizable, nothing acknowledged lost, the same state on all members in the end. With ETCD_TS_CLUSTER=etcd
 * the members are real ones of etcd 3.7: so the rig itself is tried.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { ClusterMember } from "./cluster-member.ts";
import { partitionFaults } from "./link-fault.ts";
import { defaultKind, type Leadership } from "./process-cluster.ts";
import { type Trial, underLoad } from "./trial.ts";

const slowMs = 200;
const isOurs = defaultKind() === "etcd-ts";

/** The others elect one of them, while the old leader cannot know. */
async function replaced({ cluster }: Trial, before: Leadership): Promise<Leadership> {
  const next = await cluster.untilLeader({ among: cluster.others(before.leader), after: before });
  assert.notEqual(next.leader, before.leader);
  return next;
}

/** What a write to the log takes in the middle. */
async function writeMs(member: ClusterMember): Promise<number> {
  const name = "etcd_disk_wal_fsync_duration_seconds";
  return ((await member.metric(`${name}_sum`)) * 1000) / (await member.metric(`${name}_count`));
}

suite("a cluster of three processes stays linearizable and loses nothing", () => {
  for (const kind of partitionFaults) {
    test(`when the leader is parted from the others (${kind})`, async () => {
      await underLoad({ proxied: true }, async (trial) => {
        const { cluster, served } = trial;
        const before = await cluster.untilLeader();
        const others = cluster.others(before.leader).map(({ name }) => name);
        cluster.network.partition([before.leader.name], others, { kind });
        const { leader } = await replaced(trial, before);
        await served(50);
        cluster.network.heal();
        const healed = await cluster.untilLeader({ among: cluster.members });
        assert.equal(healed.leader, leader, "the old leader has come back as a follower");
      });
    });
  }

  test("when one way of a link is slow, and another narrow", async () => {
    await underLoad({ proxied: true }, async ({ cluster, served }) => {
      const { leader, term } = await cluster.untilLeader();
      const [first, second] = cluster.others(leader);
      assert(first !== undefined && second !== undefined);
      cluster.network.setFault(leader.name, first.name, { kind: "delay", delayMs: 200 });
      cluster.network.setFault(second.name, leader.name, {
        kind: "bandwidth",
        bytesPerSecond: 20_000,
      });
      await served(200);
      assert.equal((await cluster.untilLeader()).term, term, "no election for a slow network");
    });
  });

  test("when the leader is killed, and comes back", async () => {
    await underLoad({}, async (trial) => {
      const { cluster, served } = trial;
      const before = await cluster.untilLeader();
      await before.leader.stop("SIGKILL");
      await replaced(trial, before);
      await served(50);
      before.leader.start();
      await before.leader.ready();
      await cluster.untilLeader({ among: cluster.members });
    });
  });

  test("when a follower is killed and comes back, without an election", async () => {
    await underLoad({}, async ({ cluster, served }) => {
      const { leader, term } = await cluster.untilLeader();
      const [follower] = cluster.others(leader);
      assert(follower !== undefined);
      await follower.stop("SIGKILL");
      await served(100);
      follower.start();
      await follower.ready();
      const after = await cluster.untilLeader({ among: cluster.members });
      assert.deepEqual([after.leader.name, after.term], [leader.name, term]);
    });
  });

  test("when all members are restarted one after the other, the leader handing over", async () => {
    await underLoad({}, async ({ cluster, served }) => {
      const first = await cluster.untilLeader();
      for (const member of [...cluster.others(first.leader), first.leader]) {
        const before = await cluster.untilLeader({ among: cluster.members });
        await member.stop("SIGTERM");
        // Etcd ends by the signal itself, when all is in order.
        assert.match(member.process.end ?? "", /code 0|SIGTERM/);
        const others = cluster.others(member);
        if (member === before.leader) {
          // Nobody waits for a timeout: when the process is gone, nobody takes it for the leader any more.
          const statuses = await Promise.all(others.map((other) => other.status()));
          assert(statuses.every(({ leader }) => leader !== member.id));
          const after = await cluster.untilLeader({ among: others, after: before });
          assert.equal(after.term, before.term + 1);
        } else {
          assert.deepEqual(await cluster.untilLeader({ among: others }), before);
        }
        await served(30);
        member.start();
        await member.ready();
      }
      await cluster.untilLeader({ among: cluster.members });
    });
  });

  test("when one member's disk is slow", { skip: !isOurs }, async () => {
    const slow = { ETCD_TS_TEST_LOG_WRITE_DELAY_MS: String(slowMs) };
    await underLoad({}, async ({ cluster, served }) => {
      const { leader } = await cluster.untilLeader();
      const [follower] = cluster.others(leader);
      assert(follower !== undefined);
      for (const member of [follower, leader]) {
        await member.stop("SIGTERM");
        member.start(slow);
        await member.ready();
        await served(100);
        assert((await writeMs(member)) >= slowMs, "the disk is slow indeed");
        await member.stop("SIGTERM");
        member.start();
        await member.ready();
      }
    });
  });
});
