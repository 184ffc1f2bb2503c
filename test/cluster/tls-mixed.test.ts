/**
 * Real etcds and members of ours in one cluster over mutual TLS: everybody writes and leads, a late one of each kind gets the whole state from the other, and all
 * have the same at the end. By the rule for common names, and by that for host names.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { needs } from "../support/peers.ts";
import type { MemberKind } from "./cluster-member.ts";
import { InterchangeCluster, patienceMs, specOf, titleOf } from "./interchange-cluster.ts";
import { assertSameHashes } from "./interchange-hashes.ts";
import { errorLines } from "./interchange-logs.ts";
import { snapshotsOf } from "./interchange-metrics.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { clusterPki, memberHostname, memberName } from "./tls-pki.ts";

/** More than a member keeps for those who are behind. */
const entriesForcingSnapshot = 300;
const flags = ["--snapshot-count=100", "--snapshot-catchup-entries=50"];

const mixes: readonly {
  readonly title: string;
  readonly kinds: readonly MemberKind[];
  readonly rule: string;
}[] = [
  {
    title: "two of ours and an etcd, by common name",
    kinds: ["etcd-ts", "etcd", "etcd-ts"],
    rule: `--peer-cert-allowed-cn=${memberName}`,
  },
  {
    title: "two etcds and one of ours, by host name",
    kinds: ["etcd", "etcd-ts", "etcd"],
    rule: `--peer-cert-allowed-hostname=${memberHostname}`,
  },
];

for (const { title, kinds, rule } of mixes) {
  test(`mutual TLS among ${title}`, needs("etcd"), async () => {
    const directory = mkdtempSync(join(tmpdir(), "etcd-ts-tls-mixed-"));
    const tls = clusterPki(directory);
    const members = kinds.map(specOf);
    const processes = await ProcessCluster.start({ members, tls, flags: [...flags, rule] });
    const cluster = new InterchangeCluster(processes);
    try {
      for (const member of cluster.members) {
        await cluster.lead(member);
        for (const through of cluster.members) await cluster.fill(through, 10);
      }
      await assertSameHashes(cluster.members);
      await joinLate(cluster, { leads: "etcd-ts", joins: "etcd" });
      await joinLate(cluster, { leads: "etcd", joins: "etcd-ts" });
      await assertSameHashes(cluster.members);
      assert(cluster.members.every(({ isRunning }) => isRunning));
      assert.deepEqual(errorLines(cluster.everyone), []);
      const refused = cluster.everyone.filter((member) =>
        /"rejected connection/.test(member.log()),
      );
      assert.deepEqual(refused.map(titleOf), []);
    } finally {
      await processes.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

/** One joins when the log no longer reaches back to the beginning: it gets the whole state from the leader. */
async function joinLate(
  cluster: InterchangeCluster,
  { leads, joins }: { readonly leads: MemberKind; readonly joins: MemberKind },
): Promise<void> {
  const leader = await cluster.lead(cluster.one(leads));
  await cluster.fill(leader, entriesForcingSnapshot);
  const before = await snapshotsOf(leader);
  await cluster.add(joins, { through: leader });
  const member = cluster.one(joins);
  await cluster.caughtUp(member, leader);
  const { received } = await snapshotsOf(member);
  const sent = (await snapshotsOf(leader)).sent - before.sent;
  const told = `${titleOf(member)} behind ${titleOf(leader)}: ${sent} sent, ${received} received`;
  assert(sent >= 1 && received >= 1, told);
  const { leader: after } = await cluster.processes.untilLeader({ timeoutMs: patienceMs });
  assert.equal(after.name, leader.name, "the leader stayed");
}
