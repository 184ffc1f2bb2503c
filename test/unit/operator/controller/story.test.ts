/** The life of a cluster under the operator, from its creation to its end, with a fake node and a fake etcd in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { OperatorLab } from "../../../operator/operator-lab.ts";

async function readyLab(): Promise<OperatorLab> {
  const lab = new OperatorLab();
  lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  return lab;
}

function onlyPod(lab: OperatorLab): string {
  const [pod, ...others] = lab.list("pods");
  assert.ok(pod !== undefined && others.length === 0, "one pod");
  return pod.metadata.name;
}

test("a new cluster comes up: one member, claim and pod, two services, one birth, and a status that says so", async () => {
  const lab = await readyLab();
  const counts = (["members", "pods", "volumeClaims"] as const).map(
    (kind) => lab.list(kind).length,
  );
  assert.deepEqual(counts, [1, 1, 1]);
  assert.deepEqual(
    lab.list("services").map(({ metadata }) => metadata.name),
    ["db-client", "db-peers"],
  );
  assert.deepEqual([...lab.node.births.values()], [1]);
  const { metadata, status } = lab.cluster("db");
  assert.deepEqual([...lab.node.births.keys()], [`default/db/${metadata.uid}`]);
  assert.equal(status?.seedMember, onlyPod(lab));
  assert.match(String(status.clusterID), /^[0-9a-f]+$/);
  assert.equal(status.ready, "1/1");
  assert.equal(status.endpoint, "http://db-client.default.svc:2379");
});

test("every step is told as an Event on the cluster", async () => {
  const lab = await readyLab();
  await lab.time.advance(5_000);
  const events = lab.list("events") as unknown as {
    reason: string;
    regarding: { kind: string; name: string; apiVersion: string; uid: string };
  }[];
  const reasons = events.map(({ reason }) => reason);
  for (const reason of [
    "ChoseSeed",
    "CreatedMember",
    "CreatedVolume",
    "CreatedPod",
    "ClusterStarted",
  ]) {
    assert.ok(reasons.includes(reason), reason);
  }
  assert.deepEqual(
    new Set(
      events.map(({ regarding }) =>
        JSON.stringify([regarding.apiVersion, regarding.kind, regarding.uid]),
      ),
    ),
    new Set([
      JSON.stringify(["etcd-ts.dev/v1alpha1", "EtcdCluster", lab.cluster("db").metadata.uid]),
    ]),
  );
});

test("a pod that is deleted comes back under its name, with the same volume, and starts nothing new", async () => {
  const lab = await readyLab();
  const before = lab.cluster("db").status;
  const name = onlyPod(lab);
  const { uid } = lab.list("pods")[0]?.metadata ?? {};
  lab.delete("pods", name);
  await lab.until(() => lab.list("pods").length === 0);
  await lab.until(() => lab.list("pods").length === 1 && lab.isReady("db"));
  assert.notEqual(lab.list("pods")[0]?.metadata.uid, uid);
  assert.equal(onlyPod(lab), name);
  assert.deepEqual(
    lab.node.runs.map(({ claim }) => claim),
    [lab.list("volumeClaims")[0]?.metadata.uid, lab.list("volumeClaims")[0]?.metadata.uid],
  );
  const args = JSON.stringify(lab.list("pods")[0]?.["spec"]);
  assert.match(args, /--initial-cluster-state=existing/);
  assert.deepEqual([...lab.node.births.values()], [1]);
  assert.equal(lab.cluster("db").status?.clusterID, before?.clusterID);
  assert.equal(lab.list("members").length, 1);
});

test("a paused cluster is left alone, and taken up again afterwards", async () => {
  const lab = await readyLab();
  lab.changeSpec("db", { paused: true });
  await lab.until(() => lab.condition("db", "Paused") === "True");
  const since = lab.api.store.mutations.length;
  lab.delete("pods", onlyPod(lab));
  await lab.time.advance(60_000);
  assert.deepEqual(
    lab.operatorWrites(since).filter((write) => !/ etcd(clusters|members) /.test(write)),
    [],
  );
  assert.equal(lab.list("pods").length, 0);
  lab.changeSpec("db", { paused: false });
  await lab.untilReady("db");
  assert.equal(lab.list("pods").length, 1);
});

test("another image rolls the pod; the status leaves Ready in the write that speaks of the new spec", async () => {
  const lab = await readyLab();
  const { generation } = lab.cluster("db").metadata;
  const claim = lab.list("volumeClaims")[0]?.metadata.uid;
  const sightings: string[] = [];
  lab.api.store.listen(({ resource, after }) => {
    const status = after?.["status"] as { observedGeneration?: number } | undefined;
    if (resource.plural !== "etcdclusters" || status?.observedGeneration === generation) return;
    sightings.push(String(lab.condition("db", "Ready")));
  });
  lab.changeSpec("db", { image: { repository: "registry.example/etcd-ts", tag: "2" } });
  await lab.untilReady("db");
  assert.equal(sightings[0], "False");
  assert.equal(sightings.at(-1), "True");
  assert.deepEqual(
    lab.node.runs.map((run) => [run.image, run.claim]),
    [
      ["etcd-ts:1", claim],
      ["registry.example/etcd-ts:2", claim],
    ],
  );
  assert.deepEqual([...lab.node.births.values()], [1]);
});

test("an operator with another default image restarts nothing", async () => {
  const lab = new OperatorLab();
  const first = lab.start();
  lab.createCluster("db");
  await lab.untilReady("db");
  first.stop.abort();
  await lab.until(() => first.isOver);
  const since = lab.api.store.mutations.length;
  const second = lab.start({ name: "operator-2", seed: 2, image: "etcd-ts:2" });
  await lab.time.advance(120_000);
  assert.ok(second.results.includes("done"));
  assert.deepEqual(lab.operatorWrites(since), []);
  lab.createCluster("next");
  await lab.untilReady("next");
  assert.deepEqual(
    lab.node.runs.map(({ image }) => image),
    ["etcd-ts:1", "etcd-ts:2"],
  );
});

for (const policy of ["Delete", "Retain"] as const) {
  test(`a cluster that is deleted while no operator runs: garbage collection takes all, and the volume by policy ${policy}`, async () => {
    const lab = new OperatorLab();
    const operator = lab.start();
    const reclaim = { onScaleDown: "Delete", onClusterDelete: policy } as const;
    lab.createCluster("db", { storage: { size: "8Gi", reclaim } });
    await lab.untilReady("db");
    operator.process.kill();
    lab.delete("clusters", "db");
    await lab.time.advance(30_000);
    const left = (["members", "pods", "services", "volumeClaims"] as const).map(
      (kind) => lab.list(kind).length,
    );
    assert.deepEqual(left, [0, 0, 0, policy === "Delete" ? 0 : 1]);
  });
}

test("a cluster made anew under the name of a deleted one is another one, with a member and a volume of its own", async () => {
  const lab = new OperatorLab();
  lab.start();
  const reclaim = { onScaleDown: "Delete", onClusterDelete: "Retain" } as const;
  const storage = { size: "8Gi", reclaim } as never;
  lab.createCluster("db", { storage });
  await lab.untilReady("db");
  const before = lab.cluster("db");
  lab.delete("clusters", "db");
  lab.createCluster("db", { storage });
  await lab.untilReady("db");
  const after = lab.cluster("db");
  assert.notEqual(after.status?.clusterID, before.status?.clusterID);
  assert.notEqual(after.status?.seedMember, before.status?.seedMember);
  assert.equal(lab.list("volumeClaims").length, 2);
  assert.deepEqual([...lab.node.births.values()], [1, 1]);
});

test("a Service of somebody else under a name that we need: stuck with a message and one Event, until it is gone", async () => {
  const lab = new OperatorLab();
  lab.start();
  lab.create("services", "db-client", { spec: { selector: { app: "other" } } });
  const theirs = JSON.stringify(lab.list("services")[0]?.["spec"]);
  lab.createCluster("db");
  await lab.until(() => lab.cluster("db").status?.phase === "Stuck");
  const since = lab.api.store.mutations.length;
  await lab.time.advance(300_000);
  assert.deepEqual(lab.operatorWrites(since), []);
  const ready = lab.cluster("db").status?.conditions?.find(({ type }) => type === "Ready");
  assert.match(String(ready?.message), /Service db-client/);
  assert.equal(
    JSON.stringify(
      lab.list("services").find(({ metadata }) => metadata.name === "db-client")?.["spec"],
    ),
    theirs,
  );
  const warnings = lab.list("events").filter((event) => event["type"] === "Warning");
  assert.deepEqual(
    warnings.map((event) => event["reason"]),
    ["ForeignObject"],
  );
  assert.equal(warnings[0]?.["series"], undefined);
  lab.delete("services", "db-client");
  await lab.untilReady("db");
});

test("a request that the API server refuses leaves the cluster stuck with its words, and is not repeated in a hurry", async () => {
  const lab = new OperatorLab();
  lab.start();
  const isPod = (request: { method: string; path: string }): boolean =>
    request.method === "POST" && request.path.endsWith("/pods");
  const fault = lab.api.fail({ kind: "status", code: 403, reason: "Forbidden" }, isPod, 1_000);
  lab.createCluster("db");
  await lab.until(() => lab.cluster("db").status?.phase === "Stuck");
  await lab.time.advance(600_000);
  assert.ok(1_000 - fault.count <= 15, `${1_000 - fault.count} tries in ten minutes`);
  const ready = lab.cluster("db").status?.conditions?.find(({ type }) => type === "Ready");
  assert.equal(ready?.reason, "RequestRefused");
  assert.match(ready.message, /create Pod db-.*injected/);
  lab.api.faults.length = 0;
  await lab.until(() => lab.isReady("db"), 180_000);
});

test("etcd that does not answer is unknown, not broken: nothing is deleted, and it is Ready again when it answers", async () => {
  const lab = await readyLab();
  const since = lab.api.store.mutations.length;
  lab.node.isCut = true;
  await lab.until(() => lab.condition("db", "QuorumHealthy") === "Unknown");
  await lab.time.advance(600_000);
  assert.deepEqual(
    lab.operatorWrites(since).filter((write) => !/^apply etcd/.test(write)),
    [],
  );
  assert.equal(lab.condition("db", "Available"), "Unknown");
  lab.node.isCut = false;
  await lab.until(() => lab.isReady("db"));
  assert.equal(lab.node.runs.length, 1);
});

test("a claim that is lost is told, and never made anew: its data would be missing", async () => {
  const lab = await readyLab();
  lab.node.loseClaim("default", lab.list("volumeClaims")[0]?.metadata.name ?? "");
  await lab.until(() => lab.cluster("db").status?.phase === "Stuck", 180_000);
  await lab.time.advance(300_000);
  assert.equal(lab.list("volumeClaims").length, 0);
  assert.deepEqual([...lab.node.births.values()], [1]);
});

test("only the namespaces that were given are looked after", async () => {
  const lab = new OperatorLab();
  lab.start({ namespaces: ["mine", "ours"] });
  lab.createCluster("db", {}, "mine");
  lab.createCluster("db", {}, "ours");
  lab.createCluster("db", {}, "theirs");
  await lab.time.advance(30_000);
  const phases = ["mine", "ours", "theirs"].map((name) => lab.cluster("db", name).status?.phase);
  assert.deepEqual(phases, ["Running", "Running", undefined]);
  const lists = lab.api.requests.filter((request) =>
    /\/apis\/etcd-ts.dev\/v1alpha1\/etcdclusters/.test(request),
  );
  assert.deepEqual(lists, [], "nothing is listed or watched outside of them");
});

test("a cluster as it should be costs no writes, and a handful of reads a minute", async () => {
  const lab = await readyLab();
  await lab.time.advance(120_000);
  const since = lab.api.store.mutations.length;
  const requests = lab.api.requests.length;
  await lab.time.advance(600_000);
  assert.deepEqual(lab.operatorWrites(since), []);
  const calls = lab.api.requests
    .slice(requests)
    .filter((request) => !/leases|watch=true/.test(request));
  assert.deepEqual(new Set(calls.map((call) => call.split(" ")[0])), new Set(["GET"]));
  assert.ok(calls.length <= 70, `${calls.length} calls in ten minutes`);
});
