import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricRegistry } from "../../../node/http/metric-registry.ts";
import { Histogram } from "../../../node/lib/histogram.ts";

const linesOf = async ({ registry }: MetricRegistry): Promise<string[]> =>
  (await registry.metrics()).trim().split("\n");

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
  registry.samples("gauge", { name: "version", help: "Versions.", labels: ["of"] }, () =>
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
