import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MetricRegistry } from "../../../node/http/metric-registry.ts";
import { lineOfSample } from "../../../node/http/metric-text.ts";
import { Histogram } from "../../../node/lib/histogram.ts";
import { parseExposition } from "../../conformance/exposition.ts";

const linesOf = async (registry: MetricRegistry): Promise<string[]> =>
  (await registry.text()).trim().split("\n");

test("numbers are read when a scrape comes, each time anew", async () => {
  const registry = new MetricRegistry();
  let value = 1;
  registry.gauge("level", "A level.", () => value);
  registry.counter("events_total", "Events.", () => value * 10);
  const first = await linesOf(registry);
  value = 2;
  const second = await linesOf(registry);
  assert.ok(first.includes("level 1") && first.includes("events_total 10"), first.join("\n"));
  assert.ok(second.includes("level 2") && second.includes("events_total 20"), second.join("\n"));
});

test("labelled samples that are gone are gone from the next scrape", async () => {
  const registry = new MetricRegistry();
  let versions = ["3.6", "3.7"];
  registry.samples("gauge", { name: "version", help: "Versions." }, () =>
    versions.map((of) => ({ labels: { of }, value: 1 })),
  );
  assert.deepEqual((await linesOf(registry)).slice(2), [
    'version{of="3.6"} 1',
    'version{of="3.7"} 1',
  ]);
  versions = ["3.7"];
  assert.deepEqual((await linesOf(registry)).slice(2), ['version{of="3.7"} 1']);
});

test("a histogram's buckets cumulate and end in all of it", async () => {
  const registry = new MetricRegistry();
  const histogram = new Histogram([0.5, 1]);
  for (const value of [0.25, 0.75, 0.75, 3]) histogram.observe(value);
  registry.histogram("seconds", "Durations.", histogram);
  assert.deepEqual(await linesOf(registry), [
    "# HELP seconds Durations.",
    "# TYPE seconds histogram",
    'seconds_bucket{le="0.5"} 1',
    'seconds_bucket{le="1"} 3',
    'seconds_bucket{le="+Inf"} 4',
    "seconds_sum 4.75",
    "seconds_count 4",
  ]);
});

test("families come in the order of their names, whatever order they were made in, and none twice", async () => {
  const registry = new MetricRegistry();
  for (const name of ["b", "c", "a"]) registry.gauge(name, "One.", () => 1);
  const names = (await linesOf(registry)).filter((line) => !line.startsWith("#"));
  assert.deepEqual(names, ["a 1", "b 1", "c 1"]);
  assert.throws(() => registry.counter("b", "Another.", () => 1), /a metric family twice/);
});

test("labels and helps are written so that any text in them reads back", async () => {
  const registry = new MetricRegistry();
  const about = { name: "x", help: "One\nline, one \\." };
  registry.samples("gauge", about, () => [{ labels: { of: 'a"b\\c\nd' }, value: 1 }]);
  assert.deepEqual(await linesOf(registry), [
    "# HELP x One\\nline, one \\\\.",
    "# TYPE x gauge",
    'x{of="a\\"b\\\\c\\nd"} 1',
  ]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const line = lineOfSample("x", { of: text }, 1);
      assert.equal(parsed(line), text);
    }),
  );
});

test("numbers that are none, or too large, are written as Prometheus knows them", () => {
  const textOf = (value: number): string => lineOfSample("x", {}, value);
  assert.equal(textOf(Infinity), "x +Inf\n");
  assert.equal(textOf(-Infinity), "x -Inf\n");
  assert.equal(textOf(NaN), "x NaN\n");
  assert.equal(textOf(2 ** 31), "x 2147483648\n");
});

test("ten thousand series are written in many turns: others come in between", async () => {
  const registry = new MetricRegistry();
  const seriesMax = 10_000;
  registry.samples("counter", { name: "many_total", help: "Many." }, () =>
    Array.from({ length: seriesMax }, (_, at) => ({ labels: { at: String(at) }, value: at })),
  );
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const lines = await linesOf(registry);
  isOver = true;
  assert.equal(lines.length, seriesMax + 2);
  assert.equal(lines.at(-1), `many_total{at="${seriesMax - 1}"} ${seriesMax - 1}`);
  assert.ok(turns >= 5, `${turns} turns`);
});

test("a histogram is of one moment, though others observe between the turns", async () => {
  const registry = new MetricRegistry();
  const histograms = Array.from({ length: 500 }, () => new Histogram([1, 2, 3, 4, 5, 6, 7, 8]));
  registry.histograms({ name: "seconds", help: "Durations." }, () =>
    histograms.map((histogram, at) => ({ labels: { at: String(at) }, histogram })),
  );
  let isOver = false;
  const observe = (): void => {
    for (const histogram of histograms) histogram.observe(1);
    if (!isOver) setImmediate(observe);
  };
  setImmediate(observe);
  const text = await registry.text();
  isOver = true;
  parseExposition(text);
});

/** The text of the line's label as a scraper reads it. */
function parsed(line: string): string {
  const [, inner = ""] = /^x\{of="((?:[^"\\\n]|\\.)*)"\} 1\n$/s.exec(line) ?? [];
  return inner.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
}
