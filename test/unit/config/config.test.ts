import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { type Config, checkConfig } from "../../../node/config/config.ts";
import { parseOptions } from "../../../node/config/parse.ts";

function check(...args: string[]) {
  const parsed = parseOptions(args, {});
  assert.ok(parsed.kind === "ok", inspect(parsed));
  return checkConfig(parsed.values, parsed.given);
}

function config(...args: string[]): Config {
  const checked = check(...args);
  assert.ok(checked.kind === "ok", inspect(checked));
  return checked.config;
}

function problems(...args: string[]): readonly string[] {
  const checked = check(...args);
  assert.ok(checked.kind === "problems");
  return checked.problems;
}

test("without flags the member listens and lies where etcd's does", () => {
  const { dataDir, walDir, listenClient, listenPeer, ...rest } = config();
  assert.equal(dataDir, "default.etcd");
  assert.equal(walDir, "default.etcd/member/wal");
  assert.deepEqual(listenClient, [{ host: "127.0.0.1", port: 2379, isSecure: false }]);
  assert.deepEqual(listenPeer, [{ host: "127.0.0.1", port: 2380, isSecure: false }]);
  assert.equal(rest.electionTicks, 10);
  assert.equal(rest.tickMs, 100);
  assert.equal(rest.backendBatchIntervalMs, 100);
  assert.equal(rest.backendBatchOps, 10_000);
});

test("the data directory follows the name, the log's follows the data directory", () => {
  assert.equal(config("--name=m1").dataDir, "m1.etcd");
  assert.equal(config("--data-dir=/d").walDir, "/d/member/wal");
  assert.equal(config("--data-dir=/d", "--wal-dir=/w").walDir, "/w");
});

test("addresses keep port 80 and lose the brackets of IPv6", () => {
  const { listenClient } = config(
    "--listen-client-urls=http://[::1]:2379,http://127.0.0.2:80",
    "--advertise-client-urls=http://a:80",
  );
  assert.deepEqual(listenClient, [
    { host: "127.0.0.2", port: 80, isSecure: false },
    { host: "::1", port: 2379, isSecure: false },
  ]);
});

test("a member listens for others on several addresses, and on all of a machine", () => {
  const { listenPeer } = config(
    "--listen-peer-urls=http://0.0.0.0:1,http://[::]:2,http://127.0.0.1:3,http://localhost:4,http://127.0.0.1:3",
  );
  assert.deepEqual(listenPeer, [
    { host: "0.0.0.0", port: 1, isSecure: false },
    { host: "127.0.0.1", port: 3, isSecure: false },
    { host: "::", port: 2, isSecure: false },
    { host: "127.0.0.1", port: 4, isSecure: false },
  ]);
});

test("who listens says an address, not a name, as on etcd", () => {
  assert.deepEqual(problems("--listen-peer-urls=http://127.0.0.1:1,http://a.example:2"), [
    "--listen-peer-urls: expected IP in URL for binding (http://a.example:2)",
  ]);
  assert.deepEqual(
    problems("--listen-client-urls=http://a:1", "--advertise-client-urls=http://a:1"),
    ["--listen-client-urls: expected IP in URL for binding (http://a:1)"],
  );
});

test("metrics listeners are none, or as many as are named", () => {
  assert.deepEqual(config().listenMetrics, []);
  assert.deepEqual(config("--listen-metrics-urls=").listenMetrics, []);
  assert.deepEqual(
    config("--listen-metrics-urls=http://0.0.0.0:2381,http://localhost:2382").listenMetrics,
    [
      { host: "0.0.0.0", port: 2381, isSecure: false },
      { host: "127.0.0.1", port: 2382, isSecure: false },
    ],
  );
  assert.deepEqual(problems("--listen-metrics-urls=http://a.example:2"), [
    "--listen-metrics-urls: expected IP in URL for binding (http://a.example:2)",
  ]);
});

test("a metrics URL of a scheme that is not served is refused by the flag's or the variable's name", () => {
  const refused = (parsed: ReturnType<typeof parseOptions>): readonly string[] =>
    parsed.kind === "problems" ? parsed.problems : [];
  assert.deepEqual(refused(parseOptions([], { ETCD_LISTEN_METRICS_URLS: "ftp://m:1" })), [
    'ETCD_LISTEN_METRICS_URLS: "ftp://m:1": expected http or https as the scheme',
  ]);
});

test("listeners that want one address are told by their names", () => {
  assert.deepEqual(problems("--listen-metrics-urls=http://127.0.0.1:2379"), [
    "--listen-metrics-urls: 127.0.0.1:2379 is taken by --listen-client-urls (127.0.0.1:2379); give it another port",
  ]);
  assert.deepEqual(
    problems("--listen-metrics-urls=http://[::]:2380", "--listen-peer-urls=http://0.0.0.0:2380"),
    [
      "--listen-metrics-urls: [::]:2380 is taken by --listen-peer-urls (0.0.0.0:2380); give it another port",
    ],
  );
  assert.equal(
    problems("--listen-metrics-urls=http://0.0.0.0:2379,http://127.0.0.1:2379").length,
    3,
  );
});

test("one port on different addresses, and port 0, clash with nothing", () => {
  const urls = "http://127.0.0.2:2379,http://[::1]:2379,http://127.0.0.1:0";
  assert.equal(config(`--listen-metrics-urls=${urls}`).listenMetrics.length, 3);
  config("--listen-metrics-urls=http://[::1]:2380", "--listen-peer-urls=http://0.0.0.0:2380");
  config("--listen-metrics-urls=http://127.0.0.1:0", "--listen-peer-urls=http://127.0.0.1:0");
});

test("who listens elsewhere must say what clients are told, as on etcd", () => {
  const listen = "--listen-client-urls=http://127.0.0.1:1";
  assert.deepEqual(config().advertiseClientUrls, ["http://localhost:2379"]);
  assert.deepEqual(problems(listen), [
    "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  ]);
  assert.deepEqual(config(listen, "--advertise-client-urls=http://b:2").advertiseClientUrls, [
    "http://b:2",
  ]);
});

test("a commit interval or limit of 0 is the default, as on etcd", () => {
  assert.equal(config("--backend-batch-interval=0").backendBatchIntervalMs, 100);
  assert.equal(config("--backend-batch-limit=0").backendBatchOps, 10_000);
});

test("an election takes at least five heartbeats", () => {
  assert.equal(config("--heartbeat-interval=200", "--election-timeout=1000").electionTicks, 5);
  assert.equal(config("--heartbeat-interval=300", "--election-timeout=1999").electionTicks, 6);
  assert.deepEqual(problems("--heartbeat-interval=201", "--election-timeout=1000"), [
    "--election-timeout[1000ms] should be at least as 5 times as --heartbeat-interval[201ms]",
  ]);
});

test("heartbeats and elections have etcd's bounds", () => {
  assert.equal(config("--heartbeat-interval=10000", "--election-timeout=50000").electionTicks, 5);
  assert.deepEqual(problems("--election-timeout=50001"), [
    "--election-timeout[50001ms] is too long, and should be set less than 50000ms",
  ]);
  assert.deepEqual(problems("--heartbeat-interval=0"), [
    "--heartbeat-interval must be >0 (set to 0ms)",
  ]);
  assert.deepEqual(problems("--election-timeout=0"), [
    "--election-timeout must be >0 (set to 0ms)",
  ]);
});

test("connections of other members have five seconds at least, and the user is told", () => {
  assert.equal(config().raftReadTimeoutMs, 5000);
  assert.equal(config("--raft-read-timeout=1m").raftReadTimeoutMs, 60_000);
  const { raftReadTimeoutMs, raftWriteTimeoutMs, notices } = config(
    "--name=m1",
    "--raft-read-timeout=4s",
    "--raft-write-timeout=0",
  );
  assert.deepEqual([raftReadTimeoutMs, raftWriteTimeoutMs], [5000, 5000]);
  assert.deepEqual(
    notices.map(({ level, message }) => [level, message]),
    [
      ["info", "raft-read-timeout increased to minimum value: 5s"],
      ["info", "raft-write-timeout increased to minimum value: 5s"],
    ],
  );
  assert.deepEqual(config("--name=m1", "--raft-read-timeout=5s").notices, []);
});

test("the default name is warned of", () => {
  const [notice, ...more] = config().notices;
  assert.deepEqual(more, []);
  assert.equal(notice?.level, "warn");
  assert.match(notice.message, /^it isn't recommended to use default name/);
});

test("an initial cluster has several members, each with several URLs", () => {
  const { initialCluster, initialClusterState } = config(
    "--name=m1",
    "--initial-cluster=m1=http://b:2/,m2=http://c:3,m1=http://a:1,",
    "--initial-cluster-state=existing",
  );
  assert.deepEqual(
    [...initialCluster],
    [
      ["m1", ["http://b:2", "http://a:1"]],
      ["m2", ["http://c:3"]],
    ],
  );
  assert.equal(initialClusterState, "existing");
});

test("without an initial cluster it is this member, where it says to be found", () => {
  const urls = "--initial-advertise-peer-urls=http://b:2,http://a:1";
  const both = ["http://a:1", "http://b:2"];
  assert.deepEqual([...config("--name=m1", urls).initialCluster], [["m1", both]]);
  assert.deepEqual([...config(urls).initialCluster], [["default", both]]);
  assert.deepEqual([...config("--name=m1", urls, "--initial-cluster=").initialCluster], []);
});

test("what an initial cluster says is judged at a first start only, not by its text", () => {
  for (const text of ["nonsense", "m2=http://a:1", "m1=http://elsewhere:1", "m1="]) {
    assert.equal(config("--name=m1", `--initial-cluster=${text}`).name, "m1");
  }
});

test("members are found by DNS, or listed, not both", () => {
  const srv = config("--discovery-srv=example.com", "--discovery-srv-name=prod");
  assert.deepEqual(srv.discoverySrv, { domain: "example.com", serviceName: "prod" });
  assert.deepEqual([...srv.initialCluster], []);
  assert.equal(config().discoverySrv, undefined);
  assert.deepEqual(
    [...config("--discovery-srv=example.com", "--initial-cluster=").initialCluster],
    [],
  );
  assert.deepEqual([...config("--discovery-srv-name=prod").initialCluster], []);
  assert.deepEqual(problems("--discovery-srv=example.com", "--initial-cluster=a=http://a:1"), [
    'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
  ]);
});

test("what changes of the members may do reaches the member", () => {
  const given = config("--force-new-cluster", "--strict-reconfig-check=0", "--max-learners=3");
  assert.equal(given.forceNewCluster, true);
  assert.equal(given.strictReconfigCheck, false);
  assert.equal(given.maxLearners, 3);
  assert.equal(given.preVote, true);
});

test("all problems of the whole are told at once", () => {
  const found = problems("--name=", "--election-timeout=100", "--listen-peer-urls=http://b:1");
  assert.equal(found.length, 3);
  for (const flag of ["--name", "--election-timeout", "--listen-peer-urls"]) {
    assert.ok(
      found.some((one) => one.startsWith(flag)),
      flag,
    );
  }
});

test("the cluster that a member belongs to is told in hex, as member lists print it", () => {
  assert.equal(
    config("--expected-cluster-id=cdf818194e3a8c32").raw["expected-cluster-id"],
    0xcdf818194e3a8c32n,
  );
  assert.equal(config("--expected-cluster-id=").raw["expected-cluster-id"], undefined);
  assert.equal(config().raw["expected-cluster-id"], undefined);
  for (const wrong of ["0", "0xcd", "CDF8", "cdf818194e3a8c320", "cluster"]) {
    const parsed = parseOptions([`--expected-cluster-id=${wrong}`], {});
    assert.ok(parsed.kind === "problems", wrong);
    assert.match(
      parsed.problems[0] ?? "",
      /^--expected-cluster-id: expected a cluster id in lower-case hex/,
    );
  }
});
