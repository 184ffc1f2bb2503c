/** Health gate, need, order and disk times: what a defragmentation is decided by. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdMember } from "../../../../operator/api/v1alpha1/types.ts";
import { fullMemberIn, nextInNeed } from "../../../../operator/maintenance/defrag-need.ts";
import { diskTimesIn, p99MsBetween } from "../../../../operator/maintenance/disk-times.ts";
import { whyNoCompaction, whyNotHealthy } from "../../../../operator/maintenance/health-gate.ts";
import type { Sight } from "../../../../operator/maintenance/sight.ts";
import { MaintenanceLab, maintenance, mebibyte, type ScriptedMembers } from "./lab.ts";

type Change = (etcd: ScriptedMembers, lab: MaintenanceLab) => void;

async function sightOf(change: Change = () => undefined): Promise<Sight> {
  const lab = new MaintenanceLab();
  change(lab.etcd, lab);
  const members = lab.objects("members") as unknown as readonly EtcdMember[];
  return { cluster: lab.cluster, members, ...(await lab.etcd.look()) };
}

test("a cluster whose members all answer, agree and are level is healthy", async () => {
  assert.equal(whyNotHealthy(await sightOf()), undefined);
});

const learner = { id: "dddd", name: "", peerUrls: ["http://d:2380"], isLearner: true };

for (const [what, change, pattern, stopsCompaction] of [
  [
    "a silent member",
    (etcd) => etcd.states.set("db-c", { kind: "silent", reason: "refused" }),
    /db-c does not answer: refused/,
    false,
  ],
  [
    "a member that lags",
    (etcd) => etcd.change("db-a", { raftAppliedIndex: 40_000 }),
    /lags/,
    false,
  ],
  [
    "a member with another leader",
    (etcd) => etcd.change("db-c", { leaderId: "" }),
    /db-c follows no leader/,
    false,
  ],
  ["no leader", (etcd) => etcd.changeAll({ leaderId: "" }), /no member says that it leads/, true],
  ["a learner", (etcd) => etcd.list.push(learner), /dddd is a learner/, false],
  [
    "a member that nobody made",
    (etcd) => etcd.list.push({ ...learner, isLearner: false }),
    /dddd of etcd's list is unknown here/,
    false,
  ],
  [
    "a member that is not listed",
    (etcd) => etcd.list.pop(),
    /db-c is not in etcd's member list/,
    false,
  ],
  [
    "alarm CORRUPT",
    (etcd) => etcd.alarms.push({ memberId: "aaaa", kind: "Corrupt" }),
    /CORRUPT/,
    true,
  ],
  [
    "another cluster",
    (etcd) => etcd.change("db-a", { clusterId: "beef" }),
    /of another cluster, beef/,
    true,
  ],
  [
    "a lost quorum",
    (_, lab) =>
      lab.setStatus({
        quorumRecovery: {
          phase: "WaitingForApproval",
          nonce: "n",
          estimatedLoss: "",
          survivors: [],
        },
      }),
    /quorum is lost/,
    true,
  ],
] as readonly (readonly [string, Change, RegExp, boolean])[]) {
  test(`${what} keeps members from being worked on`, async () => {
    const sight = await sightOf(change);
    assert.match(whyNotHealthy(sight) ?? "healthy", pattern);
    assert.equal(whyNoCompaction(sight) !== undefined, stopsCompaction);
  });
}

test("alarm NOSPACE stops nothing", async () => {
  const sight = await sightOf((etcd) => etcd.alarms.push({ memberId: "aaaa", kind: "NoSpace" }));
  assert.equal(whyNotHealthy(sight), undefined);
});

for (const [what, spec] of [
  ["paused", { paused: true }],
  ["asleep", { replicas: 0 }],
] as const) {
  test(`a cluster that is ${what} is left alone`, async () => {
    const sight = await sightOf();
    const cluster = { ...sight.cluster, spec: { ...sight.cluster.spec, ...spec } };
    assert.notEqual(whyNoCompaction({ ...sight, cluster }), undefined);
  });
}

const { defrag } = maintenance;
assert.ok(defrag !== undefined);

test("followers come by name, and the leader last", async () => {
  const sight = await sightOf();
  const order: string[] = [];
  for (;;) {
    const next = nextInNeed(sight, defrag, new Set(order));
    if (next === undefined) break;
    order.push(next.name);
  }
  assert.deepEqual(order, ["db-a", "db-c", "db-b"]);
});

test("free bytes and free percent count together, the share of the quota alone", async () => {
  const isInNeed = async (
    dbSizeBytes: number,
    dbSizeInUseBytes: number,
    quotaBytes = 4096 * mebibyte,
  ): Promise<boolean> => {
    const sight = await sightOf((etcd) =>
      etcd.changeAll({ dbSizeBytes, dbSizeInUseBytes, quotaBytes }),
    );
    return nextInNeed(sight, defrag, new Set()) !== undefined;
  };
  assert.ok(await isInNeed(200 * mebibyte, 100 * mebibyte));
  assert.ok(!(await isInNeed(199 * mebibyte, 100 * mebibyte)), "too few bytes");
  assert.ok(!(await isInNeed(1000 * mebibyte, 501 * mebibyte)), "too small a share");
  assert.ok(await isInNeed(80 * mebibyte, 80 * mebibyte, 100 * mebibyte), "near the quota");
  assert.ok(!(await isInNeed(79 * mebibyte, 79 * mebibyte, 100 * mebibyte)));
  assert.ok(!(await isInNeed(8 * 2 ** 40, 8 * 2 ** 40, -1)), "no limit");
  assert.ok(await isInNeed(1700 * mebibyte, 1700 * mebibyte, 0), "etcd's default of 2 GiB");
});

test("at 90 % of the quota a member is full", async () => {
  const full = async (dbSizeBytes: number) =>
    fullMemberIn(
      await sightOf((etcd) => etcd.change("db-c", { dbSizeBytes, quotaBytes: 4096 * mebibyte })),
    );
  assert.equal(await full(0.9 * 4096 * mebibyte), "db-c");
  assert.equal(await full(0.89 * 4096 * mebibyte), undefined);
});

test("the 99th percentile is of the writes in between, and of the slower histogram", () => {
  const lines = (what: string, [low, middle, all]: readonly number[]): string[] => [
    `# HELP etcd_disk_${what}_duration_seconds x`,
    `etcd_disk_${what}_duration_seconds_bucket{le="0.008"} ${low}`,
    `etcd_disk_${what}_duration_seconds_bucket{le="0.016"} ${middle}`,
    `etcd_disk_${what}_duration_seconds_bucket{le="+Inf"} ${all}`,
    `etcd_disk_${what}_duration_seconds_count ${all}`,
  ];
  const text = (commits: readonly number[], syncs: readonly number[]): string =>
    [...lines("backend_commit", commits), ...lines("wal_fsync", syncs)].join("\n");
  const times = (commits: readonly number[], syncs: readonly number[]) => {
    const found = diskTimesIn(text(commits, syncs));
    assert.ok(found !== undefined);
    return found;
  };
  const before = times([1000, 1000, 1000], [10, 10, 500]);
  assert.equal(p99MsBetween(before, before), 0);
  assert.equal(p99MsBetween(before, times([1100, 1100, 1100], [10, 10, 500])), 0.99 * 8);
  assert.equal(p99MsBetween(before, times([1100, 1100, 1100], [10, 110, 600])), 8 + 0.99 * 8);
  assert.equal(p99MsBetween(before, times([1000, 1000, 1002], [10, 10, 500])), Infinity);
  // A member that began anew counts from nothing.
  assert.equal(p99MsBetween(before, times([100, 100, 100], [100, 100, 100])), 0.99 * 8);
  assert.equal(diskTimesIn("etcd_server_has_leader 1\n"), undefined);
});
