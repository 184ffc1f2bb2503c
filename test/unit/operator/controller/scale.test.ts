/** Many clusters under one operator: all come up, none waits for another one, and a quiet minute costs what is announced. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { OperatorLab } from "../../../operator/operator-lab.ts";

const clusterCount = 60;
/** Of one look: the cluster, its members, two Services, and for its member the Pod and the claim. */
const readsPerLook = 6;

test(`${clusterCount} clusters come up together, and cost six reads a minute each and no write`, async () => {
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
  await lab.time.advance(120_000);
  const writes = lab.api.store.mutations.length;
  const requests = lab.api.requests.length;
  const looks = operator.results.length;
  await lab.time.advance(60_000);
  assert.deepEqual(lab.operatorWrites(writes), []);
  const calls = lab.api.requests.slice(requests).filter((path) => !/leases|watch=true/.test(path));
  assert.ok(operator.results.length - looks <= clusterCount + 1);
  assert.ok(calls.length <= (clusterCount + 1) * readsPerLook, `${calls.length} calls in a minute`);
});
