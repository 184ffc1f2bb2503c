/** The maintenance Lease: whose it is by the times in it, and that it is never taken from somebody who lives. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  holdMaintenanceLease,
  isHeldByOperator,
  keepMaintenanceLease,
  maintenanceHolderOf,
  releaseMaintenanceLease,
} from "../../../../operator/controller/maintenance-lease.ts";
import type { ApiClient } from "../../../../operator/kernel/api-client.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { OperatorLab } from "../../../operator/operator-lab.ts";

type Held = Parameters<typeof holdMaintenanceLease>[1];

class LeaseLab extends OperatorLab {
  readonly client: ApiClient;

  constructor() {
    super();
    const { client } = this.asker();
    this.client = client;
    this.createCluster("db");
  }

  get lease(): KubernetesObject | undefined {
    return this.list("leases")[0];
  }

  as(identity: string, seen: KubernetesObject | "none" | undefined = this.lease): Held {
    const lease = seen === "none" ? undefined : seen;
    return { cluster: this.cluster("db"), lease, identity, nowMs: this.time.unixMs() };
  }

  async hold(identity: string, seen?: "none"): Promise<boolean> {
    return this.run(holdMaintenanceLease(this.client, this.as(identity, seen)));
  }

  async run<Value>(promise: Promise<Value>): Promise<Value> {
    await this.time.advance(100);
    return promise;
  }
}

test("it is made with the cluster as its owner, and not written again for a minute", async () => {
  const lab = new LeaseLab();
  assert.equal(await lab.hold("one"), true);
  assert.equal(lab.leaseHolder("db"), "operator/one");
  assert.equal(lab.lease?.metadata.ownerReferences?.[0]?.uid, lab.cluster("db").metadata.uid);
  const writes = lab.api.store.mutations.length;
  assert.equal(await lab.hold("one"), true);
  assert.equal(lab.api.store.mutations.length, writes);
  await lab.time.advance(61_000);
  assert.equal(await lab.hold("one"), true);
  assert.equal(lab.api.store.mutations.length, writes + 1);
});

test("of two that saw it free one gets it; an operator takes it over from one that leads no more", async () => {
  const lab = new LeaseLab();
  assert.equal(await lab.hold("one", "none"), true);
  assert.equal(await lab.hold("two", "none"), false);
  assert.equal(lab.leaseHolder("db"), "operator/one");
  assert.equal(await lab.hold("two"), true);
  assert.equal(lab.leaseHolder("db"), "operator/two");
});

test("it is not taken from a program that lives, but from one whose time is over", async () => {
  const lab = new LeaseLab();
  await lab.hold("one");
  lab.takeLease("db", "defrag/x", 120);
  assert.equal(maintenanceHolderOf(lab.lease, lab.time.unixMs()), "defrag/x");
  assert.equal(await lab.hold("one"), false);
  await lab.run(releaseMaintenanceLease(lab.client, lab.as("one")));
  assert.equal(lab.leaseHolder("db"), "defrag/x", "nor released for it");
  await lab.time.advance(121_000);
  assert.equal(maintenanceHolderOf(lab.lease, lab.time.unixMs()), undefined);
  assert.equal(await lab.hold("one"), true);
});

test("a holder without times is somebody who holds it by hand", () => {
  const lease = { metadata: { name: "x" }, spec: { holderIdentity: "Ann" } };
  assert.equal(maintenanceHolderOf(lease, 0), "Ann");
  assert.equal(maintenanceHolderOf({ metadata: { name: "x" } }, 0), undefined);
});

test("a change that only waits keeps it for an hour, and then lets the others in", async () => {
  const lab = new LeaseLab();
  await lab.hold("one");
  for (let minute = 0; minute < 59; minute += 1) {
    await lab.time.advance(60_000);
    await lab.run(keepMaintenanceLease(lab.client, lab.as("one")));
    assert.ok(isHeldByOperator(lab.lease), `minute ${minute}`);
  }
  await lab.time.advance(120_000);
  await lab.run(keepMaintenanceLease(lab.client, lab.as("one")));
  assert.equal(lab.leaseHolder("db"), "");
});
