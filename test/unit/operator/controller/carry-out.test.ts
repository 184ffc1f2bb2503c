/** Single steps and status writes against the fake API server: what they change, and that they change nothing upon an old view. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { EtcdCluster, EtcdMember } from "../../../../operator/api/v1alpha1/types.ts";
import type { Observed } from "../../../../operator/cluster/observed.ts";
import type { Step } from "../../../../operator/cluster/step.ts";
import { carryOut, type Hands } from "../../../../operator/controller/carry-out.ts";
import type { EtcdPort } from "../../../../operator/controller/etcd-port.ts";
import { observe } from "../../../../operator/controller/observe.ts";
import type { StepResult } from "../../../../operator/controller/step-result.ts";
import { writeClusterStatus } from "../../../../operator/controller/write-status.ts";
import type { ApiClient } from "../../../../operator/kernel/api-client.ts";
import type { KubernetesObject } from "../../../../operator/kernel/resource.ts";
import { kinds, OperatorLab } from "../../../operator/operator-lab.ts";

const ref = { namespace: "default", name: "db" };
const told = { reason: "Test", message: "for the test" };

class StepLab extends OperatorLab {
  readonly client: ApiClient;
  readonly port: EtcdPort;

  constructor() {
    super();
    const { client, way } = this.asker();
    this.client = client;
    this.port = this.etcdFor("test", way);
    this.createCluster("db");
  }

  async run<Value>(promise: Promise<Value>): Promise<Value> {
    promise.catch(() => undefined);
    await this.time.advance(1_000);
    return promise;
  }

  async look(): Promise<Observed> {
    const look = { client: this.client, etcd: this.port, nowMs: this.time.unixMs() };
    const sight = await this.run(observe(look, ref, new AbortController().signal));
    assert.ok(sight !== undefined);
    return sight.observed;
  }

  take(observed: Observed, step: Step): Promise<StepResult> {
    const guard = { check: () => undefined, remainingMs: () => 5_000 };
    const hands: Hands = { client: this.client, etcd: this.port, guard };
    return this.run(carryOut(hands, observed, step));
  }
}

function latch(seedMember: string): Step {
  return { kind: "latch-cluster", fields: { seedMember }, ...told };
}

function ownedBy({ metadata }: KubernetesObject, kind = "EtcdCluster"): { metadata: object } {
  const { name, uid } = metadata;
  const apiVersion = "etcd-ts.dev/v1alpha1";
  const labels = { "etcd-ts.dev/cluster": "db" };
  return {
    metadata: { labels, ownerReferences: [{ apiVersion, kind, name, uid, controller: true }] },
  };
}

test("of two latches upon the same view one is written, and the other one is outdated", async () => {
  const lab = new StepLab();
  const observed = await lab.look();
  assert.deepEqual(await lab.take(observed, latch("db-one")), { kind: "done" });
  assert.equal((await lab.take(observed, latch("db-two"))).kind, "outdated");
  assert.equal(lab.cluster("db").status?.seedMember, "db-one");
});

test("a latch that was written although its answer was lost is not written again: the next look sees it", async () => {
  const lab = new StepLab();
  lab.api.fail({ kind: "break", effect: "after" }, ({ method }) => method === "PATCH");
  const observed = await lab.look();
  await assert.rejects(lab.take(observed, latch("db-one")), { kind: "Unanswered" });
  assert.equal((await lab.take(observed, latch("db-two"))).kind, "outdated");
  assert.equal((await lab.look()).cluster.status?.seedMember, "db-one");
});

test("a cluster that was made anew under the name is not latched upon the view of the old one", async () => {
  const lab = new StepLab();
  const observed = await lab.look();
  lab.delete("clusters", "db");
  lab.createCluster("db");
  assert.equal((await lab.take(observed, latch("db-one"))).kind, "outdated");
  assert.equal(lab.cluster("db").status, undefined);
});

test("creating what is there already is no failure, and changes nothing", async () => {
  const lab = new StepLab();
  const observed = await lab.look();
  lab.create("volumeClaims", "data", { spec: { theirs: true } });
  const object = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { ...ref, name: "data" },
  };
  assert.equal((await lab.take(observed, { kind: "create", object, ...told })).kind, "outdated");
  assert.deepEqual(lab.list("volumeClaims")[0]?.["spec"], { theirs: true });
});

test("an eviction is of the very pod that was seen, one that is gone is done, and a budget that refuses holds it", async () => {
  const lab = new StepLab();
  const labels = { app: "db" };
  lab.create("pods", "db-x", { metadata: { labels } });
  const observed = await lab.look();
  const object = lab.list("pods")[0] as unknown as KubernetesObject;
  const step: Step = {
    kind: "delete",
    object: { ...object, apiVersion: "v1", kind: "Pod" },
    isEviction: true,
    ...told,
  };
  const spec = { minAvailable: 1, selector: { matchLabels: labels } };
  lab.create("budgets", "one", { spec });
  assert.equal((await lab.take(observed, step)).kind, "held");
  lab.create("budgets", "two", { spec });
  assert.equal((await lab.take(observed, step)).kind, "held");
  lab.delete("budgets", "one");
  lab.delete("budgets", "two");
  lab.delete("pods", "db-x");
  assert.deepEqual(await lab.take(observed, step), { kind: "done" });
  lab.create("pods", "db-x", { metadata: { labels } });
  assert.equal((await lab.take(observed, step)).kind, "outdated");
  assert.equal(lab.list("pods").length, 1);
});

test("only the very pod that was seen is deleted, and one that is gone is done", async () => {
  const lab = new StepLab();
  lab.create("pods", "db-x");
  const observed = await lab.look();
  const object = lab.list("pods")[0] as unknown as KubernetesObject;
  lab.delete("pods", "db-x");
  const step: Step = {
    kind: "delete",
    object: { ...object, apiVersion: "v1", kind: "Pod" },
    ...told,
  };
  assert.deepEqual(await lab.take(observed, step), { kind: "done" });
  lab.create("pods", "db-x");
  assert.equal((await lab.take(observed, step)).kind, "outdated");
  assert.equal(lab.list("pods").length, 1);
});

test("what the API server refuses for good is told with its words; what may pass is thrown", async () => {
  const lab = new StepLab();
  const observed = await lab.look();
  const refuse = (code: number, reason: string): unknown =>
    lab.api.fail({ kind: "status", code, reason }, ({ method }) => method === "PATCH");
  refuse(422, "Invalid");
  assert.deepEqual(await lab.take(observed, latch("db-one")), {
    kind: "refused",
    why: "the API server answered: injected by the test",
  });
  refuse(503, "ServiceUnavailable");
  await assert.rejects(lab.take(observed, latch("db-one")), { kind: "ServerError" });
});

test("status: written when it differs, without the latched fields, and only upon the state that was seen", async () => {
  const lab = new StepLab();
  const first = (await lab.look()).cluster;
  const wanted = { phase: "Creating", seedMember: "db-wrong", leader: "a" };
  const write = (cluster: EtcdCluster, status: object): Promise<string> =>
    lab.run(writeClusterStatus(lab.client, cluster, status));
  assert.equal(await write(first, wanted), "written");
  assert.deepEqual(lab.cluster("db").status, { phase: "Creating", leader: "a" });
  assert.equal(await write(first, { phase: "Running" }), "outdated");
  await lab.take(await lab.look(), latch("db-one"));
  const second = (await lab.look()).cluster;
  const since = lab.api.requests.length;
  assert.equal(await write(second, { ...wanted, version: undefined }), "same");
  assert.equal(lab.api.requests.length, since);
  assert.equal(await write(second, { phase: "Running" }), "written");
  assert.deepEqual(lab.cluster("db").status, { phase: "Running", seedMember: "db-one" });
  lab.delete("clusters", "db");
  assert.equal(await write(second, { phase: "Gone" }), "outdated");
});

test("look: objects under our names that are not ours are foreign, whatever their labels say", async () => {
  const lab = new StepLab();
  const { cluster } = await lab.look();
  lab.create("members", "db-x", { ...ownedBy(cluster), spec: { peerURL: "http://x:2380" } });
  lab.create(
    "members",
    "db-y",
    ownedBy({ metadata: { ...cluster.metadata, uid: "of-the-old-one" } }),
  );
  lab.create("pods", "db-x", ownedBy(cluster));
  lab.create("volumeClaims", "data-db-x", {
    metadata: { labels: { "etcd-ts.dev/cluster": "db" } },
  });
  lab.create("services", "db-peers", { metadata: { labels: { "etcd-ts.dev/cluster": "db" } } });
  lab.create("services", "db-client", ownedBy(cluster));
  const observed = await lab.look();
  assert.deepEqual(observed.foreign, [
    "PersistentVolumeClaim data-db-x",
    "Pod db-x",
    "Service db-peers",
  ]);
  assert.deepEqual(
    observed.members.map(({ member }) => member.metadata.name),
    ["db-x"],
  );
  const [seen] = observed.members;
  assert.deepEqual(
    [seen?.pod, seen?.volumeClaim, observed.peersService],
    [undefined, undefined, undefined],
  );
  assert.equal(observed.clientService?.metadata.name, "db-client");
});

test("look: a claim without an owner is known by its labels; one of another cluster of that name is foreign", async () => {
  const lab = new StepLab();
  const { cluster } = await lab.look();
  lab.create("members", "db-x", ownedBy(cluster));
  const labels = { "etcd-ts.dev/cluster": "db", "etcd-ts.dev/member": "db-x" };
  lab.create("volumeClaims", "data-db-x", { metadata: { labels } });
  const [kept] = (await lab.look()).members;
  assert.equal(kept?.volumeClaim?.metadata.name, "data-db-x");
  lab.delete("volumeClaims", "data-db-x");
  const before = ownedBy({ metadata: { ...cluster.metadata, uid: "of-the-old-one" } });
  lab.create("volumeClaims", "data-db-x", { metadata: { ...before.metadata, labels } });
  assert.deepEqual((await lab.look()).foreign, ["PersistentVolumeClaim data-db-x"]);
});

test("look: a latched seed whose name somebody else has taken is foreign", async () => {
  const lab = new StepLab();
  await lab.take(await lab.look(), latch("db-x"));
  lab.create("members", "db-x");
  assert.deepEqual((await lab.look()).foreign, ["EtcdMember db-x"]);
});

test("look: pods that run and have an address are asked, by it", async () => {
  const lab = new StepLab();
  const { cluster } = await lab.look();
  const asked: string[] = [];
  lab.port.ask = async ({ members }) => {
    asked.push(...members.map(({ name, endpoint }) => `${name} ${endpoint}`));
    return { kind: "unasked" };
  };
  const pod = (name: string, status: object): void => {
    const spec = { peerURL: `http://${name}.db-peers.default.svc.cluster.local:2380` };
    lab.create("members", name, { ...ownedBy(cluster), spec });
    const member = lab.list("members").find(({ metadata }) => metadata.name === name);
    lab.create("pods", name, ownedBy(member as unknown as EtcdMember, "EtcdMember"));
    const at = { resource: kinds.pods, ...ref, name, subresource: "status", manager: "node" };
    const live = lab.api.store.get(at);
    lab.api.store.update(at, { ...live, status }, "update");
  };
  pod("db-a", { phase: "Running", podIP: "10.0.0.1" });
  pod("db-b", { phase: "Pending", podIP: "10.0.0.2" });
  pod("db-c", { phase: "Running" });
  pod("db-d", { phase: "Running", podIP: "fd00::4" });
  await lab.look();
  assert.deepEqual(asked, ["db-a http://10.0.0.1:2379", "db-d http://[fd00::4]:2379"]);
});

test("look: a read that fails leaves no half view", async () => {
  const lab = new StepLab();
  lab.api.fail({ kind: "status", code: 500 }, ({ path }) => path.includes("/services"), 100);
  await assert.rejects(lab.look(), { kind: "ServerError" });
});

test("look: nodes of members that are not ready, and no others; a node that is not there is missing", async () => {
  const lab = new StepLab();
  const { cluster } = await lab.look();
  const pod = (name: string, nodeName: string, status: string): void => {
    const spec = { peerURL: `http://${name}.db-peers.default.svc.cluster.local:2380` };
    lab.create("members", name, { ...ownedBy(cluster), spec });
    const member = lab.list("members").find(({ metadata }) => metadata.name === name);
    const owned = ownedBy(member as unknown as EtcdMember, "EtcdMember");
    lab.create("pods", name, { ...owned, nodeName });
    const at = { resource: kinds.pods, ...ref, name, subresource: "", manager: "node" };
    lab.api.store.update(at, { ...lab.api.store.get(at), spec: { nodeName } }, "update");
    const conditions = [{ type: "Ready", status }];
    const live = { ...lab.api.store.get(at), status: { phase: "Running", conditions } };
    lab.api.store.update({ ...at, subresource: "status" }, live, "update");
  };
  pod("db-a", "node-1", "True");
  pod("db-b", "node-2", "False");
  pod("db-c", "node-gone", "False");
  const { nodes } = await lab.look();
  assert.deepEqual([...nodes], [["node-2", { isReady: true, isOutOfService: false }]]);
  lab.api.fail({ kind: "status", code: 403, reason: "Forbidden" }, isOfNodes, 100);
  assert.deepEqual(
    [...(await lab.look()).nodes.keys()].sort(),
    ["node-2", "node-gone"],
    "who may not see nodes holds nothing against them",
  );
});

const isOfNodes = ({ path }: { path: string }): boolean => path.includes("/nodes/");

test("look: Secrets of the cluster by their names; one under such a name that is not ours is foreign", async () => {
  const lab = new StepLab();
  const tls = {
    mode: "Managed",
    client: { requireClientCert: true },
    ca: { validityDays: 3650, overlapDays: 365 },
    leaf: { validityDays: 90, renewAtPercent: 67, keyType: "ECDSA-P256" },
  } as const;
  lab.changeSpec("db", { tls });
  const { cluster } = await lab.look();
  lab.create("secrets", "db-ca", ownedBy(cluster));
  lab.create("secrets", "db-client-gone-tls", ownedBy(cluster));
  lab.create("secrets", "db-operator-tls");
  lab.create("secrets", "somebody-elses", {
    metadata: { labels: { "etcd-ts.dev/cluster": "db" } },
  });
  const observed = await lab.look();
  assert.deepEqual([...observed.secrets.keys()].sort(), ["db-ca", "db-client-gone-tls"]);
  assert.deepEqual(observed.foreign, ["Secret db-operator-tls"]);
});

test("a claim whose labels somebody took away is found by its name: it is not lost", async () => {
  const lab = new StepLab();
  const { cluster } = await lab.look();
  const spec = { peerURL: "http://db-x.db-peers.default.svc.cluster.local:2380" };
  lab.create("members", "db-x", { ...ownedBy(cluster), spec });
  const { ownerReferences } = ownedBy(cluster).metadata as { ownerReferences: unknown };
  lab.create("volumeClaims", "data-db-x", { metadata: { ownerReferences } });
  const [seen] = (await lab.look()).members;
  assert.equal(seen?.volumeClaim?.metadata.name, "data-db-x");
});

test("an etcd request with something to latch: both, or the request again; a list that changed is outdated", async () => {
  const lab = new StepLab();
  lab.start();
  await lab.until(() => lab.isReady("db"));
  const etcd = lab.etcd("db");
  const observed = await lab.look();
  assert.ok(observed.etcd.kind === "known");
  const { list } = observed.etcd;
  const spaceRecovery = {
    phase: "Defragmenting",
    startedAt: "2026-01-01T00:00:00Z",
    defragmented: [],
  } as const;
  const request = { kind: "compact", revision: 7 } as const;
  const compact: Step = {
    kind: "etcd",
    request,
    listedMembers: list,
    then: { spaceRecovery },
    ...told,
  };
  assert.deepEqual(await lab.take(observed, compact), { kind: "done" });
  assert.deepEqual(lab.cluster("db").status?.spaceRecovery, spaceRecovery);
  assert.equal((await lab.take(observed, compact)).kind, "outdated");
  const add = (peerUrl: string): Step => {
    return {
      kind: "etcd",
      request: { kind: "add-learner", peerUrl },
      listedMembers: list,
      ...told,
    };
  };
  const fresh = await lab.look();
  assert.deepEqual(await lab.take(fresh, add("http://x:2380")), { kind: "done" });
  assert.equal((await lab.take(fresh, add("http://y:2380"))).kind, "outdated");
  assert.deepEqual(etcd.changes, ["add http://x:2380"]);
  assert.equal(etcd.fenced, 1);
});
