/**
 * Leases in clusters of three: renewals and questions through members that do not lead, and leases that outlive their leader. What must not happen
 * early is measured from before it was asked for, so that a slow machine changes nothing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { LeaseMethod } from "../differential/lease-operations.ts";
import type { Message } from "../differential/operations.ts";
import { decodeAnswer, encodeRequest, Service } from "../differential/service.ts";
import { needs } from "../support/peers.ts";
import { Admin } from "./admin.ts";
import type { ClusterMember, MemberKind } from "./cluster-member.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { until } from "./until.ts";

/** Asks a member, and resolves with the answer; throws with the code and the text of a refusal. */
async function ask(member: ClusterMember, method: LeaseMethod, request: Message): Promise<Message> {
  const service = new Service(member.address);
  try {
    const { code, text, messages } = await service.call(method, encodeRequest({ method, request }));
    const [message] = messages;
    if (message === undefined) throw new Error(`${member.name}: ${method}: ${code} ${text}`);
    return decodeAnswer(method, message);
  } finally {
    service.close();
  }
}

const key = Buffer.from("leased");

async function exists(member: ClusterMember): Promise<boolean> {
  return (await member.client.get("leased", { deadlineMs: 10_000 })) !== undefined;
}

/** Renews through the member, and resolves with the time left, and when it was asked for. */
async function renew(member: ClusterMember, id: string): Promise<{ ttl: number; askedMs: number }> {
  const askedMs = performance.now();
  const answer = await ask(member, "LeaseKeepAlive", { ID: id });
  return { ttl: Number(answer["TTL"] ?? 0), askedMs };
}

async function lead(cluster: ProcessCluster, wanted: ClusterMember): Promise<void> {
  await until(`the leadership of ${wanted.name}`, async () => {
    const { leader } = await cluster.untilLeader({ among: cluster.members });
    if (leader === wanted) return true;
    await new Admin(leader.address).moveLeader(wanted.id);
    return undefined;
  });
}

async function throughEveryMember(cluster: ProcessCluster, id: string): Promise<void> {
  for (const member of cluster.members) {
    assert.equal((await renew(member, id)).ttl, 60, member.name);
    const times = await ask(member, "LeaseTimeToLive", { ID: id, keys: true });
    const left = Number(times["TTL"]);
    assert(left <= 60 && left > 30, `${member.name}: ${left} s left`);
    assert.equal(times["grantedTTL"], "60");
    assert.deepEqual(times["keys"], [key.toString("base64")]);
    assert.equal((await renew(member, "77")).ttl, 0);
    const unknown = await ask(member, "LeaseTimeToLive", { ID: "77", keys: true });
    assert.equal(unknown["TTL"], "-1");
    const list = (await ask(member, "LeaseLeases", {}))["leases"] as readonly { ID: string }[];
    assert(
      list.some(({ ID }) => ID === id),
      member.name,
    );
  }
}

const mixtures: readonly (readonly MemberKind[])[] = [
  ["etcd-ts", "etcd-ts", "etcd-ts"],
  ["etcd-ts", "etcd", "etcd-ts"],
];

for (const kinds of mixtures) {
  test(
    `every member renews a lease and tells of it, whoever leads (${kinds.join(", ")})`,
    needs("etcd"),
    async () => {
      const cluster = await ProcessCluster.start({ members: kinds.map((kind) => ({ kind })) });
      try {
        for (const [index, leader] of cluster.members.entries()) {
          await lead(cluster, leader);
          const id = String(100 + index);
          const granter = cluster.members[(index + 1) % 3] as ClusterMember;
          await ask(granter, "LeaseGrant", { ID: id, TTL: "60" });
          await ask(granter, "Put", { key, value: key, lease: id });
          await throughEveryMember(cluster, id);
          await ask(granter, "LeaseRevoke", { ID: id });
          for (const member of cluster.members) assert.equal(await exists(member), false);
        }
      } finally {
        await cluster.close();
      }
    },
  );
}

test("a leader is killed: its leases go on under the next one, and end when nobody renews them, never early", async () => {
  const ttlSeconds = 6;
  const cluster = await ProcessCluster.start({ members: 3, kind: "etcd-ts" });
  try {
    const before = await cluster.untilLeader();
    const survivors = cluster.others(before.leader);
    const [survivor] = survivors as [ClusterMember];
    await ask(survivor, "LeaseGrant", { ID: "5", TTL: String(ttlSeconds) });
    await ask(survivor, "Put", { key, value: key, lease: "5" });
    await sleep(1000);
    let last = await renew(survivor, "5");
    await before.leader.stop("SIGKILL");
    const next = await cluster.untilLeader({ among: survivors, after: before });
    // The lease lives under the new leader, and can be renewed.
    for (const member of survivors) {
      last = await renew(member, "5");
      assert.equal(last.ttl, ttlSeconds, member.name);
      assert.equal(await exists(member), true);
    }
    await until("the end of the lease", async () => ((await exists(survivor)) ? undefined : true));
    const livedMs = performance.now() - last.askedMs;
    assert(livedMs >= ttlSeconds * 1000, `it ended ${livedMs} ms after its last renewal`);
    assert.equal((await renew(survivor, "5")).ttl, 0);

    // Not renewed at all under the next leader: it gives the whole time anew.
    before.leader.start();
    await before.leader.ready();
    const movedMs = performance.now();
    await ask(survivor, "LeaseGrant", { ID: "6", TTL: String(ttlSeconds) });
    await ask(survivor, "Put", { key, value: key, lease: "6" });
    await new Admin(next.leader.address).moveLeader(before.leader.id);
    await cluster.untilLeader({ among: cluster.members, after: next });
    await until("the end of the lease", async () => ((await exists(survivor)) ? undefined : true));
    const keptMs = performance.now() - movedMs;
    assert(keptMs >= ttlSeconds * 1000, `it ended ${keptMs} ms after the change of the leader`);
  } finally {
    await cluster.close();
  }
});

test("a leader that was stopped and has a successor ends no lease that the successor has renewed", async () => {
  const ttlSeconds = 6;
  const cluster = await ProcessCluster.start({ members: 3, kind: "etcd-ts" });
  try {
    const before = await cluster.untilLeader();
    const survivors = cluster.others(before.leader);
    const [survivor] = survivors as [ClusterMember];
    await ask(survivor, "LeaseGrant", { ID: "5", TTL: String(ttlSeconds) });
    await ask(survivor, "Put", { key, value: key, lease: "5" });
    before.leader.pause();
    const stoppedMs = performance.now();
    await cluster.untilLeader({ among: survivors, after: before });
    while (performance.now() < stoppedMs + 2 * ttlSeconds * 1000) {
      assert.equal((await renew(survivor, "5")).ttl, ttlSeconds);
      await sleep(500);
    }
    before.leader.resume();
    const last = await renew(survivor, "5");
    // By its own clock the lease is long over.
    for (const member of [survivor, before.leader])
      if (performance.now() - last.askedMs < ttlSeconds * 1000) {
        const isThere = await exists(member);
        if (performance.now() - last.askedMs < ttlSeconds * 1000) assert.equal(isThere, true);
      }
    await until("the end of the lease", async () => ((await exists(survivor)) ? undefined : true));
    const livedMs = performance.now() - last.askedMs;
    assert(livedMs >= ttlSeconds * 1000, `it ended ${livedMs} ms after its last renewal`);
  } finally {
    await cluster.close();
  }
});
