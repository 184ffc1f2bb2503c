import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "../../../node/config/parse.ts";

type Env = Record<string, string>;

function ok(args: readonly string[], environment: Env = {}) {
  const parsed = parseOptions(args, environment);
  assert.ok(parsed.kind === "ok", JSON.stringify(parsed));
  return parsed;
}

function problems(args: readonly string[], environment: Env = {}): readonly string[] {
  const parsed = parseOptions(args, environment);
  assert.ok(parsed.kind === "problems", JSON.stringify(parsed));
  return parsed.problems;
}

test("an old name works as a flag and as a variable, and the new one is named", () => {
  for (const [args, environment, option] of [
    [["--experimental-compaction-batch-limit=7"], {}, "--experimental-compaction-batch-limit"],
    [
      [],
      { ETCD_EXPERIMENTAL_COMPACTION_BATCH_LIMIT: "7" },
      "ETCD_EXPERIMENTAL_COMPACTION_BATCH_LIMIT",
    ],
  ] as const) {
    const { values, given, notices } = ok(args, environment);
    assert.equal(values["compaction-batch-limit"], 7);
    assert.deepEqual([...given], ["compaction-batch-limit"]);
    assert.deepEqual(notices, [
      {
        level: "warn",
        message: "the name of this option has changed; the old one still works",
        fields: { option, "use-instead": "compaction-batch-limit" },
      },
    ]);
  }
});

test("a wrong value of an old name is told by the old name", () => {
  assert.match(
    problems(["--experimental-warning-apply-duration=x"])[0] ?? "",
    /^--experimental-warning-apply-duration: expected a duration/,
  );
});

test("old and new name at the same time are refused, as by 3.6", () => {
  assert.deepEqual(problems(["--experimental-max-learners=2"], { ETCD_MAX_LEARNERS: "2" }), [
    "cannot set --experimental-max-learners and ETCD_MAX_LEARNERS at the same time, please use --max-learners only",
  ]);
});

test("an old name of what is not served is refused, unless it asks for nothing", () => {
  assert.match(
    problems(["--experimental-memory-mlock"])[0] ?? "",
    /^--experimental-memory-mlock is not served in this version; /,
  );
  ok(["--experimental-memory-mlock=false", "--experimental-corrupt-check-time", "0"]);
});

test("a flag that became a gate sets the gate, or is refused by its own name", () => {
  const both = [
    "--experimental-enable-lease-checkpoint-persist",
    "--experimental-enable-lease-checkpoint",
  ];
  const { values, notices } = ok(both);
  assert.deepEqual(values["feature-gates"], {
    leaseCheckpoint: true,
    stopGrpcServiceOnDefrag: false,
  });
  assert.equal(notices.length, 2);
  assert.deepEqual(notices[1]?.fields, {
    option: "--experimental-enable-lease-checkpoint",
    "use-instead": "--feature-gates=LeaseCheckpoint=true",
  });
  ok([
    "--experimental-initial-corrupt-check=false",
    "--experimental-txn-mode-write-with-shared-buffer",
  ]);
  assert.deepEqual(problems(["--experimental-initial-corrupt-check=true"]), [
    "--experimental-initial-corrupt-check: InitialCorruptCheck=true is not served in this version",
  ]);
  assert.deepEqual(problems(["--experimental-enable-lease-checkpoint-persist"]), [
    "--experimental-enable-lease-checkpoint-persist: enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
  ]);
});

test("a gate and the flag that it was are not set at the same time, other gates are", () => {
  const old = "--experimental-enable-lease-checkpoint";
  assert.match(
    problems([old, "--feature-gates=LeaseCheckpoint=true"])[0] ?? "",
    /^cannot specify both flags: --experimental-enable-lease-checkpoint and --feature-gates=LeaseCheckpoint at the same time/,
  );
  const { values } = ok([old, "--feature-gates=LeaseCheckpointPersist=true"]);
  assert.deepEqual(values["feature-gates"], {
    leaseCheckpoint: true,
    stopGrpcServiceOnDefrag: false,
  });
});

test("what would be another cluster or another API does not start", () => {
  for (const [flag, instead] of [
    ["--discovery=https://discovery.example/x", /--initial-cluster/],
    ["--discovery-proxy=http://p:1", /--discovery-srv/],
    ["--proxy=on", /load balancer/],
    ["--proxy=readonly", /load balancer/],
    ["--enable-v2", /v3 API/],
    ["--enable-v2=true", /v3 API/],
    ["--experimental-enable-v2v3=/v2", /v3 API/],
  ] as const) {
    const [problem = "", ...more] = problems([flag]);
    assert.deepEqual(more, []);
    assert.ok(problem.startsWith(`${flag.split("=")[0]} is gone from etcd; `), problem);
    assert.match(problem, instead);
  }
  assert.match(problems([], { ETCD_ENABLE_V2: "1" })[0] ?? "", /^ETCD_ENABLE_V2 is gone/);
  assert.equal(problems(["--discovery", "http://a", "--proxy", "on"]).length, 2);
});

test("their defaults ask for nothing, and are taken with a warning", () => {
  const { notices } = ok([
    "--enable-v2=false",
    "--proxy",
    "off",
    "--discovery=",
    "--proxy-read-timeout=0",
    "--proxy-failure-wait=5000",
  ]);
  assert.deepEqual(
    notices.map(({ level, fields }) => [level, fields["option"]]),
    ["--enable-v2", "--proxy", "--discovery", "--proxy-read-timeout", "--proxy-failure-wait"].map(
      (flag) => ["warn", flag],
    ),
  );
});

test("what is deprecated is told in etcd's words", () => {
  const { notices } = ok(["--max-snapshots=3", "--v2-deprecation=gone"]);
  assert.deepEqual(
    notices.map(({ message }) => message),
    [
      "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
      "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
    ],
  );
  assert.match(
    problems(["--v2-deprecation=not-yet"])[0] ?? "",
    /^--v2-deprecation: expected one of/,
  );
});

test("the proxy of discovery is refused in etcd's words, its default is not", () => {
  ok(["--discovery-fallback=exit"]);
  assert.match(
    problems(["--discovery-fallback=proxy"])[0] ?? "",
    /v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"/,
  );
});

test("no value of a refused option is told: it can be a secret", () => {
  const secret = "s3cret";
  const told = problems([`--discovery-password=${secret}`], {
    ETCD_DISCOVERY_USER: secret,
    ETCD_AUTH_TOKEN: secret,
  });
  assert.equal(told.length, 3);
  assert.ok(told.every((problem) => !problem.includes(secret)));
});
