import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, checkConfig } from "../../../node/config/config.ts";
import { parseOptions } from "../../../node/config/parse.ts";

function check(...args: string[]) {
  const parsed = parseOptions(args, {});
  assert.ok(parsed.kind === "ok", JSON.stringify(parsed));
  return checkConfig(parsed.values, parsed.given);
}

function config(...args: string[]): Config {
  const checked = check(...args);
  assert.ok(checked.kind === "ok", JSON.stringify(checked));
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
  assert.deepEqual(listenClient, [{ host: "127.0.0.1", port: 2379 }]);
  assert.deepEqual(listenPeer, [{ host: "127.0.0.1", port: 2380 }]);
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
    "--listen-client-urls=http://[::1]:2379,http://a:80",
    "--advertise-client-urls=http://a:80",
  );
  assert.deepEqual(listenClient, [
    { host: "::1", port: 2379 },
    { host: "a", port: 80 },
  ]);
});

test("who listens elsewhere must say what clients are told, as on etcd", () => {
  const listen = "--listen-client-urls=http://a:1";
  assert.deepEqual(config().advertiseClientUrls, ["http://localhost:2379"]);
  assert.deepEqual(problems(listen), [
    "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  ]);
  assert.deepEqual(config(listen, "--advertise-client-urls=http://b:2").advertiseClientUrls, [
    "http://b:2",
  ]);
});

test("a quota of 0 is the default, a negative one no limit", () => {
  assert.equal(config("--quota-backend-bytes=0").quotaBytes, 2 * 1024 ** 3);
  assert.equal(config("--quota-backend-bytes=-1").quotaBytes, Infinity);
  assert.equal(config("--quota-backend-bytes=4096").quotaBytes, 4096);
});

test("a commit interval or limit of 0 is the default, as on etcd", () => {
  assert.equal(config("--backend-batch-interval=0").backendBatchIntervalMs, 100);
  assert.equal(config("--backend-batch-limit=0").backendBatchOps, 10_000);
});

test("an election takes at least five heartbeats", () => {
  assert.equal(config("--heartbeat-interval=200", "--election-timeout=1000").electionTicks, 5);
  assert.equal(config("--heartbeat-interval=300", "--election-timeout=1999").electionTicks, 6);
  const [problem] = problems("--heartbeat-interval=201", "--election-timeout=1000");
  assert.match(problem ?? "", /--election-timeout \(1000 ms\).*--heartbeat-interval \(201 ms\)/);
});

test("an initial cluster names this member alone, with its own peer URLs", () => {
  const me = ["--name=m1", "--initial-advertise-peer-urls=http://a:1,http://b:2"];
  const { initialCluster } = config(...me, "--initial-cluster=m1=http://b:2/,m1=http://a:1");
  assert.deepEqual([...initialCluster], [["m1", ["http://b:2", "http://a:1"]]]);
  assert.deepEqual(
    [...config(...me, "--initial-cluster=").initialCluster],
    [["m1", ["http://a:1", "http://b:2"]]],
  );
  assert.match(
    problems(...me, "--initial-cluster=m1=http://a:1")[0] ?? "",
    /--initial-cluster has http:\/\/a:1 .*--initial-advertise-peer-urls is http:\/\/a:1,http:\/\/b:2/,
  );
  assert.match(
    problems(...me, "--initial-cluster=m1=http://a:1,m2=http://c:3")[0] ?? "",
    /--initial-cluster names other members than "m1" \(m2\); only single-member clusters are served over the network yet/,
  );
  assert.match(
    problems(...me, "--initial-cluster=http://a:1")[0] ?? "",
    /--initial-cluster: "http:\/\/a:1" is not NAME=URL/,
  );
});

test("a cluster that exists already is not joined in silence", () => {
  assert.deepEqual(problems("--initial-cluster-state=existing"), [
    "--initial-cluster-state=existing: only single-member clusters are served over the network yet, so there is none to join",
  ]);
});

test("what changes of the members may do reaches the member", () => {
  const given = config("--force-new-cluster", "--strict-reconfig-check=0", "--max-learners=3");
  assert.equal(given.forceNewCluster, true);
  assert.equal(given.strictReconfigCheck, false);
  assert.equal(given.maxLearners, 3);
  assert.equal(given.preVote, true);
});

test("an initial cluster with a name that is not this member's is told", () => {
  assert.match(
    problems("--name=m1", "--initial-cluster=default=http://localhost:2380")[0] ?? "",
    /names other members than "m1" \(default\)/,
  );
});

test("all problems of the whole are told at once", () => {
  const found = problems("--name=", "--election-timeout=100", "--initial-cluster=b=http://b:1");
  assert.equal(found.length, 3);
  for (const flag of ["--name", "--election-timeout", "--initial-cluster"]) {
    assert.ok(
      found.some((one) => one.startsWith(flag)),
      flag,
    );
  }
});
