/** Runs of `maintenance compact` against the fake API server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MaintenanceLab, refusal } from "./lab.ts";

test("the first run only remembers, the next one compacts to what it remembers, through the leader", async () => {
  const lab = new MaintenanceLab();
  assert.equal(await lab.run("compact"), 0);
  assert.deepEqual(lab.etcd.deeds, []);
  const first = lab.cluster.status?.maintenance?.compaction;
  assert.equal(first?.seenRevision, 40_000);
  assert.equal(first.revision, undefined);

  await lab.time.advance(600_000);
  lab.etcd.changeAll({ revision: 45_000 });
  assert.equal(await lab.run("compact"), 0);
  assert.deepEqual(lab.etcd.deeds, ["compact db-b 40000"]);
  const second = lab.cluster.status?.maintenance?.compaction;
  assert.deepEqual(
    [second?.result, second?.revision, second?.seenRevision],
    ["Succeeded", 40_000, 45_000],
  );
  assert.deepEqual(lab.events, ["CompactionSucceeded", "CompactionSucceeded"]);
  const [event] = lab.objects("events");
  assert.equal((event?.["regarding"] as { kind: string }).kind, "EtcdCluster");
  assert.deepEqual(event?.["related"], {
    apiVersion: "batch/v1",
    kind: "CronJob",
    name: "db-compact",
    namespace: event?.metadata["namespace"],
  });
  assert.equal(lab.lease?.holderIdentity, "");
});

test("runs that are closer together than five minutes keep what the first has seen", async () => {
  const lab = new MaintenanceLab();
  lab.seen(30_000, 4);
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: revision 30000 was the newest less than 5 minutes/);
  assert.equal(lab.cluster.status?.maintenance?.compaction?.seenRevision, 30_000);
  await lab.time.advance(60_000);
  await lab.run("compact");
  assert.deepEqual(lab.etcd.deeds, ["compact db-b 30000"]);
});

test("a run that is skipped forgets nothing that its own have written", async () => {
  const lab = new MaintenanceLab();
  await lab.run("compact");
  const seen = lab.cluster.status?.maintenance?.compaction;
  lab.etcd.changeAll({ revision: 45_000 });
  lab.holdLease("operator/one");
  await lab.run("compact");
  assert.match(lab.told("compact"), /^Skipped: a change by the operator/);
  const { seenRevision, seenAt } = lab.cluster.status?.maintenance?.compaction ?? {};
  assert.deepEqual([seenRevision, seenAt], [40_000, seen?.seenAt]);
});

test("what somebody else has compacted is as good as done", async () => {
  const lab = new MaintenanceLab();
  lab.seen(30_000, 60);
  lab.etcd.onDeed = () =>
    Promise.reject(refusal("etcdserver: mvcc: required revision has been compacted"));
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Succeeded: .* had been compacted already/);
  assert.equal(lab.cluster.status?.maintenance?.compaction?.revision, 30_000);
});

test("a refusal fails the run, and what was seen before stays", async () => {
  const lab = new MaintenanceLab();
  lab.seen(30_000, 60);
  lab.etcd.onDeed = () => Promise.reject(refusal("etcdserver: request timed out"));
  assert.equal(await lab.run("compact"), 1);
  assert.equal(lab.told("compact"), "Failed: revision 30000: etcdserver: request timed out");
  assert.equal(lab.cluster.status?.maintenance?.compaction?.seenRevision, 30_000);
  assert.deepEqual(lab.events, ["CompactionFailed"]);
  assert.equal(lab.lease?.holderIdentity, "");
});

test("CORRUPT stops it, NOSPACE does not", async () => {
  const lab = new MaintenanceLab();
  lab.seen(30_000, 60);
  lab.etcd.alarms = [{ memberId: "aaaa", kind: "Corrupt" }];
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: alarm CORRUPT/);
  lab.etcd.alarms = [{ memberId: "aaaa", kind: "NoSpace" }];
  assert.equal(await lab.run("compact"), 0);
  assert.deepEqual(lab.etcd.deeds, ["compact db-b 30000"]);
});

test("without spec.maintenance.compaction there is nothing to do", async () => {
  const lab = new MaintenanceLab({ maintenance: {} });
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: spec.maintenance.compaction is not set/);
});

test("one task's result does not take the other's away, nor does the operator's status write", async () => {
  const lab = new MaintenanceLab();
  await lab.run("compact");
  await lab.run("defrag");
  lab.setStatus({ phase: "Running" });
  assert.match(lab.told("compact"), /^Succeeded/);
  assert.match(lab.told("defrag"), /^Succeeded/);
  await lab.run("compact");
  assert.match(lab.told("defrag"), /^Succeeded/);
});

test("a status that somebody writes meanwhile is read again", async () => {
  const lab = new MaintenanceLab();
  let isDone = false;
  lab.api.onRequest = ({ method, path }) => {
    if (isDone || method !== "PATCH" || !path.includes("/status")) return;
    isDone = true;
    lab.setStatus({ phase: "Running" });
  };
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Succeeded/);
  assert.equal(lab.cluster.status?.phase, "Running");
});

test("without an API server it ends with 1, and nothing was asked of the members", async () => {
  const lab = new MaintenanceLab();
  lab.seen(30_000, 60);
  lab.api.fail({ kind: "status", code: 503 }, () => true, 1000);
  assert.equal(await lab.run("compact"), 1);
  assert.deepEqual(lab.etcd.deeds, []);
});
