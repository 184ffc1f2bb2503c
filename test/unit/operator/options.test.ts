/** The operator's command line, its answers to probes, its log lines and its guess at the DNS domain. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { clusterDomainIn } from "../../../operator/cluster-domain.ts";
import { listenForHealth, livez, readyz } from "../../../operator/health.ts";
import { jsonLogger } from "../../../operator/json-logger.ts";
import { OperatorMetrics } from "../../../operator/metrics.ts";
import { helpText, parseOptions, UsageError } from "../../../operator/options.ts";

const needed = ["--default-image", "etcd-ts:1", "--leader-election-namespace=operators"];

test("defaults: run, all namespaces, four workers", () => {
  assert.deepEqual(parseOptions(needed, {}), {
    command: "run",
    namespaces: [],
    leaderElectionNamespace: "operators",
    leaderElectionName: "etcd-ts-operator",
    defaultImage: "etcd-ts:1",
    clusterDomain: undefined,
    metricsAddress: { host: "0.0.0.0", port: 8080 },
    logLevel: "info",
    workers: 4,
    kubeconfig: undefined,
  });
});

test("flags go before the environment, and an empty variable is none", () => {
  const environment = {
    POD_NAMESPACE: "of-the-pod",
    ETCD_TS_DEFAULT_IMAGE: "plain:1",
    ETCD_TS_OPERATOR_DEFAULT_IMAGE: "own:1",
    ETCD_TS_OPERATOR_NAMESPACES: "a, b,a",
    ETCD_TS_OPERATOR_WORKERS: "",
    ETCD_TS_OPERATOR_LOG_LEVEL: "debug",
  };
  const options = parseOptions(
    ["run", "--log-level", "warn", "--metrics-address=[::1]:0"],
    environment,
  );
  assert.ok(options.command === "run");
  assert.deepEqual(
    [options.namespaces, options.defaultImage, options.leaderElectionNamespace, options.workers],
    [["a", "b"], "own:1", "of-the-pod", 4],
  );
  assert.equal(options.logLevel, "warn");
  assert.deepEqual(options.metricsAddress, { host: "::1", port: 0 });
});

test("apply-crds needs nothing, and takes only what it uses", () => {
  const options = parseOptions(["apply-crds", "--kubeconfig", "/file"], {});
  assert.deepEqual(options, { command: "apply-crds", kubeconfig: "/file", logLevel: "info" });
  assert.throws(() => parseOptions(["apply-crds", "--workers=2"], {}), UsageError);
});

for (const [what, args, message] of [
  [
    "a missing image",
    ["--leader-election-namespace=x"],
    /--default-image is required: give it IMAGE/,
  ],
  ["an unknown option", [...needed, "--workres=2"], /--workres=2 is no option/],
  ["an unknown command", ["start"], /start is no command/],
  ["a missing value", [...needed, "--workers"], /--workers needs a value/],
  ["too many workers", [...needed, "--workers=100"], /--workers: expected a number from 1 to 64/],
  ["no worker", [...needed, "--workers=0"], /--workers/],
  [
    "a bad level",
    [...needed, "--log-level=loud"],
    /--log-level: expected one of debug, info, warn, error, not loud/,
  ],
  ["a bad address", [...needed, "--metrics-address=8080"], /--metrics-address: expected HOST:PORT/],
  ["a bad port", [...needed, "--metrics-address=:99999"], /--metrics-address/],
  ["a bad namespace", [...needed, "--namespaces=A_b"], /--namespaces: A_b is no name/],
] as const) {
  test(`${what} is told with the flag's name`, () => {
    assert.throws(
      () => parseOptions(args, {}),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test("help names every option and both commands", () => {
  assert.deepEqual(parseOptions(["--help"], {}), { command: "help" });
  const text = helpText();
  for (const word of [
    "apply-crds",
    "--namespaces",
    "--default-image",
    "--metrics-address",
    "--kubeconfig",
  ]) {
    assert.ok(text.includes(word), word);
  }
});

test("the DNS domain is what stands behind svc. in the search list", () => {
  const list = "nameserver 10.96.0.10\nsearch ns.svc.k8s.example. svc.k8s.example. k8s.example.\n";
  assert.equal(clusterDomainIn(list), "k8s.example");
  assert.equal(clusterDomainIn("search example.org\n"), "cluster.local");
  assert.equal(clusterDomainIn(""), "cluster.local");
});

test("log lines are JSON with level, time and message; lower levels are not made", () => {
  const lines: string[] = [];
  const logger = jsonLogger(
    "info",
    (line) => lines.push(line),
    () => new Date(0),
  );
  logger.debug("not told");
  logger.warn("told", { cluster: "ns/db" });
  assert.deepEqual(lines, [
    '{"level":"warn","ts":"1970-01-01T00:00:00.000Z","msg":"told","cluster":"ns/db"}\n',
  ]);
});

test("alive unless a watch hangs; ready when leading, or standing by with everything read", () => {
  const health = { isLeading: false, hasSynced: false, stalledMs: 0 };
  assert.deepEqual([livez(health).code, readyz(health).code], [200, 503]);
  assert.equal(readyz({ ...health, hasSynced: true }).code, 200);
  assert.equal(readyz({ ...health, isLeading: true }).code, 200);
  assert.equal(livez({ ...health, stalledMs: 599_000 }).code, 200);
  assert.equal(livez({ ...health, stalledMs: 601_000 }).code, 503);
});

test("the listener serves probes and metrics, and nothing else", async () => {
  const metrics = new OperatorMetrics();
  const labels = { namespace: "ns", cluster: "db" };
  metrics.leading(true);
  metrics.readQueueDepth(() => 7);
  metrics.reconciled("done", 0.02);
  metrics.cluster(labels, {
    members: 1,
    ready: 1,
    plan: "done",
    quorum: "present",
    learnerSeconds: 0,
    caEndsAt: undefined,
    leafEndsAt: undefined,
  });
  metrics.cluster(
    { ...labels, cluster: "gone" },
    {
      members: 1,
      ready: 0,
      plan: "done",
      quorum: "present",
      learnerSeconds: 0,
      caEndsAt: undefined,
      leafEndsAt: undefined,
    },
  );
  metrics.forget({ ...labels, cluster: "gone" });
  const health = { isLeading: false, hasSynced: true, stalledMs: 0 };
  const listener = await listenForHealth({ host: "127.0.0.1", port: 0 }, health, metrics);
  const get = async (path: string, method = "GET"): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${listener.port}${path}`, { method });
    return [response.status, await response.text()];
  };
  try {
    assert.deepEqual(await get("/livez?verbose"), [200, "ok\n"]);
    assert.deepEqual(await get("/readyz"), [200, "ok: standing by\n"]);
    assert.equal((await get("/other"))[0], 404);
    assert.equal((await get("/livez", "POST"))[0], 405);
    const [status, text] = await get("/metrics");
    assert.equal(status, 200);
    for (const line of [
      "etcd_ts_operator_leader 1",
      "etcd_ts_operator_workqueue_depth 7",
      'etcd_ts_operator_reconcile_total{result="done"} 1',
      "etcd_ts_operator_reconcile_duration_seconds_count 1",
      'etcd_ts_cluster_members{namespace="ns",cluster="db"} 1',
      'etcd_ts_cluster_ready_members{namespace="ns",cluster="db"} 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    assert.doesNotMatch(text, /gone|Nan/);
  } finally {
    await listener.close();
  }
});
