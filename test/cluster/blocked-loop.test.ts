/**
 * A member of ours whose event loop stands still for three election timeouts: the ticks that it then catches up with must
 * not make it start an election.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { defaultKind } from "./process-cluster.ts";
import { underLoad } from "./trial.ts";

const blockMs = 3000;
const environment = { ETCD_TS_TEST_BLOCK_LOOP_MS: String(blockMs) };
/** Behind the block, longer than any election timeout: an election that it causes has happened by then. */
const watchedMs = 2500;

suite("a loop that stands still for 3 s", { skip: defaultKind() !== "etcd-ts" }, () => {
  test("on a follower causes no election", async () => {
    // A pre-vote would be refused, which hides that there was a reason to refuse it.
    const flags = ["--pre-vote=false"];
    await underLoad({ environment, flags }, async ({ cluster, served }) => {
      const { leader, term } = await cluster.untilLeader();
      const [follower] = cluster.others(leader);
      assert(follower !== undefined);
      follower.process.signal("SIGUSR2");
      await sleep(blockMs + watchedMs);
      assert.match(follower.log(), /blocking the event loop on purpose/);
      const after = await cluster.untilLeader({ among: cluster.members });
      assert.deepEqual([after.leader.name, after.term], [leader.name, term]);
      await served(50);
    });
  });

  test("on the leader costs one election, and it comes back as a follower", async () => {
    await underLoad({ environment }, async ({ cluster }) => {
      const before = await cluster.untilLeader();
      const { leader } = before;
      leader.process.signal("SIGUSR2");
      const next = await cluster.untilLeader({ among: cluster.others(leader), after: before });
      await sleep(blockMs + watchedMs);
      const after = await cluster.untilLeader({ among: cluster.members });
      assert.notEqual(next.leader, leader);
      assert.deepEqual([after.leader.name, after.term], [next.leader.name, next.term]);
    });
  });
});
