/**
 * Changes of several members at once are ours alone: a real etcd ends at the sight of one. So they are refused as long as one is a member,
 * whether it can be reached or not, and never come into the log.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { memberId } from "../../node/lib/units.ts";
import { runtimeMemberId } from "../../node/membership/member.ts";
import type { MemberChange } from "../../node/membership/membership-change.ts";
import { entryType } from "../../node/raft/types.ts";
import { needs, peer } from "../support/peers.ts";
import { Admin } from "./admin.ts";
import { Joiner, listOf } from "./interchange-joiner.ts";
import { findingsIn } from "./interchange-logs.ts";
import { InnerMember, type InnerPlace, innerPlace, peerUrlOf } from "./interchange-member.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

/** How many entries of the log change several members at once, as etcd's own reader finds them. */
function jointEntries(walDirectory: string): number {
  const out = execFileSync(peer("wal"), ["read", walDirectory], { encoding: "utf8" });
  const entries = out.split("\n").filter((line) => line !== "");
  return entries
    .map((line) => JSON.parse(line) as { type?: number })
    .filter(({ type }) => type === entryType.confChangeV2).length;
}

/** Adds the member that lives here, starts it, and makes it the leader. */
async function leadHere(cluster: ProcessCluster, place: InnerPlace): Promise<InnerMember> {
  const [through] = cluster.members;
  assert(through !== undefined);
  const id = await until("an addition", () =>
    new Admin(through.address).addMember(peerUrlOf(place)),
  );
  const own = { name: place.name, peerUrl: peerUrlOf(place) };
  const inner = await InnerMember.join(place, listOf([...cluster.members, own]));
  await until("the leadership of the member in this process", async () => {
    if (inner.member.isLeader) return true;
    const leader = cluster.members.find((member) => member.id === inner.member.raft.lead);
    if (leader !== undefined) await new Admin(leader.address).moveLeader(id);
    return undefined;
  });
  return inner;
}

test(
  "several members are changed at once only where all are ours",
  needs("etcd", "wal"),
  async () => {
    const cluster = await ProcessCluster.start({
      members: [{ kind: "etcd-ts" }, { kind: "etcd-ts" }, { kind: "etcd" }],
    });
    let inner: InnerMember | undefined;
    const joiner = await Joiner.of(cluster, "etcd-ts", "joiner");
    const late = await Joiner.of(cluster, "etcd", "late");
    try {
      const [first, second, etcd] = cluster.members;
      assert(first !== undefined && second !== undefined && etcd !== undefined);
      const etcdWal = join(etcd.dataDirectory, "member/wal");
      inner = await leadHere(cluster, await innerPlace("inner", cluster.directory));
      const { member, transport } = inner;
      const id = runtimeMemberId([joiner.peerUrl], Date.now());
      const fresh = { id, peerUrls: [joiner.peerUrl], isLearner: false, name: "", clientUrls: [] };
      const replacement: readonly MemberChange[] = [
        { kind: "remove", id: memberId(second.id) },
        { kind: "add", member: fresh },
      ];
      const ids = cluster.members.map(({ id }) => memberId(id));
      await until("connections to all", () =>
        ids.every((id) => transport.activeSinceMs(id) !== undefined) ? true : undefined,
      );
      const whoIsOurs = ids.map((id) => transport.isEtcdTs(id));
      assert.deepEqual(whoIsOurs, [true, true, false]);
      assert.equal(await inner.replace(replacement), "JointChangeNotPossible");

      await etcd.stop("SIGTERM");
      assert.equal(jointEntries(etcdWal), 0);
      assert.equal(await inner.replace(replacement), "JointChangeNotPossible", "while it is down");
      etcd.start();
      await etcd.ready();
      await cluster.removeMember(etcd, first);
      assert.deepEqual(findingsIn(etcd.log()).errors, []);

      const replacing = inner;
      await until("the change of several members", async () => {
        const answer = await replacing.replace(replacement);
        assert.notEqual(answer, "JointChangeNotPossible");
        return answer === "applied" ? true : undefined;
      });
      const there = [first, { name: inner.place.name, peerUrl: peerUrlOf(inner.place) }];
      await joiner.start(listOf(there));
      const { members } = await first.client.memberList();
      assert.deepEqual(members.map(({ id }) => id).sort(), [first.id, member.id, id].sort());
      // One that comes later gets the state in place of the entries at which it would stop.
      await until("the addition of an etcd", () =>
        new Admin(first.address).addMember(late.peerUrl),
      );
      await late.start(listOf([...there, joiner]));
      assert.deepEqual(findingsIn(readFileSync(late.logFile, "utf8")).errors, []);
      await inner.close();
      assert.equal(
        jointEntries(inner.walDirectory),
        2,
        "one into the joint configuration, one out",
      );
    } finally {
      await late.stop();
      await joiner.stop();
      await inner?.close();
      await cluster.close();
    }
  },
);
