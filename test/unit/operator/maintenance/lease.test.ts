/** The maintenance Lease around a run: who is kept out, who is waited out, and when it is given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MaintenanceLab } from "./lab.ts";

test("while the operator has a change under way, a run is skipped before anything is asked", async () => {
  const lab = new MaintenanceLab();
  lab.holdLease("operator/one");
  let looks = 0;
  lab.etcd.look = () => {
    looks += 1;
    return Promise.reject(new Error("it is not to look"));
  };
  assert.equal(await lab.run("defrag"), 0);
  assert.equal(looks, 0);
  assert.equal(
    lab.told("defrag"),
    "Skipped: a change by the operator is under way: operator/one holds the maintenance Lease",
  );
  assert.deepEqual(lab.events, ["DefragmentationSkipped"]);
  assert.equal(lab.lease?.holderIdentity, "operator/one");
});

test("of two runs at the same time one works and the other is skipped", async () => {
  const lab = new MaintenanceLab();
  const first = lab.start("defrag");
  await lab.time.advance(1000);
  assert.match(lab.lease?.holderIdentity ?? "", /^maintenance\/db-defrag-1$/);
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: maintenance\/db-defrag-1 holds/);
  assert.equal(await lab.finish(first), 0);
  assert.equal(lab.etcd.deeds.length, 3);
});

test("of two that start at once one works, whoever it is", async () => {
  const lab = new MaintenanceLab();
  const both = [lab.start("defrag"), lab.start("defrag")];
  const codes = [];
  for (const each of both) codes.push(await lab.finish(each));
  assert.deepEqual(codes, [0, 0]);
  assert.deepEqual(lab.etcd.deeds, ["defragment db-a", "defragment db-c", "defragment db-b"]);
  assert.deepEqual(lab.events.sort(), ["DefragmentationSkipped", "DefragmentationSucceeded"]);
});

test("the Lease goes with the cluster, and is renewed during a long run", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.onDeed = () => new Promise((resolve) => void lab.time.after(300_000, resolve));
  const run = lab.start("defrag");
  await lab.time.advance(250_000);
  const [lease] = lab.objects("leases");
  assert.deepEqual(
    (lease?.metadata["ownerReferences"] as { uid: string }[]).map(({ uid }) => uid),
    [lab.cluster.metadata.uid],
  );
  const ageMs = lab.time.unixMs() - Date.parse(lab.lease?.renewTime ?? "");
  assert.ok(ageMs < 25_000, String(ageMs));
  assert.equal(await lab.finish(run), 0);
});

test("one that died with the Lease in hands is waited out", async () => {
  const lab = new MaintenanceLab();
  const died = lab.start("defrag");
  await lab.time.advance(1000);
  died.process.kill();
  await lab.time.advance(200_000);
  const before = lab.etcd.deeds.length;
  const next = lab.start("defrag");
  await lab.time.advance(100_000);
  assert.equal(lab.etcd.deeds.length, before, "it has begun before the time of the dead was over");
  assert.equal(await lab.finish(next), 0);
  assert.ok(lab.etcd.deeds.length > before);
});

test("one whose time has run out and who lives after all keeps it", async () => {
  const lab = new MaintenanceLab();
  lab.holdLease("operator/slow", 70_000);
  const run = lab.start("compact");
  await lab.time.advance(30_000);
  lab.holdLease("operator/slow");
  assert.equal(await lab.finish(run), 0);
  assert.match(lab.told("compact"), /^Skipped: .*operator\/slow holds/);
});

test("a Lease without a time is a person's, and is never taken", async () => {
  const lab = new MaintenanceLab();
  lab.holdLease("operator/one");
  const [live] = lab.objects("leases");
  const resource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
  lab.api.store.update(
    {
      resource: { ...resource, isNamespaced: true, hasStatus: false },
      namespace: "prod",
      name: "db-maintenance",
      subresource: "",
      manager: "person",
    },
    { ...live, spec: { holderIdentity: "anna" } },
    "update",
  );
  assert.equal(await lab.run("compact"), 0);
  assert.match(lab.told("compact"), /^Skipped: anna holds/);
});

test("a run whose Lease is taken away stops, and gives nothing back that is not its own", async () => {
  const lab = new MaintenanceLab();
  const run = lab.start("defrag");
  await lab.time.advance(1000);
  lab.holdLease("operator/two");
  assert.equal(await lab.finish(run), 1);
  assert.deepEqual(lab.etcd.deeds, ["defragment db-a"]);
  assert.match(lab.told("defrag"), /db-a freed .*; stopped: the maintenance Lease was lost/);
  assert.equal(lab.lease?.holderIdentity, "operator/two");
});

test("a run that cannot renew stops before others could take the Lease", async () => {
  const lab = new MaintenanceLab();
  lab.etcd.onDeed = () => new Promise((resolve) => void lab.time.after(100_000, resolve));
  const run = lab.start("defrag");
  await lab.time.advance(1000);
  lab.api.fail({ kind: "status", code: 503 }, ({ path }) => path.includes("/leases/"), 1000);
  await lab.finish(run);
  assert.deepEqual(lab.etcd.deeds, ["defragment db-a"]);
});

test("told to end in a pause, it gives the Lease back and says how far it has come", async () => {
  const lab = new MaintenanceLab();
  const run = lab.start("defrag");
  await lab.time.advance(1000);
  run.stop.abort();
  assert.equal(await lab.finish(run), 1);
  assert.deepEqual(lab.etcd.deeds, ["defragment db-a"]);
  assert.match(lab.told("defrag"), /db-a freed .*; stopped: the run was told to end/);
  assert.equal(lab.lease?.holderIdentity, "");
});

test("told to end while a member works, it waits ten seconds; then the Lease runs out by itself", async () => {
  for (const [lastsMs, holder] of [
    [5_000, ""],
    [60_000, "maintenance/db-defrag-1"],
  ] as const) {
    const lab = new MaintenanceLab();
    lab.etcd.onDeed = () => new Promise((resolve) => void lab.time.after(lastsMs, resolve));
    const run = lab.start("defrag");
    await lab.time.advance(1000);
    run.stop.abort();
    const code = run.ended;
    await lab.time.advance(12_000);
    assert.equal(await code, 1);
    assert.equal(lab.lease?.holderIdentity, holder);
    assert.match(lab.told("defrag"), /stopped: the run (was told to end|had to end while db-a)/);
  }
});
