import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type FailoverReport,
  failoverProblemsOf,
  type LoadReport,
  lostKeysIn,
  parseLoadReport,
  problemsOf,
} from "../../bench/load-report.ts";
import { measurementOf } from "../../bench/measurement.ts";

const goodReport: LoadReport = {
  mode: "put",
  seconds: 10,
  acknowledged: 1200,
  measured: 1000,
  opsPerSecond: 100,
  errors: 0,
  errorTexts: {},
  latencyMicros: { p50: 500, p90: 800, p99: 1500, p999: 2500, max: 9000 },
  revisionBefore: 1,
  revisionAfter: 1201,
  writes: true,
  keysRepeated: 0,
  late: 100,
  queuedMax: 0,
  loadCpuSeconds: 0.004,
  serverCpuSeconds: 0.06,
  othersCpuSeconds: 0,
  stolenSeconds: 0,
};
const memory = { resident: 50 * 2 ** 20, peak: 60 * 2 ** 20 };

test("a report of the load generator is read back", () => {
  assert.deepEqual(parseLoadReport(`${JSON.stringify(goodReport)}\n`), goodReport);
});

test("what is no report is refused, and the text says what was printed", () => {
  assert.throws(() => parseLoadReport("panic: no\n"), /panic: no/);
  assert.throws(() => parseLoadReport("{}"), /lacks fields/);
  assert.throws(() => parseLoadReport("null"), /lacks fields/);
});

test("a run counts when each answer was good and the revision moved by the acknowledged writes", () => {
  assert.deepEqual(problemsOf(goodReport), []);
  assert.deepEqual(problemsOf({ ...goodReport, writes: false, revisionAfter: 1 }), []);
});

test("a watch run tells how long its watches took to create", () => {
  const workload = { name: "watch-1000-one-key", unit: "events/s" } as const;
  const m = measurementOf(workload, { ...goodReport, puts: 3, createdMillis: 12.3 }, memory);
  assert.equal(m.value, goodReport.opsPerSecond);
  assert.deepEqual(m.remarks, ["all watches were created in 12 ms"]);
});

test("a run with errors does not count, and each kind is named with its number", () => {
  const problems = problemsOf({
    ...goodReport,
    errors: 3,
    errorTexts: { "grpc-status 14: gone": 2, EOF: 1 },
  });
  assert.deepEqual(problems, ["2 × grpc-status 14: gone", "1 × EOF"]);
  assert.deepEqual(problemsOf({ ...goodReport, errors: 2, errorTexts: null }), ["2 errors"]);
});

test("a run does not count when a write is missing, one is too many, or a read writes", () => {
  for (const revisionAfter of [1200, 1202]) {
    assert.match(problemsOf({ ...goodReport, revisionAfter }).join(), /revision moved by/);
  }
  assert.match(
    problemsOf({ ...goodReport, writes: false }).join(),
    /moved by 1200, acknowledged writes: 0/,
  );
});

test("a run in which nothing was measured, or keys came twice, does not count", () => {
  assert.match(problemsOf({ ...goodReport, measured: 0 }).join(), /no call was answered/);
  assert.match(problemsOf({ ...goodReport, keysRepeated: 4 }).join(), /4 keys came twice/);
});

test("a closed loop is measured in calls per second, with CPU for each call in microseconds", () => {
  const m = measurementOf({ name: "put-10x100", unit: "ops/s" }, goodReport, memory);
  assert.equal(m.value, 100);
  assert.equal(m.p99Ms, 1.5);
  assert.equal(Math.round(m.serverCpuMicros), 60);
  assert.equal(Math.round(m.loadCpuMicros), 4);
  assert.equal(m.residentBytes, memory.resident);
  assert.deepEqual(m.problems, []);
});

test("an open loop is measured in its 99th percentile and tells how much was sent late", () => {
  const m = measurementOf({ name: "put-open-loop", unit: "p99 ms" }, goodReport, memory, 100);
  assert.equal(m.value, 1.5);
  assert.equal(m.lateShare, 0.1);
  assert.deepEqual(m.problems, []);
});

const times: FailoverReport = {
  firstAckMillis: 1200,
  longestGapMillis: 1200,
  longestGapAtMillis: 1,
  processGoneMillis: 2,
  servedWithoutMillis: 1201,
  acknowledgedKeys: [],
};
/** 1200 acknowledged, 50 without a result. */
const failover: LoadReport = { ...goodReport, lost: 50, failover: times };

test("in a fail-over a write without a result may have been applied or not, an acknowledged one must be", () => {
  for (const revision of [1201, 1230, 1251]) {
    assert.deepEqual(failoverProblemsOf({ ...failover, revisionAfter: revision }, revision), []);
  }
  assert.match(failoverProblemsOf(failover, 1200).join(), /moved by 1199, .*: 1200, .*: 50/);
  assert.match(failoverProblemsOf(failover, 1252).join(), /moved by 1251/);
  assert.match(failoverProblemsOf({ ...failover, revisionAfter: 1200 }, 1201).join(), /1199/);
});

test("a wrong answer in a fail-over does not count as a call without a result", () => {
  const wrong = { ...failover, errors: 1, errorTexts: { "answer without revision": 1 } };
  assert.deepEqual(failoverProblemsOf(wrong, 1201), ["1 × answer without revision"]);
});

test("a fail-over in which the member stayed, or nobody took over, does not count", () => {
  const stayed = { ...failover, failover: { ...times, processGoneMillis: -1 } };
  assert.match(failoverProblemsOf(stayed, 1201).join(), /did not end/);
  const nobody = { ...failover, failover: { ...times, servedWithoutMillis: -1 } };
  assert.match(failoverProblemsOf(nobody, 1201).join(), /no write was acknowledged/);
  assert.match(failoverProblemsOf({ ...goodReport }, 1201).join(), /reported no fail-over/);
});

test("every acknowledged key must be there after a fail-over, others may", () => {
  const acknowledgedKeys = [3, 4];
  const report = { ...failover, acknowledged: 2, failover: { ...times, acknowledgedKeys } };
  assert.deepEqual(lostKeysIn(report, new Set([3, 4, 5])), []);
  assert.match(lostKeysIn(report, new Set([3, 5])).join(), /1 acknowledged keys are lost, .* 4/);
  assert.match(lostKeysIn({ ...report, acknowledged: 3 }, new Set([3, 4])).join(), /2 keys .* 3/);
});
