/** Stories of changes that others have a say in: disruption budgets, storage drivers, a leader that stays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSpec } from "../../../operator/model/objects.ts";
import type { OperatorLab } from "../../../operator/operator-lab.ts";
import { assertSound, leaderOf, readyCluster, wasTold } from "./members-lab.ts";

const image = { repository: "localhost/etcd-ts", tag: "2.0" };
const sized = (size: string) => ({
  storage: {
    ...defaultSpec.storage,
    size,
    storageClassName: "fast",
    reclaim: { onScaleDown: "Delete", onClusterDelete: "Delete" } as const,
  },
});
const capacities = (lab: OperatorLab): unknown[] =>
  lab
    .list("volumeClaims")
    .map(({ status }) => (status as { capacity?: { storage?: string } }).capacity?.storage);
const evictions = (lab: OperatorLab): number =>
  lab.api.requests.filter((request) => /^POST .*eviction/.test(request)).length;
const reasonOf = (lab: OperatorLab, type: string): string | undefined =>
  lab.cluster("db").status?.conditions?.find((condition) => condition.type === type)?.reason;

async function growing(mayExpand: boolean): Promise<OperatorLab> {
  const lab = await readyCluster(3, sized("8Gi"));
  lab.create("storageClasses", "fast", {
    metadata: { namespace: undefined },
    allowVolumeExpansion: mayExpand,
  });
  lab.changeSpec("db", sized("16Gi"));
  return lab;
}

test("a roll evicts, one pod after the other", async () => {
  const lab = await readyCluster(3);
  lab.changeSpec("db", { image });
  await lab.until(() => lab.isReady("db"), 300_000);
  assertSound(lab, 3);
  assert.equal(evictions(lab), 3);
});

test("a roll waits while a budget does not let its pod go, and goes on when it does", async () => {
  const lab = await readyCluster(3);
  const [budget] = lab.list("budgets");
  const selector = (budget?.["spec"] as { selector: object }).selector;
  // Two budgets for one Pod are none that the API server serves.
  lab.create("budgets", "theirs", { spec: { minAvailable: 0, selector } });
  const runs = lab.node.runs.length;
  lab.changeSpec("db", { image });
  await lab.until(() => reasonOf(lab, "Ready") === "EvictionRefused");
  const asked = evictions(lab);
  await lab.time.advance(120_000);
  assert.equal(lab.node.runs.length, runs, "no pod was ended");
  assert.ok(evictions(lab) - asked <= 13, `${evictions(lab) - asked} tries in two minutes`);
  lab.delete("budgets", "theirs");
  await lab.until(() => lab.isReady("db"), 300_000);
  assertSound(lab, 3);
});

test("a drain that is faster by a moment is waited for: two pods are never away at once", async () => {
  const lab = await readyCluster(3);
  let isDrained = false;
  let fewest = 3;
  // Between the operator's look and its eviction somebody else's has been served.
  lab.api.onRequest = ({ path }) => {
    if (isDrained || !path.includes("/eviction")) return;
    isDrained = true;
    const other = lab.list("pods").find(({ metadata }) => !path.includes(metadata.name));
    lab.delete("pods", other?.metadata.name ?? "");
  };
  lab.api.store.listen(() => {
    const there = lab
      .list("pods")
      .filter(({ metadata }) => metadata["deletionTimestamp"] === undefined);
    fewest = Math.min(fewest, there.length);
  });
  lab.changeSpec("db", { image });
  await lab.until(() => lab.isReady("db"), 300_000);
  assert.ok(isDrained);
  assert.equal(fewest, 2);
  assertSound(lab, 3);
});

test("a leader that does not hand over is rolled last all the same, after two minutes of asking", async () => {
  const lab = await readyCluster(3);
  const leader = leaderOf(lab);
  const runs = lab.node.runs.length;
  const etcd = lab.etcd("db");
  etcd.moveLeader = () => undefined;
  const beganMs = lab.time.monotonicMs();
  lab.changeSpec("db", { image });
  await lab.until(() => lab.isReady("db"), 600_000);
  assertSound(lab, 3);
  assert.equal(lab.node.runs.slice(runs).at(-1)?.pod, leader);
  assert.ok(lab.time.monotonicMs() - beganMs >= 120_000);
  const asked = lab.node.requests.filter((request) => request.includes("move-leader")).length;
  assert.ok(asked >= 3 && asked <= 15, `asked ${asked} times`);
  assert.ok(
    lab.list("events").some(({ note }) => /asked for 2 minutes to hand over/.test(String(note))),
  );
});

test("claims grow one after the other, and no pod is restarted for it", async () => {
  const lab = await growing(true);
  const runs = lab.node.runs.length;
  let most = 0;
  lab.api.store.listen(() => {
    const busy = lab.list("volumeClaims").filter(({ spec, status }) => {
      const { resources } = spec as { resources: { requests: { storage: string } } };
      const { capacity } = (status ?? {}) as { capacity?: { storage: string } };
      return capacity !== undefined && capacity.storage !== resources.requests.storage;
    });
    most = Math.max(most, busy.length);
  });
  await lab.until(() => lab.isReady("db"), 300_000);
  assert.deepEqual(capacities(lab), ["16Gi", "16Gi", "16Gi"]);
  assert.equal(most, 1);
  assert.equal(lab.node.runs.length, runs);
  assert.ok(wasTold(lab, "GrowingVolume"));
  // The owner by policy stays through the apply of a size.
  assert.ok(
    lab.list("volumeClaims").every(({ metadata }) => metadata["ownerReferences"] !== undefined),
  );
});

test("and then follow the policy still: neither apply takes away what the other one gave", async () => {
  const lab = await growing(true);
  await lab.until(() => lab.isReady("db"), 300_000);
  const { storage } = sized("16Gi");
  lab.changeSpec("db", {
    storage: { ...storage, reclaim: { onScaleDown: "Delete", onClusterDelete: "Retain" } },
  });
  await lab.until(() => lab.isReady("db"), 300_000);
  assert.ok(
    lab
      .list("volumeClaims")
      .every(
        ({ metadata }) =>
          ((metadata["ownerReferences"] as unknown[] | undefined) ?? []).length === 0,
      ),
  );
  assert.deepEqual(capacities(lab), ["16Gi", "16Gi", "16Gi"]);
});

test("with a driver that grows file systems only at a start, pods are restarted one by one", async () => {
  const lab = await readyCluster(3, sized("8Gi"));
  lab.node.isOffline = true;
  lab.create("storageClasses", "fast", {
    metadata: { namespace: undefined },
    allowVolumeExpansion: true,
  });
  const runs = lab.node.runs.length;
  lab.changeSpec("db", sized("16Gi"));
  await lab.until(() => lab.isReady("db"), 3_000_000);
  assert.deepEqual(capacities(lab), ["16Gi", "16Gi", "16Gi"]);
  assert.equal(lab.node.runs.length, runs + 3);
  assertSound(lab, 3);
});

test("a class that lets no claim grow is told of, asked for rarely, and patched around never", async () => {
  const lab = await growing(false);
  await lab.until(() => reasonOf(lab, "Degraded") === "VolumeNotExpandable");
  const writes = lab.api.store.mutations.length;
  const requests = lab.api.requests.length;
  await lab.time.advance(600_000);
  assert.deepEqual(lab.operatorWrites(writes), []);
  const reads = lab.api.requests
    .slice(requests)
    .filter((request) => request.includes("storageclasses"));
  assert.ok(reads.length <= 11, `${reads.length} reads of the class in ten minutes`);
  assert.equal(lab.condition("db", "Available"), "True");
});

test("a claim that a quota does not let grow is told of in the API server's words, and holds up no roll", async () => {
  const lab = await growing(true);
  lab.api.fail(
    { kind: "status", code: 403, reason: "Forbidden" },
    ({ method, path }) => method === "PATCH" && path.includes("persistentvolumeclaims"),
    1_000,
  );
  await lab.until(() => reasonOf(lab, "Degraded") === "RequestRefused");
  const runs = lab.node.runs.length;
  lab.changeSpec("db", { image });
  await lab.until(() => lab.node.runs.length === runs + 3, 300_000);
});
