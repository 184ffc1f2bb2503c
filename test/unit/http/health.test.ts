import assert from "node:assert/strict";
import { test } from "node:test";
import { healthChecks } from "../../../node/http/health-checks.ts";
import { registerHealth } from "../../../node/http/health-stats.ts";
import { MetricRegistry } from "../../../node/http/metric-registry.ts";
import { alarmType } from "../../../node/proto/alarm-codec.ts";
import { type Condition, HealthLab, memberIn } from "./health-lab.ts";
import { type Answer, get } from "./loopback.ts";

const ask = (condition: Condition, path: string): Promise<Answer> =>
  new HealthLab(condition).ask(get(path));

/** The limit of a check comes after 20 ms instead of seven seconds. */
const nearLimit = { electionTimeoutMs: -2490 };
const noQuorum: Condition = { hasLeader: false, linearizable: "Timeout" };
const both = [alarmType.noSpace, alarmType.corrupt];

test("/health is true while a linearizable read succeeds", async () => {
  const { status, headers, body } = await ask({}, "/health");
  assert.equal(status, 200);
  assert.equal(body, '{"health":"true","reason":""}');
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("x-content-type-options"), undefined);
});

test("/health without a leader is etcd's 503 with its reason", async () => {
  const { status, headers, body } = await ask({ hasLeader: false }, "/health");
  assert.equal(status, 503);
  assert.equal(body, '{"health":"false","reason":"RAFT NO LEADER"}\n');
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
});

test("/health whose read fails tells the error's text", async () => {
  const { status, body } = await ask({ linearizable: "Timeout" }, "/health");
  assert.equal(status, 503);
  assert.equal(body, '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n');
});

test("/health?serializable=true asks neither leader nor log", async () => {
  assert.equal((await ask(noQuorum, "/health?serializable=true")).status, 200);
  assert.equal((await ask(noQuorum, "/health?serializable=false")).status, 503);
  assert.equal((await ask(noQuorum, "/health?serializable")).status, 503);
});

test("an alarm makes /health false, before all else, unless it is excluded", async () => {
  const reasons = async (alarms: readonly number[], query: string): Promise<string> => {
    const { body } = await ask({ alarms, hasLeader: false }, `/health${query}`);
    return (JSON.parse(body) as { reason: string }).reason;
  };
  assert.equal(await reasons([alarmType.noSpace], ""), "ALARM NOSPACE");
  assert.equal(await reasons([alarmType.corrupt], "?serializable=true"), "ALARM CORRUPT");
  assert.equal(await reasons([7], ""), "ALARM UNKNOWN");
  assert.equal(await reasons(both, "?exclude=NOSPACE"), "ALARM CORRUPT");
  assert.equal(await reasons(both, "?exclude=NOSPACE&exclude=CORRUPT"), "RAFT NO LEADER");
  assert.equal(await reasons(both, "?exclude=NOSPACE,CORRUPT&exclude="), "ALARM NOSPACE");
  assert.equal(
    await reasons(both, "?exclude=CORRUPT&exclude=NOSPACE&serializable=true"),
    "",
    "nothing is left to complain about",
  );
});

test("/livez lives without leader, quorum and vote, and with every alarm", async () => {
  const { status, headers, body } = await ask(
    { ...noQuorum, isLearner: true, alarms: both },
    "/livez",
  );
  assert.equal(status, 200);
  assert.equal(body, "ok\n");
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(headers.get("x-content-type-options"), "nosniff");
});

test("/livez dies when the local state cannot be read, but not for a snapshot that is being installed", {
  timeout: 10_000,
}, async () => {
  const { status, body } = await ask({ serializable: "Stopped" }, "/livez");
  assert.equal(status, 503);
  assert.equal(body, "[-]serializable_read failed: etcdserver: server stopped\n\n");
  const installing: Condition = { isInstalling: true, serializable: "never", ...nearLimit };
  assert.equal((await ask(installing, "/livez")).status, 200);
  assert.equal((await ask(installing, "/readyz")).status, 503);
});

test("/readyz lists all checks when one fails, and says why", async () => {
  const { status, headers, body } = await ask(
    { linearizable: "Timeout", isLearner: true, alarms: [alarmType.corrupt] },
    "/readyz",
  );
  assert.equal(status, 503);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
  assert.equal(
    body,
    "[-]data_corruption failed: alarm activated: CORRUPT\n" +
      "[+]serializable_read ok\n" +
      "[-]linearizable_read failed: etcdserver: request timed out\n" +
      "[-]non_learner failed: not supported for learner\n\n",
  );
});

test("a full store is no reason to be unready: reads are served", async () => {
  assert.equal((await ask({ alarms: [alarmType.noSpace] }, "/readyz")).status, 200);
});

test("?verbose lists what passed, whatever its value", async () => {
  const all =
    "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n";
  for (const query of ["?verbose", "?verbose=", "?verbose=false", "?a=1&verbose"]) {
    assert.equal((await ask({}, `/readyz${query}`)).body, all, query);
  }
  assert.equal((await ask({}, "/readyz?a=verbose")).body, "ok\n");
});

test("excluded checks are not run; those that do not exist are told in the log and fail nothing", async () => {
  const lab = new HealthLab(noQuorum);
  const path =
    "/readyz?verbose&exclude=linearizable_read&exclude=none&exclude=&exclude=non_learner";
  const { status, body } = await lab.ask(get(path));
  assert.equal(status, 200);
  assert.equal(body, "[+]data_corruption ok\n[+]serializable_read ok\nok\n");
  assert.deepEqual(lab.warnings, [
    {
      message: "some health checks cannot be excluded",
      fields: { "missing-health-checks": '"none"' },
    },
  ]);
  const nothing = healthChecks.readyz.map(({ name }) => `exclude=${name}`).join("&");
  assert.equal((await ask(noQuorum, `/readyz?verbose&${nothing}`)).body, "ok\n");
});

test("each check has its own path, which excludes nothing", async () => {
  const sick: Condition = { ...noQuorum, isLearner: true };
  for (const [path, status] of [
    ["/livez/serializable_read", 200],
    ["/readyz/data_corruption", 200],
    ["/readyz/serializable_read", 200],
    ["/readyz/linearizable_read", 503],
    ["/readyz/linearizable_read?exclude=linearizable_read", 503],
    ["/readyz/non_learner", 503],
    ["/livez/linearizable_read", 404],
    ["/livez/", 404],
    ["/readyz/ping", 404],
  ] as const) {
    assert.equal((await ask(sick, path)).status, status, path);
  }
  assert.equal((await ask({}, "/readyz/non_learner?verbose")).body, "[+]non_learner ok\nok\n");
});

test("a check that nobody answers ends by its own time limit", { timeout: 10_000 }, async () => {
  const { body } = await ask({ serializable: "never", ...nearLimit }, "/livez");
  assert.equal(body, "[-]serializable_read failed: etcdserver: request timed out\n\n");
  const health = await ask({ linearizable: "never", ...nearLimit }, "/health");
  assert.match(health.body, /RANGE ERROR:etcdserver: request timed out/);
});

test("no member is ready before clients are served", async () => {
  const lab = new HealthLab();
  lab.health.servesClients = false;
  assert.equal((await lab.ask(get("/livez"))).status, 200);
  const { status, body } = await lab.ask(get("/readyz"));
  assert.equal(status, 503);
  assert.match(body, /^\[-\]linearizable_read failed: clients are not served yet$/m);
});

test("methods other than GET are 405 on every path", async () => {
  for (const path of ["/health", "/livez", "/readyz", "/readyz/non_learner"]) {
    for (const method of ["POST", "HEAD", "OPTIONS"]) {
      const { status, headers } = await new HealthLab().ask(get(path, method));
      assert.equal(status, 405, `${method} ${path}`);
      assert.equal(headers.get("allow"), "GET");
    }
  }
});

test("what probes find is counted, and a failure is logged", async () => {
  const lab = new HealthLab(noQuorum);
  for (const path of ["/health", "/health?serializable=true", "/livez", "/livez", "/readyz"]) {
    await lab.ask(get(path));
  }
  const registry = new MetricRegistry();
  registerHealth(registry, lab.stats);
  const lines = (await registry.text()).split("\n").filter((it) => /^[^#]/.test(it));
  assert.deepEqual(lines, [
    "etcd_server_health_failures 1",
    "etcd_server_health_success 1",
    'etcd_server_healthcheck{type="livez",name="serializable_read"} 1',
    'etcd_server_healthcheck{type="readyz",name="data_corruption"} 1',
    'etcd_server_healthcheck{type="readyz",name="serializable_read"} 1',
    'etcd_server_healthcheck{type="readyz",name="linearizable_read"} 0',
    'etcd_server_healthcheck{type="readyz",name="non_learner"} 1',
    'etcd_server_healthchecks_total{type="livez",name="serializable_read",status="success"} 2',
    'etcd_server_healthchecks_total{type="readyz",name="data_corruption",status="success"} 1',
    'etcd_server_healthchecks_total{type="readyz",name="serializable_read",status="success"} 1',
    'etcd_server_healthchecks_total{type="readyz",name="linearizable_read",status="error"} 1',
    'etcd_server_healthchecks_total{type="readyz",name="non_learner",status="success"} 1',
  ]);
  assert.deepEqual(
    lab.warnings.map(({ message }) => message),
    ["/health error", "Health check error"],
  );
});

test("the checks are etcd's, by name and in etcd's order", async () => {
  const names = (checks: readonly { readonly name: string }[]) => checks.map(({ name }) => name);
  assert.deepEqual(names(healthChecks.livez), ["serializable_read"]);
  assert.deepEqual(names(healthChecks.readyz), [
    "data_corruption",
    "serializable_read",
    "linearizable_read",
    "non_learner",
  ]);
  const state = { member: memberIn({}), servesClients: true };
  for (const check of healthChecks.readyz) assert.equal(await check.run(state), "");
});
