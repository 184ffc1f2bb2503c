import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentName } from "../../../node/config/options.ts";
import { parseOptions } from "../../../node/config/parse.ts";

type Env = Record<string, string>;

function values(args: readonly string[], environment: Env = {}) {
  const parsed = parseOptions(args, environment);
  assert.ok(parsed.kind === "ok", JSON.stringify(parsed));
  return parsed;
}

function problems(args: readonly string[], environment: Env = {}): readonly string[] {
  const parsed = parseOptions(args, environment);
  assert.ok(parsed.kind === "problems", JSON.stringify(parsed));
  return parsed.problems;
}

test("without flags every option has etcd's default", () => {
  const { values: all, given } = values([]);
  assert.equal(given.size, 0);
  assert.equal(all.name, "default");
  assert.deepEqual(all["listen-client-urls"], ["http://localhost:2379"]);
  assert.deepEqual(all["initial-advertise-peer-urls"], ["http://localhost:2380"]);
  assert.equal(all["initial-cluster-token"], "etcd-cluster");
  assert.equal(all["heartbeat-interval"], 100);
  assert.equal(all["election-timeout"], 1000);
  assert.equal(all["snapshot-count"], 10_000);
  assert.equal(all["max-txn-ops"], 128);
  assert.equal(all["max-request-bytes"], 1_572_864);
  assert.equal(all["quota-backend-bytes"], 0);
});

test("--flag=value, --flag value and one dash are the same", () => {
  for (const args of [["--name=m1"], ["--name", "m1"], ["-name=m1"], ["-name", "m1"]]) {
    const { values: all, given } = values(args);
    assert.equal(all.name, "m1");
    assert.deepEqual([...given], ["name"]);
  }
});

test("a value may hold =, be empty, begin with a dash or span lines", () => {
  assert.equal(
    values(["--initial-cluster=a=http://x:1"]).values["initial-cluster"],
    "a=http://x:1",
  );
  assert.equal(values(["--data-dir="]).values["data-dir"], "");
  assert.equal(values(["--quota-backend-bytes", "-1"]).values["quota-backend-bytes"], -1);
  assert.equal(values(["--data-dir=a\nb"]).values["data-dir"], "a\nb");
});

test("of a flag that is given twice the last counts", () => {
  assert.equal(values(["--name=a", "--name", "b"]).values.name, "b");
});

test("every option can be set by its environment variable", () => {
  const given: Env = {
    ETCD_NAME: "m1",
    ETCD_MAX_TXN_OPS: "7",
    ETCD_LISTEN_CLIENT_URLS: "http://a:1,http://b:2",
    ETCD_BACKEND_BATCH_INTERVAL: "5s",
  };
  const { values: all, given: names } = values([], given);
  assert.equal(all.name, "m1");
  assert.equal(all["max-txn-ops"], 7);
  assert.deepEqual(all["listen-client-urls"], ["http://a:1", "http://b:2"]);
  assert.equal(all["backend-batch-interval"], 5000);
  assert.equal(names.size, 4);
  assert.equal(environmentName("initial-cluster-token"), "ETCD_INITIAL_CLUSTER_TOKEN");
});

test("an empty environment variable counts as none", () => {
  assert.equal(values([], { ETCD_NAME: "" }).values.name, "default");
});

test("a variable that a flag shadows is a problem that names both", () => {
  const [problem, ...more] = problems(["--name=a"], { ETCD_NAME: "b" });
  assert.deepEqual(more, []);
  assert.equal(
    problem,
    "ETCD_NAME: conflicting environment variable is shadowed by corresponding command-line flag " +
      "(either unset environment variable or disable flag)), which is --name",
  );
});

test("all problems are told at once, each with its flag or variable", () => {
  const found = problems(
    ["--nonsense=1", "--max-txn-ops=0", "stray", "--max-wals", "x", "--log-level=loud"],
    { ETCD_ELECTION_TIMEOUT: "1s", ETCD_LISTEN_PEER_URLS: "ftp://a:1" },
  );
  const expected = [
    /--nonsense is not known/,
    /"stray" is not a valid flag/,
    /^--max-txn-ops: expected an integer from 1/,
    /^--max-wals: expected an integer/,
    /^--log-level: expected one of debug, info, warn, error, dpanic, panic, fatal/,
    /^ETCD_ELECTION_TIMEOUT: expected an integer from 0/,
    /^ETCD_LISTEN_PEER_URLS: "ftp:\/\/a:1": expected http or https as the scheme/,
  ];
  for (const pattern of expected)
    assert.ok(
      found.some((one) => pattern.test(one)),
      String(pattern),
    );
  assert.equal(found.length, expected.length);
});

test("an unknown flag swallows its value, not the flag behind it", () => {
  assert.deepEqual(problems(["--auth-token-ttl", "1", "--name=a"]), [
    "--auth-token-ttl is not served in this version; see --help for what is",
  ]);
  assert.equal(problems(["--nonsense", "--name", ""]).length, 1);
});

test("an option of etcd that is not served is refused by its environment variable too", () => {
  const parsed = parseOptions([], { ETCD_UNSAFE_NO_FSYNC: "true" });
  assert.deepEqual(parsed, {
    kind: "problems",
    problems: [
      "ETCD_UNSAFE_NO_FSYNC is not served in this version; an acknowledged write could be lost; for tests, put the data directory on a tmpfs",
    ],
  });
});

test("ways to find members that are not served are refused with what to use instead", () => {
  assert.deepEqual(
    problems(["--discovery-endpoints=http://a:1"], { ETCD_DISCOVERY_TOKEN: "t" }),
    ["--discovery-endpoints", "ETCD_DISCOVERY_TOKEN"].map(
      (source) =>
        `${source} is not served in this version; use --initial-cluster or --discovery-srv instead`,
    ),
  );
});

test("what makes a cluster can be set by environment variables", () => {
  const { values: all, given } = values([], {
    ETCD_INITIAL_CLUSTER: "a=http://a:1,b=http://b:1",
    ETCD_INITIAL_CLUSTER_STATE: "existing",
    ETCD_INITIAL_CLUSTER_TOKEN: "t",
    ETCD_INITIAL_ADVERTISE_PEER_URLS: "http://b:2,http://a:1,http://b:2",
    ETCD_RAFT_READ_TIMEOUT: "7s",
    ETCD_RAFT_WRITE_TIMEOUT: "8s",
  });
  assert.equal(all["initial-cluster"], "a=http://a:1,b=http://b:1");
  assert.equal(all["initial-cluster-state"], "existing");
  assert.equal(all["initial-cluster-token"], "t");
  assert.deepEqual(all["initial-advertise-peer-urls"], ["http://a:1", "http://b:2"]);
  assert.equal(all["raft-read-timeout"], 7000);
  assert.equal(all["raft-write-timeout"], 8000);
  assert.equal(given.size, 6);
  const srv = values([], { ETCD_DISCOVERY_SRV: "example.com", ETCD_DISCOVERY_SRV_NAME: "p" });
  assert.equal(srv.values["discovery-srv"], "example.com");
  assert.equal(srv.values["discovery-srv-name"], "p");
});

test("a variable that Kubernetes sets for a Service called etcd is told, not refused", () => {
  const parsed = parseOptions([], { ETCD_SERVICE_HOST: "10.0.0.1", ETCD_NAME: "m1" });
  assert.ok(parsed.kind === "ok");
  assert.deepEqual(parsed.notices, [
    {
      level: "warn",
      message: "unrecognized environment variable",
      fields: { "environment-variable": "ETCD_SERVICE_HOST" },
    },
  ]);
  assert.equal(parsed.values.name, "m1");
});

test("names that every object has are no flags", () => {
  for (const name of ["constructor", "toString", "hasOwnProperty", "__proto__"]) {
    assert.equal(problems([`--${name}=1`]).length, 1);
  }
});

test("a last flag without a value is told", () => {
  assert.deepEqual(problems(["--name"]), ["--name needs a value"]);
});

test("numbers must be whole, in their bounds and exact", () => {
  for (const bad of ["", " 1", "1.5", "1e3", "0x10", "ten", "9007199254740993", "0", "-5"]) {
    assert.match(problems([`--max-txn-ops=${bad}`])[0] ?? "", /^--max-txn-ops: expected/);
  }
  assert.equal(problems(["--max-concurrent-streams=4294967296"]).length, 1);
  assert.equal(values(["--max-wals=0"]).values["max-wals"], 0);
});

test("0 entries between or behind snapshots asks for the default, as on etcd", () => {
  const { values: all } = values(["--snapshot-count=0", "--snapshot-catchup-entries=0"]);
  assert.equal(all["snapshot-count"], 10_000);
  assert.equal(all["snapshot-catchup-entries"], 5000);
});

test("durations are written as Go's", () => {
  const interval = (text: string) =>
    values([`--backend-batch-interval=${text}`]).values["backend-batch-interval"];
  assert.deepEqual(
    ["0", "0s", "250ms", "5s", "2m", "1h", "1.5s", "1m30s", "5m0s", "3000us", "1ns"].map(interval),
    [0, 0, 250, 5000, 120_000, 3_600_000, 1500, 90_000, 300_000, 3, 1],
  );
  for (const bad of ["5", "s", "-1s", "1d", "1s2", ".s", "1s 2s", "999999999999999h"]) {
    assert.match(problems([`--backend-batch-interval=${bad}`])[0] ?? "", /duration/);
  }
});

test("URLs need http or https, a host and a port, and nothing behind", () => {
  const urls = (text: string) =>
    values([`--listen-client-urls=${text}`]).values["listen-client-urls"];
  assert.deepEqual(urls("http://a:1, http://[::1]:2/"), ["http://[::1]:2", "http://a:1"]);
  assert.deepEqual(urls("http://a:80"), ["http://a:80"]);
  assert.deepEqual(urls("HTTPS://a:443"), ["https://a:443"]);
  for (const [bad, why] of [
    ["a:1", /scheme|is no URL/],
    ["", /is no URL/],
    ["http://a", /has no port/],
    ["http://a:1/path", /path|port/],
    ["http://a:1?q=1", /path|port/],
    ["unix://a:1", /http or https as the scheme/],
    ["unixs:/a", /sockets in the file system are not served/],
    ["http://:1", /expected IP in URL for binding/],
    ["http://a:99999", /is no URL/],
    ["http://a:1,", /is no URL/],
  ] as const) {
    const [problem] = problems([`--listen-client-urls=${bad}`]);
    assert.match(problem ?? "", /^--listen-client-urls: /);
    assert.match(problem ?? "", why);
  }
});

test("a boolean flag stands for true alone, and never takes the next argument", () => {
  const { values: all } = values(["--force-new-cluster", "--strict-reconfig-check=false"]);
  assert.equal(all["force-new-cluster"], true);
  assert.equal(all["strict-reconfig-check"], false);
  assert.equal(values([], { ETCD_PRE_VOTE: "F" }).values["pre-vote"], false);
  assert.deepEqual(problems(["--pre-vote", "false"]), [
    '"false" is not a valid flag; flags begin with --',
  ]);
  assert.match(problems(["--pre-vote=yes"])[0] ?? "", /^--pre-vote: expected true or false/);
});

test("what changes of the members may do has etcd's defaults", () => {
  const { values: all } = values([]);
  assert.equal(all["strict-reconfig-check"], true);
  assert.equal(all["force-new-cluster"], false);
  assert.equal(all["max-learners"], 1);
  assert.equal(all["pre-vote"], true);
  assert.equal(all["initial-election-tick-advance"], true);
  assert.match(problems(["--initial-cluster-state=old"])[0] ?? "", /expected one of new, existing/);
});

test("help and version win over what stands beside them", () => {
  assert.deepEqual(parseOptions(["--nonsense", "x", "--help"], {}), { kind: "help" });
  assert.deepEqual(parseOptions(["-h"], {}), { kind: "help" });
  assert.deepEqual(parseOptions(["--name", "a", "--version"], {}), { kind: "version" });
});
