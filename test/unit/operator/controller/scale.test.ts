/** Many clusters under one operator: all come up, none waits for another one, and a quiet hour costs what is announced. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { OperatorLab } from "../../../operator/operator-lab.ts";

const clusterCount = 200;
/** What one process may take for all of them, the fake API server, machines and etcds included. */
const heapBytesMax = 256 * 2 ** 20;

/** What is measured is what is kept, whatever the collector has come to. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
/**
 * Of one whole look: the cluster, its members, Pods, claims, Services, budget, CronJobs and the maintenance Lease. It comes every ten minutes, or when a watch tells of a
 * change; in between etcd alone is asked, once a minute.
 */
const readsPerLook = 8;

test(`${clusterCount} clusters come up together, and cost less than one read a minute each and no write`, async () => {
  const lab = new OperatorLab();
  const operator = lab.start();
  const names = Array.from({ length: clusterCount }, (_, at) => `db-${at}`);
  for (const name of names) lab.createCluster(name);
  // A cluster that is stuck holds up nobody.
  lab.create("services", "stuck-peers");
  lab.createCluster("stuck");
  await lab.until(() => names.every((name) => lab.isReady(name)), 120_000);
  assert.deepEqual(new Set(lab.node.births.values()), new Set([1]));
  assert.equal(lab.node.births.size, clusterCount);
  lab.delete("clusters", "stuck");
  await lab.time.advance(180_000);
  const writes = lab.api.store.mutations.length;
  const requests = lab.api.requests.length;
  const etcdCalls = lab.node.calls;
  const looks = operator.results.length;
  const minutes = 20;
  await lab.time.advance(minutes * 60_000);
  assert.deepEqual(lab.operatorWrites(writes), []);
  const calls = lab.api.requests
    .slice(requests)
    .filter((path) => !/leases\/etcd-ts-operator|watch=true/.test(path));
  const wholeLooks = Math.ceil(minutes / 10) + 1;
  assert.ok(calls.length <= clusterCount * readsPerLook * wholeLooks, `${calls.length} calls`);
  assert.ok(
    calls.length / clusterCount / minutes < 1,
    `${calls.length} calls in ${minutes} minutes`,
  );
  assert.ok(operator.results.length - looks <= clusterCount * minutes);
  // Of one member: its status and the list.
  assert.ok(lab.node.calls - etcdCalls <= 2 * clusterCount * minutes);
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  assert.ok(heapUsed < heapBytesMax, `${Math.round(heapUsed / 2 ** 20)} MiB`);
  if (process.env["ETCD_TS_SCALE_FIGURES"] === "1") {
    process.stdout.write(
      `# ${(calls.length / clusterCount / minutes).toFixed(2)} API calls and ${((lab.node.calls - etcdCalls) / clusterCount / minutes).toFixed(2)} etcd calls a minute and cluster, heap ${Math.round(heapUsed / 2 ** 20)} MiB, rss ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB\n`,
    );
  }
});
