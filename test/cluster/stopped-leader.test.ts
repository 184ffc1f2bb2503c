/**
 * A leader that is stopped (SIGSTOP) for three election timeouts does not know that time has passed: what it is asked
 * meanwhile it answers when it goes on, and these answers must not be stale.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { ClientError } from "../../node/client/client-error.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { underLoad } from "./trial.ts";
import { until } from "./until.ts";

/** The default --election-timeout. */
const electionTimeoutMs = 1000;
const leaderChanges = "etcd_server_leader_changes_seen_total";
const asked = 20;

/** What reads find that are sent to a stopped member while it cannot answer. It may refuse them, as its leadership is over. */
async function readsOf(member: ClusterMember): Promise<(string | undefined)[]> {
  const read = async (): Promise<(string | undefined)[]> => {
    try {
      const found = await member.client.get("written", { deadlineMs: 20_000 });
      return [found === undefined ? undefined : Buffer.from(found.value).toString()];
    } catch (error) {
      if (error instanceof ClientError && error.code === status.UNAVAILABLE) return [];
      throw error;
    }
  };
  return (await Promise.all(Array.from({ length: asked }, read))).flat();
}

test("a stopped leader costs one election, gives no stale read and comes back as a follower", async () => {
  // Long enough for an answer after the stop: these count as answers, not as unknown.
  const work = { deadlineMs: 20_000, clients: 9 };
  await underLoad({ work }, async ({ cluster, served }) => {
    const before = await cluster.untilLeader();
    const survivors = cluster.others(before.leader);
    await before.leader.client.put("written", "before");
    const changes = await Promise.all(survivors.map((member) => member.metric(leaderChanges)));

    before.leader.pause();
    const stoppedMs = performance.now();
    const next = await cluster.untilLeader({ among: survivors, after: before });
    await next.leader.client.put("written", "meanwhile");
    const answers = readsOf(before.leader);
    await sleep(3 * electionTimeoutMs - (performance.now() - stoppedMs));
    before.leader.resume();

    const stale = (await answers).filter((value) => value !== "meanwhile");
    assert.deepEqual(stale, []);
    await served(100);
    const after = await cluster.untilLeader({ among: cluster.members });
    assert.deepEqual([after.leader.name, after.term], [next.leader.name, next.term]);
    for (const [at, member] of survivors.entries()) {
      const seen = (await member.metric(leaderChanges)) - (changes[at] ?? 0);
      assert.equal(seen, 1, `${member.name} has seen ${seen} elections`);
    }
  });
});

test("a stopped leader that hears from nobody when it goes on gives no stale read either", async () => {
  const work = { deadlineMs: 20_000, clients: 9 };
  await underLoad({ work, proxied: true }, async ({ cluster, served }) => {
    const before = await cluster.untilLeader();
    const survivors = cluster.others(before.leader);
    await before.leader.client.put("written", "before");

    // What tells it of its successor comes late: until then its clock says that it leads.
    const names = survivors.map(({ name }) => name);
    cluster.network.partition([before.leader.name], names, { kind: "hold" });
    before.leader.pause();
    const next = await cluster.untilLeader({ among: survivors, after: before });
    await next.leader.client.put("written", "meanwhile");
    const answers = readsOf(before.leader);
    before.leader.resume();
    await until("the old leader to give up", async () => {
      const { leader } = await before.leader.status();
      return leader === before.leader.id ? undefined : true;
    });
    cluster.network.heal();

    const stale = (await answers).filter((value) => value !== "meanwhile");
    assert.deepEqual(stale, []);
    await served(100);
    const after = await cluster.untilLeader({ among: cluster.members });
    assert.deepEqual([after.leader.name, after.term], [next.leader.name, next.term]);
  });
});
