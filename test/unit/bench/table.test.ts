import assert from "node:assert/strict";
import { test } from "node:test";
import { type Measurement, plainMeasurement, sampledMeasurement } from "../../bench/measurement.ts";
import { type Row, summarise } from "../../bench/summary.ts";
import { figure, gateText, markdownTable, roundLines, terminalTable } from "../../bench/table.ts";
import type { Workload } from "../../bench/workload.ts";
import { workloads } from "../../bench/workloads.ts";

function workload(name: string): Workload {
  const found = workloads.find((w) => w.name === name);
  assert.ok(found !== undefined);
  return found;
}

function measured(value: number, change: Partial<Measurement> = {}): Measurement {
  const base = plainMeasurement(workload("put-10x100"), value, {
    resident: 100 * 2 ** 20,
    peak: 120 * 2 ** 20,
  });
  return {
    ...base,
    p50Ms: 20,
    p99Ms: 45.678,
    p999Ms: 123.4,
    serverCpuSeconds: 12.345,
    serverCpuMicros: 65.4321,
    ...change,
  };
}

const put = workload("put-10x100");
const good = (): Row =>
  summarise(put, [measured(20_000), measured(22_000)], [measured(80_000), measured(67_000)], true);

test("a row compares the medians over the rounds and keeps each round", () => {
  const row = good();
  assert.equal(row.ratio, 3.5);
  assert.equal(row.verdict, "pass");
  assert.deepEqual(row.ours.rounds, [80_000, 67_000]);
});

test("a row below its gate is a miss", () => {
  assert.equal(summarise(put, [measured(20_000)], [measured(59_999)], true).verdict, "miss");
});

test("a row takes only its own workload's measurements", () => {
  const other = measured(1, { workload: "put-1x1", problems: ["broken"] });
  const row = summarise(put, [measured(20_000), other], [measured(60_000)], true);
  assert.deepEqual(row.etcd.rounds, [20_000]);
  assert.equal(row.verdict, "pass");
});

test("one bad run makes the row invalid, however good its ratio, and says which run", () => {
  const row = summarise(
    put,
    [measured(1)],
    [measured(10), measured(10, { problems: ["2 × EOF"] })],
    true,
  );
  assert.equal(row.verdict, "invalid");
  assert.deepEqual(row.problems, ["put-10x100, etcd-ts, round 2: 2 × EOF"]);
});

test("the short form gives no verdict, but a bad run stays invalid", () => {
  assert.equal(summarise(put, [measured(1)], [measured(1)], false).verdict, "none");
  assert.equal(
    summarise(put, [measured(1)], [measured(1, { problems: ["x"] })], false).verdict,
    "invalid",
  );
});

test("the terminal table has a line for each row, with columns that stand under their headings", () => {
  const missed = summarise(put, [measured(20_000)], [measured(9000)], true);
  const [heading = "", rule = "", ...lines] = terminalTable([good(), missed]).split("\n");
  assert.equal(lines.length, 2);
  const end = heading.indexOf("ratio") + "ratio".length;
  assert.deepEqual(
    lines.map((line) => line.slice(end - "3.50 ×".length, end)),
    ["3.50 ×", "0.45 ×"],
  );
  assert.match(
    lines[0] ?? "",
    /21,000 +73,500 .* pass .*45\.7 \/ 45\.7.*65\.4 \/ 65\.4.*100 \/ 100$/,
  );
  assert.match(lines[1] ?? "", / MISS /);
  assert.match(rule, /^-[- ]+-$/);
});

test("the Markdown table has as many cells in each line as headings", () => {
  const lines = markdownTable([good()]).split("\n");
  const cells = lines.map((line) => line.split("|").length);
  assert.deepEqual(new Set(cells).size, 1);
  assert.match(
    lines[2] ?? "",
    /^\| put-10x100 \| ops\/s \| 21,000 \| 73,500 \| 3\.50 × \| ≥ 3 × \| pass \|/,
  );
});

test("what was not measured is a dash, not a number", () => {
  const memory = workload("memory");
  const nothing = plainMeasurement(memory, Number.NaN, { resident: 0, peak: 0 }, [
    "the server exited",
  ]);
  const table = terminalTable([summarise(memory, [nothing], [nothing], true)]);
  assert.doesNotMatch(table, /NaN/);
  assert.match(table, /INVALID/);
});

test("figures read well in each unit", () => {
  assert.equal(figure(1234567.8, "ops/s"), "1,234,568");
  assert.equal(figure(3.456, "p99 ms"), "3.46");
  assert.equal(figure(34.56, "p99 ms"), "34.6");
  assert.equal(figure(4.4444, "s"), "4.44");
  assert.equal(gateText({ bound: "atMost", ratio: 1.5 }), "≤ 1.5 ×");
});

test("the rounds are listed for both", () => {
  assert.deepEqual(roundLines([good()]), [
    "put-10x100 (ops/s): etcd 20,000, 22,000; etcd-ts 80,000, 67,000",
  ]);
});

const kill = workload("three-kill-leader-1000ms");
const sampled = (...samples: number[]): Measurement =>
  sampledMeasurement(kill, samples, { resident: 0, peak: 0 }, []);

test("times taken several times are compared by the median over all of them in all rounds", () => {
  const row = summarise(kill, [sampled(1000, 1100), sampled(3000)], [sampled(900, 1900)], true);
  assert.equal(row.etcd.value, 1100);
  assert.equal(row.ours.value, 1400);
  assert.deepEqual(row.etcd.rounds, [1000, 1100, 3000]);
  assert.equal(row.etcd.p99Ms, 3000);
  assert.equal(row.verdict, "miss");
  assert.deepEqual(roundLines([row]), [
    "three-kill-leader-1000ms (ms): etcd 1000, 1100, 3000; etcd-ts 900, 1900",
  ]);
});

test("a time that could not be taken is a dash, and its row invalid", () => {
  const none = sampledMeasurement(kill, [], { resident: 0, peak: 0 }, ["no write"]);
  const row = summarise(kill, [sampled(1000)], [none], true);
  assert.equal(row.verdict, "invalid");
  assert.doesNotMatch(terminalTable([row]), /NaN/);
});

test("a remark is kept with its round and makes nothing invalid", () => {
  const row = summarise(put, [measured(1, { remarks: ["moved"] })], [measured(9)], true);
  assert.deepEqual(row.remarks, ["put-10x100, etcd, round 1: moved"]);
  assert.equal(row.verdict, "pass");
});
