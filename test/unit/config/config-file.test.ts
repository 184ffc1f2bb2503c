import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, checkConfig } from "../../../node/config/config.ts";
import { misplaced, optionAt } from "../../../node/config/file-keys.ts";
import { knownNames } from "../../../node/config/known-options.ts";
import { parseOptions } from "../../../node/config/parse.ts";

const flags = ["--config-file=etcd.yaml"];

const parse = (text: string, args = flags, environment = {}) =>
  parseOptions(args, environment, (path) => {
    assert.equal(path, "etcd.yaml");
    return text;
  });

function ok(text: string) {
  const parsed = parse(text);
  assert.ok(parsed.kind === "ok", JSON.stringify(parsed));
  return parsed;
}

function problems(text: string): readonly string[] {
  const parsed = parse(text);
  assert.ok(parsed.kind === "problems", JSON.stringify(parsed));
  return parsed.problems;
}

function config(text: string): Config {
  const { values, given, notices } = ok(text);
  const checked = checkConfig(values, given, notices);
  assert.ok(checked.kind === "ok", JSON.stringify(checked));
  return checked.config;
}

const loaded = {
  level: "info",
  message:
    "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
  fields: { path: "etcd.yaml" },
};

/** Every key of the example that etcd 3.5 ships (etcd.conf.yml.sample), as it stands there. */
const example = `
name: 'default'
data-dir:
wal-dir:
snapshot-count: 10000
heartbeat-interval: 100
election-timeout: 1000
quota-backend-bytes: 0
listen-peer-urls: http://localhost:2380
listen-client-urls: http://localhost:2379
max-snapshots: 5
max-wals: 5
cors:
initial-advertise-peer-urls: http://localhost:2380
advertise-client-urls: http://localhost:2379
discovery:
discovery-proxy:
discovery-srv:
initial-cluster:
initial-cluster-token: 'etcd-cluster'
initial-cluster-state: 'new'
strict-reconfig-check: false
enable-pprof: true
proxy: 'off'
proxy-failure-wait: 5000
proxy-refresh-interval: 30000
proxy-dial-timeout: 1000
proxy-write-timeout: 5000
proxy-read-timeout: 0
client-transport-security:
  cert-file:
  key-file:
  client-cert-auth: false
  trusted-ca-file:
  auto-tls: false
peer-transport-security:
  cert-file:
  key-file:
  client-cert-auth: false
  trusted-ca-file:
  auto-tls: false
  allowed-cn:
  allowed-hostname:
self-signed-cert-validity: 1
log-level: debug
logger: zap
log-outputs: [stderr]
force-new-cluster: false
auto-compaction-mode: periodic
auto-compaction-retention: "1"
cipher-suites: [
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
]
tls-min-version: 'TLS1.2'
tls-max-version: 'TLS1.3'
`;

test("the example of etcd 3.5 is taken as it is", () => {
  const { name, log, autoCompaction, strictReconfigCheck, enablePprof, raw } = config(example);
  assert.equal(name, "default");
  assert.equal(log.level, "debug");
  assert.deepEqual(log.outputs, ["stderr"]);
  assert.deepEqual(autoCompaction, { mode: "periodic", retentionMs: 3_600_000 });
  assert.deepEqual([strictReconfigCheck, enablePprof], [false, true]);
  assert.equal(raw["cipher-suites"].length, 2);
});

test("a file says it all: flags and variables beside it are ignored, aloud", () => {
  const parsed = parse("name: of-the-file", [...flags, "--max-txn-ops=7"], {
    ETCD_NAME: "of-the-environment",
    ETCD_MAX_TXN_OPS: "8",
    ETCD_NONSENSE: "x",
  });
  assert.ok(parsed.kind === "ok");
  assert.equal(parsed.values.name, "of-the-file");
  assert.equal(parsed.values["max-txn-ops"], 128);
  assert.deepEqual([...parsed.given], ["name"]);
  assert.deepEqual(parsed.notices, [
    loaded,
    {
      level: "warn",
      message: "ignored, because the configuration file says it all",
      fields: { options: ["--max-txn-ops", "ETCD_NAME", "ETCD_MAX_TXN_OPS"] },
    },
  ]);
});

test("a flag beside a file must still be right, as on etcd", () => {
  const parsed = parse("name: a", [...flags, "--max-txn-ops=x", "--nonsense"]);
  assert.ok(parsed.kind === "problems");
  assert.equal(parsed.problems.length, 2);
});

test("the file can be named by a variable; the flag wins", () => {
  const byVariable = parse("name: a", [], { ETCD_CONFIG_FILE: "etcd.yaml" });
  assert.ok(byVariable.kind === "ok");
  assert.equal(byVariable.values.name, "a");
  assert.equal(parse("name: a", flags, { ETCD_CONFIG_FILE: "another.yaml" }).kind, "ok");
});

test("a file that cannot be read is a problem that names it", () => {
  const parsed = parseOptions(["--config-file", "/nowhere/etcd.yaml"], {});
  assert.ok(parsed.kind === "problems");
  assert.match(parsed.problems[0] ?? "", /^--config-file: .*ENOENT.*\/nowhere\/etcd\.yaml/);
});

test("an empty file, and one without values, says nothing", () => {
  for (const text of ["", "# nothing\n", "---\n", "name:\nmax-wals: ~\n", "{}"]) {
    const { values, given, notices } = ok(text);
    assert.equal(values.name, "default");
    assert.equal(given.size, 0);
    assert.deepEqual(notices, [loaded]);
  }
});

test("the certificates of both sides stand in sections of their own", () => {
  const section = (prefix: string) => `
  cert-file: ${prefix}.crt
  key-file: ${prefix}.key
  client-cert-file: ${prefix}-out.crt
  client-key-file: ${prefix}-out.key
  client-cert-auth: true
  trusted-ca-file: ${prefix}-ca.crt
  crl-file: ${prefix}.crl
`;
  const { clientTls, peerTls } = config(`
listen-client-urls: https://127.0.0.1:2379
client-transport-security:${section("client")}
  allowed-hostname: ["a,b", c]
peer-transport-security:${section("peer")}
  allowed-cn: [m1, m2]
  skip-client-san-verification: yes
`);
  for (const [side, settings] of [
    ["client", clientTls],
    ["peer", peerTls],
  ] as const) {
    assert.equal(settings?.side, side);
    assert.equal(settings.certFile, `${side}.crt`);
    assert.equal(settings.keyFile, `${side}.key`);
    assert.equal(settings.clientCertFile, `${side}-out.crt`);
    assert.equal(settings.clientKeyFile, `${side}-out.key`);
    assert.equal(settings.trustedCaFile, `${side}-ca.crt`);
    assert.equal(settings.crlFile, `${side}.crl`);
    assert.equal(settings.clientCertAuth, true);
  }
  assert.deepEqual(clientTls?.allowedHostnames, ["a,b", "c"]);
  assert.deepEqual(peerTls?.allowedCns, ["m1", "m2"]);
  assert.equal(peerTls.skipsClientSanVerification, true);
});

test("durations are whole nanoseconds, never texts, as on etcd", () => {
  assert.equal(ok("backend-batch-interval: 250000000").values["backend-batch-interval"], 250);
  assert.equal(ok("raft-read-timeout: 7000000000").values["raft-read-timeout"], 7000);
  for (const bad of ["10m", "'250000000'", "1.5", "[1]", "true"]) {
    assert.deepEqual(problems(`name: a\nbackend-batch-interval: ${bad}`), [
      "etcd.yaml:2: backend-batch-interval: expected a duration in whole nanoseconds (600000000000 for ten minutes), as in the file of etcd",
    ]);
  }
});

test("a value of the wrong type is told with file, line and key, all at once", () => {
  assert.deepEqual(
    problems(`max-txn-ops: "12"
pre-vote: 1

log-outputs: stderr
listen-client-urls: [http://127.0.0.1:1]
peer-transport-security:
  allowed-cn: m1
  client-cert-auth: "true"
client-transport-security: 3
max-wals: -1
`),
    [
      "etcd.yaml:1: max-txn-ops: expected a whole number, without quotation marks",
      "etcd.yaml:2: pre-vote: expected true or false",
      "etcd.yaml:4: log-outputs: expected a list",
      "etcd.yaml:5: listen-client-urls: expected a text",
      "etcd.yaml:7: peer-transport-security.allowed-cn: expected a list",
      "etcd.yaml:8: peer-transport-security.client-cert-auth: expected true or false",
      "etcd.yaml:9: client-transport-security: expected a map",
      "etcd.yaml:10: max-wals: expected an integer from 0",
    ],
  );
});

test("numbers, booleans and dates are taken for text, and keys in any case, as on etcd", () => {
  assert.equal(ok("Name: 123").values.name, "123");
  assert.equal(ok("name: on").values.name, "true");
  assert.equal(
    ok("initial-cluster-token: 2024-01-01").values["initial-cluster-token"],
    "2024-01-01",
  );
  assert.deepEqual(config("auto-compaction-retention: 2").autoCompaction, {
    mode: "periodic",
    retentionMs: 7_200_000,
  });
  assert.equal(ok("pre-vote: no").values["pre-vote"], false);
});

test("JSON is YAML", () => {
  assert.equal(
    ok('{"name": "a", "peer-transport-security": {"auto-tls": true}}').values["peer-auto-tls"],
    true,
  );
});

test("an unknown key is warned of with its place, not refused", () => {
  const { notices } = ok("name: a\nnonsense: 1\npeer-transport-security:\n  cert: x\n");
  assert.deepEqual(notices.slice(1), [
    {
      level: "warn",
      message: "unknown key in the configuration file",
      fields: { key: "nonsense", position: "etcd.yaml:2" },
    },
    {
      level: "warn",
      message: "unknown key in the configuration file",
      fields: { key: "peer-transport-security.cert", position: "etcd.yaml:4" },
    },
  ]);
  for (const key of ["constructor", "__proto__", "toString", "config-file", "help"]) {
    assert.equal(ok(`${key}: x`).notices.length, 2, key);
  }
});

test("a flag's name that the file has at another place is refused there: it would be passed over", () => {
  assert.deepEqual(problems("client-cert-auth: true"), [
    "etcd.yaml:1: client-cert-auth: does nothing here; in the file it is client-transport-security.client-cert-auth",
  ]);
  assert.match(problems("discovery-token: x")[0] ?? "", /it is discovery-config\.token$/);
  assert.match(
    problems("client-transport-security:\n  skip-client-san-verification: true")[0] ?? "",
    /^etcd\.yaml:2: client-transport-security\.skip-client-san-verification: is not served/,
  );
});

test("a key that is there twice is refused with its line", () => {
  assert.match(
    problems("name: a\nmax-wals: 1\nname: b")[0] ?? "",
    /^etcd\.yaml:3: Map keys must be unique/,
  );
  assert.equal(problems("name: a\nNAME: b").length, 1);
});

test("what is no YAML, or no map, is told with its line", () => {
  assert.match(problems("name: a\nx: [")[0] ?? "", /^etcd\.yaml:\d: /);
  assert.deepEqual(problems("- a"), ["etcd.yaml: expected a map of options"]);
  assert.deepEqual(problems("just text"), ["etcd.yaml: expected a map of options"]);
});

test("what is not served is refused by its key, its default is not", () => {
  assert.deepEqual(problems("unsafe-no-fsync: true\nenable-v2: true\nproxy: on-off"), [
    "etcd.yaml:1: unsafe-no-fsync is not served in this version; an acknowledged write could be lost; for tests, put the data directory on a tmpfs",
    "etcd.yaml:2: enable-v2 is gone from etcd; clients speak the v3 API",
    "etcd.yaml:3: proxy is gone from etcd; run a TCP load balancer, or etcd grpc-proxy of etcd, in its place",
  ]);
  const [problem] = problems(
    "discovery-config:\n  token: t\n  client:\n    endpoints: [http://a:1]\n    auth: {username: u}",
  );
  assert.match(problem ?? "", /^etcd\.yaml:2: discovery-config\.token is not served/);
  const harmless = `
corrupt-check-time: 0
compact-hash-check-time: 60000000000
socket-options: {reuse-port: false, reuse-address: true}
discovery-config:
  token: ""
  client:
    endpoints: []
    dial-timeout: 2000000000
    keepalive-time: 2000000000
    secure: {insecure-transport: true, cert: ""}
`;
  assert.deepEqual(ok(harmless).notices, [loaded]);
});

test("old names work in the file too", () => {
  const { values, notices } = ok(`
experimental-snapshot-catch-up-entries: 9
experimental-warning-apply-duration: 1000000000
experimental-enable-lease-checkpoint: true
experimental-peer-skip-client-san-verification: true
`);
  assert.equal(values["snapshot-catchup-entries"], 9);
  assert.equal(values["warning-apply-duration"], 1000);
  assert.equal(values["peer-skip-client-san-verification"], true);
  assert.deepEqual(values["feature-gates"], {
    leaseCheckpoint: true,
    stopGrpcServiceOnDefrag: false,
  });
  assert.equal(notices.length, 5);
  assert.equal(notices[1]?.fields["option"], "etcd.yaml:2: experimental-snapshot-catch-up-entries");
});

test("an empty URL, and no years, stand for the default; lists may be empty", () => {
  const settled = config(`
listen-peer-urls: ""
advertise-client-urls: ""
cors: ""
self-signed-cert-validity: 0
log-outputs: []
initial-cluster-state: ""
`);
  assert.equal(settled.listenPeer[0]?.port, 2380);
  assert.equal(settled.selfSignedCertValidityYears, 1);
  assert.deepEqual(settled.cors, ["*"]);
  assert.deepEqual(settled.log.outputs, ["default"]);
  assert.equal(settled.initialClusterState, "new");
});

test("a file that does not say what clients are told leaves etcd's default", () => {
  assert.deepEqual(config("listen-client-urls: http://127.0.0.1:1").advertiseClientUrls, [
    "http://localhost:2379",
  ]);
});

test("every option has one place in the file", () => {
  assert.equal(optionAt.size, knownNames.length - 1);
  for (const [name, place] of misplaced) {
    assert.equal(optionAt.get(place), name);
    assert.equal(optionAt.has(name), false, name);
  }
});
