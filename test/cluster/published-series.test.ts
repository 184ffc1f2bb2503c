/** The series of etcd's published alerts and dashboard that tell of other members: three of ours beside three real etcds, and each of ours driven. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { labelNames } from "../conformance/exposition.ts";
import { publishedPeerSeries } from "../conformance/published-series.ts";
import { type Families, scrape, sumOf } from "../conformance/scrape.ts";
import { needs } from "../support/peers.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

const now = (member: ClusterMember): Promise<Families> => scrape(member.address);
const untilIt = (what: string, member: ClusterMember, holds: (of: Families) => boolean) =>
  until(what, async () => holds(await now(member)) || undefined);

test("those of peers have etcd's types and labels", needs("etcd"), async () => {
  for (const kind of ["etcd", "etcd-ts"] as const) {
    const cluster = await ProcessCluster.start({ members: 3, kind });
    try {
      const { leader } = await cluster.untilLeader();
      // A failure has a line from the first one on, and a round trip is measured every few seconds.
      const [gone] = cluster.others(leader);
      await gone?.stop("SIGKILL");
      const names = Object.keys(publishedPeerSeries);
      await untilIt("all of them", leader, (of) => names.every((name) => of.has(name)));
      const families = await now(leader);
      for (const [name, { type, labels }] of Object.entries(publishedPeerSeries)) {
        const family = families.get(name);
        assert.ok(family !== undefined, `${name} of ${kind}`);
        assert.equal(family.type, type, name);
        assert.deepEqual(labelNames(family), labels, name);
      }
    } finally {
      await cluster.close();
    }
  }
});

describe("what a cluster goes through moves its series", () => {
  let cluster: ProcessCluster;
  before(async () => {
    cluster = await ProcessCluster.start({ members: 3, kind: "etcd-ts" });
  });
  after(async () => {
    await cluster.close();
  });

  test("a Put moves the bytes between members both ways", async () => {
    const { leader } = await cluster.untilLeader();
    const sent = "etcd_network_peer_sent_bytes_total";
    const received = "etcd_network_peer_received_bytes_total";
    const earlier = await now(leader);
    await leader.client.put("a", "v".repeat(10_000));
    await untilIt(
      "the bytes to two followers",
      leader,
      (of) => sumOf(of, sent) - sumOf(earlier, sent) > 20_000,
    );
    await untilIt("their answers", leader, (of) => sumOf(of, received) > sumOf(earlier, received));
  });

  test("round trips to the others are measured while nothing else happens", async () => {
    const { leader } = await cluster.untilLeader();
    const count = "etcd_network_peer_round_trip_time_seconds_count";
    const earlier = sumOf(await now(leader), count);
    await untilIt("a round trip", leader, (of) => sumOf(of, count) > earlier);
  });

  test("a change of the leader is seen by each member, and by none after it", async () => {
    const changes = "etcd_server_leader_changes_seen_total";
    const { leader } = await cluster.untilLeader();
    const [next] = cluster.others(leader);
    assert.ok(next !== undefined);
    const earlier = await Promise.all(cluster.members.map(now));
    await leader.client.moveLeader(next.id);
    for (const [at, member] of cluster.members.entries()) {
      const before = sumOf(earlier[at] ?? new Map(), changes);
      await untilIt("the change", member, (of) => sumOf(of, changes) === before + 1);
    }
    for (const member of cluster.members)
      assert.equal(sumOf(await now(member), "etcd_server_is_leader"), Number(member === next));
  });

  test("a member that is lost is a failure to send and a disconnection; without a quorum there is no leader, and proposals fail", async () => {
    const { leader: left } = await cluster.untilLeader();
    const earlier = await now(left);
    for (const other of cluster.others(left)) await other.stop("SIGKILL");
    const grown = (name: string) => (of: Families) => sumOf(of, name) >= sumOf(earlier, name) + 2;
    await untilIt("the disconnections", left, grown("etcd_network_disconnected_peers_total"));
    await untilIt("the failures", left, grown("etcd_network_peer_sent_failures_total"));
    const active = "etcd_network_active_peers";
    await untilIt("no active peer", left, (of) => sumOf(of, active) === 0);
    await untilIt("no leader", left, (of) => sumOf(of, "etcd_server_has_leader") === 0);
    const failing = left.client.put("b", "1").catch((error: unknown) => error);
    await untilIt("it pending", left, (of) => sumOf(of, "etcd_server_proposals_pending") === 1);
    const failed = "etcd_server_proposals_failed_total";
    await untilIt("its failure", left, (of) => sumOf(of, failed) === sumOf(earlier, failed) + 1);
    assert.ok((await failing) instanceof Error);
    const families = await now(left);
    assert.equal(sumOf(families, "etcd_server_proposals_pending"), 0);
    const code = { grpc_method: "Put", grpc_code: "Unavailable" };
    assert.ok(sumOf(families, "grpc_server_handled_total", code) >= 1);
    const timedOut = { type: "Put", success: "false" };
    assert.equal(sumOf(families, "etcd_server_request_duration_seconds_count", timedOut), 1);
  });
});
