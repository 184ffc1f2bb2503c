/** Whole stories of clusters of several members: size, losses, rolls, sleep. Operators are the real ones; API server, machines and etcd are fakes that refuse as the real ones do. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  assertSound,
  followersOf,
  leaderOf,
  nodeOf,
  readyCluster,
  scaledTo,
  wasTold,
} from "./members-lab.ts";

test("a cluster of three is born as one, and grows by learners", async () => {
  const lab = await readyCluster(3);
  assertSound(lab, 3);
  const kinds = lab.etcd("db").changes.map((change) => change.split(" ")[0]);
  assert.deepEqual(kinds, ["add", "promote", "add", "promote"]);
  const { status } = lab.cluster("db");
  assert.equal(status?.ready, "3/3");
  assert.deepEqual(
    lab.list("budgets").map((budget) => (budget["spec"] as { minAvailable: number }).minAvailable),
    [2],
  );
});

test("what is done to each of several members is told of each, and of nobody twice", async () => {
  const lab = await readyCluster(3);
  await lab.time.advance(5_000);
  const names = lab
    .list("members")
    .map(({ metadata }) => metadata.name)
    .sort();
  for (const reason of ["CreatedMember", "CreatedVolume", "CreatedPod", "MemberListed"]) {
    const told = lab.list("events").filter((event) => event["reason"] === reason);
    assert.deepEqual(
      told.map((event) => (event["related"] as { name: string }).name).sort(),
      names,
      reason,
    );
    for (const event of told) {
      const { kind, name } = event["related"] as { kind: string; name: string };
      assert.equal(kind, "EtcdMember");
      assert.ok(String(event["note"]).includes(name), String(event["note"]));
      assert.equal(event["series"], undefined, reason);
    }
  }
});

test("a member whose pod is taken away for ever is told of in few writes", async () => {
  const lab = await readyCluster(3);
  const [name = ""] = followersOf(lab);
  await lab.time.advance(10 * 60_000);
  const written = (): number =>
    lab.api.store.mutations.filter(({ plural }) => plural === "events").length;
  const before = written();
  const runs = lab.node.runs.length;
  const minutes = 20;
  for (let at = 0; at < minutes * 2; at += 1) {
    if (lab.list("pods").some(({ metadata }) => metadata.name === name)) lab.delete("pods", name);
    await lab.time.advance(30_000);
  }
  const flaps = lab.node.runs.length - runs;
  assert.ok(flaps >= minutes, `${flaps} flaps`);
  // One Event, and its count once a minute.
  assert.ok(written() - before <= minutes + 3, `${written() - before} writes`);
  const [told] = lab
    .list("events")
    .filter((event) => event["reason"] === "CreatedPod" && event["series"] !== undefined);
  assert.equal((told?.["related"] as { name?: string } | undefined)?.name, name);
  const { count } = told?.["series"] as { count: number };
  // The last minute's may not be written yet.
  assert.ok(count >= flaps - 4 && count <= flaps, `${count} of ${flaps}`);
});

test("1 ▸ 3 ▸ 5 ▸ 3 ▸ 1: claims go by policy, names are never used again", async () => {
  const lab = await readyCluster(1);
  for (const replicas of [3, 5, 3, 1]) {
    await scaledTo(lab, replicas);
    assertSound(lab, replicas, `at ${replicas}`);
    assert.equal(lab.list("volumeClaims").length, replicas);
  }
  const names = lab.node.runs.map(({ pod }) => pod);
  assert.equal(new Set(names).size, names.length, "each pod was run once");
  assert.equal(names.length, 5);
});

test("claims of members that are scaled away stay with policy Retain", async () => {
  const reclaim = { onScaleDown: "Retain", onClusterDelete: "Delete" } as const;
  const lab = await readyCluster(3, { storage: { size: "8Gi", reclaim } });
  await scaledTo(lab, 1);
  assertSound(lab, 1);
  assert.equal(lab.list("volumeClaims").length, 3);
});

test("a pod that is lost comes back with its volume and its identity", async () => {
  const lab = await readyCluster(3);
  const changes = lab.etcd("db").changes.length;
  const [name = ""] = followersOf(lab);
  lab.delete("pods", name);
  await lab.until(() => lab.list("pods").length === 2);
  await lab.until(() => lab.isReady("db") && lab.list("pods").length === 3);
  assertSound(lab, 3);
  assert.equal(lab.etcd("db").changes.length, changes, "no member was changed");
  assert.equal(lab.node.runs.filter(({ pod }) => pod === name).length, 2);
});

test("a container that crashes once is left to the machine", async () => {
  const lab = await readyCluster(3);
  const since = lab.api.store.mutations.length;
  lab.node.crash(leaderOf(lab));
  await lab.time.advance(60_000);
  assert.ok(lab.isReady("db"));
  assertSound(lab, 3);
  const touched = lab.operatorWrites(since).filter((write) => !/^apply etcd/.test(write));
  assert.deepEqual(touched, []);
});

test("a volume that is lost takes its member along: removed first, then another one joins", async () => {
  const lab = await readyCluster(3);
  const [name = ""] = followersOf(lab);
  lab.node.loseClaim("default", `data-${name}`);
  lab.delete("pods", name);
  await lab.until(() => wasTold(lab, "RemovedLostMember"));
  await lab.until(() => lab.isReady("db") && lab.list("members").length === 3, 300_000);
  assertSound(lab, 3);
  const kinds = lab.etcd("db").changes.map((change) => change.split(" ")[0]);
  assert.deepEqual(kinds.slice(4), ["remove", "add", "promote"]);
  assert.ok(!lab.etcd("db").members.some((member) => member.name === name));
  assert.equal(lab.cluster("db").status?.replacements?.length, 1);
});

test("a machine that is off: its member is replaced after the grace, and cleaned up when the machine is confirmed to be gone", async () => {
  const lab = await readyCluster(3);
  const [name = ""] = followersOf(lab);
  const node = nodeOf(lab, name);
  lab.node.loseNode(node);
  await lab.until(() => lab.etcd("db").changes.length === 7, 600_000);
  assert.ok(!lab.etcd("db").members.some((member) => member.name === name));
  assert.equal(lab.etcd("db").voters.length, 3);
  lab.node.deleteNode(node);
  await lab.until(() => lab.isReady("db") && lab.list("members").length === 3, 300_000);
  assertSound(lab, 3);
});

test("a machine that is gone with the volume on it is not waited for", async () => {
  const lab = await readyCluster(3, {
    recovery: { memberGraceSeconds: 86_400, maxReplacementsPerHour: 3, quorumLoss: "Assisted" },
  });
  // Claims that are made from now on are local: a member that joins has one.
  lab.node.isLocal = true;
  await scaledTo(lab, 5);
  const name = lab.node.runs.at(-1)?.pod ?? "";
  const node = nodeOf(lab, name);
  lab.node.loseNode(node);
  await lab.time.advance(120_000);
  assert.ok(!wasTold(lab, "RemovedLostMember"), "a machine that is silent may come back");
  lab.node.deleteNode(node);
  await lab.until(() => wasTold(lab, "RemovedLostMember"), 60_000);
  await lab.until(() => lab.isReady("db") && lab.list("members").length === 5, 300_000);
  assertSound(lab, 5);
});

test("a roll goes one by one, followers first, the leader last and after it has handed over", async () => {
  const lab = await readyCluster(3);
  const leader = leaderOf(lab);
  const runs = lab.node.runs.length;
  let fewest = 3;
  lab.api.store.listen(() => {
    fewest = Math.min(fewest, lab.condition("db", "QuorumHealthy") === "True" ? 3 : 0);
  });
  lab.changeSpec("db", { image: { repository: "etcd-ts", tag: "2" } });
  await lab.until(() => lab.isReady("db"), 300_000);
  const rolled = lab.node.runs.slice(runs);
  assert.deepEqual(new Set(rolled.map(({ image }) => image)), new Set(["etcd-ts:2"]));
  assert.equal(rolled.length, 3);
  assert.equal(rolled.at(-1)?.pod, leader, "the leader was the last");
  assert.equal(lab.node.requests.filter((each) => each.includes("move-leader")).length, 1);
  assert.equal(fewest, 3, "the list could be read all the time");
  assertSound(lab, 3);
});

test("hibernation keeps members, volumes and ids, and waking starts the same ones", async () => {
  const lab = await readyCluster(3);
  const before = lab.etcd("db").members.map(({ id }) => id);
  lab.changeSpec("db", { replicas: 0 });
  await lab.until(() => lab.list("pods").length === 0 && lab.isReady("db"));
  assert.equal(lab.list("members").length, 3);
  assert.equal(lab.list("volumeClaims").length, 3);
  await lab.time.advance(600_000);
  assert.equal(lab.list("pods").length, 0);
  await scaledTo(lab, 3);
  assertSound(lab, 3);
  assert.deepEqual(
    lab.etcd("db").members.map(({ id }) => id),
    before,
  );
});

test("a lost quorum: nothing is done but told, and after approval the cluster goes on from the survivor", async () => {
  const lab = await readyCluster(3);
  const survivor = leaderOf(lab);
  for (const name of followersOf(lab)) {
    lab.node.loseClaim("default", `data-${name}`);
    lab.delete("pods", name);
  }
  await lab.until(() => lab.cluster("db").status?.quorumRecovery !== undefined, 300_000);
  await lab.time.advance(600_000);
  const changes = lab.etcd("db").changes.length;
  assert.equal(changes, 4, "no change of members");
  const { quorumRecovery } = lab.cluster("db").status ?? {};
  assert.equal(quorumRecovery?.survivor, survivor);
  assert.equal(lab.condition("db", "QuorumHealthy"), "False");
  lab.annotate("db", { "etcd-ts.dev/recover-quorum": quorumRecovery.nonce });
  await lab.until(() => lab.isReady("db"), 600_000);
  const etcd = lab.etcd("db");
  assert.deepEqual(etcd.violations, []);
  assert.equal(etcd.voters.length, 3);
  assert.equal(etcd.changes.filter((change) => change.startsWith("force")).length, 1);
  assert.equal(lab.list("pods").length, 3);
  assert.equal(lab.cluster("db").status?.quorumRecovery, undefined);
});

test("alarm NOSPACE: compacted, defragmented one by one with the leader last, disarmed", async () => {
  const lab = await readyCluster(3, { etcd: { quotaBackendBytes: 100_000_000 } });
  const etcd = lab.etcd("db");
  for (const { id } of etcd.members) {
    const data = etcd.dataOf(id);
    if (data !== undefined) data.dbSizeBytes = 99_000_000;
  }
  etcd.alarms = [{ memberId: etcd.members[0]?.id ?? "", kind: "nospace" }];
  await lab.until(() => etcd.alarms.length === 0, 300_000);
  await lab.until(() => lab.isReady("db") && lab.cluster("db").status?.spaceRecovery === undefined);
  const asked = lab.node.requests.map((each) => each.split(" ")[1]);
  assert.deepEqual(asked.slice(-5), [
    "compact",
    "defragment",
    "defragment",
    "defragment",
    "disarm",
  ]);
  assertSound(lab, 3);
});

test("alarm CORRUPT: the one that differs is replaced, its volume is kept, and the alarm disarmed", async () => {
  const lab = await readyCluster(3);
  const etcd = lab.etcd("db");
  const [name = ""] = followersOf(lab);
  const id = etcd.members.find((member) => member.name === name)?.id ?? "";
  etcd.corrupt.add(id);
  etcd.alarms = [{ memberId: id, kind: "corrupt" }];
  await lab.until(() => etcd.alarms.length === 0, 300_000);
  await lab.until(() => lab.isReady("db"), 300_000);
  assertSound(lab, 3);
  assert.ok(!etcd.members.some((member) => member.name === name));
  assert.ok(lab.list("volumeClaims").some((claim) => claim.metadata.name === `data-${name}`));
});
