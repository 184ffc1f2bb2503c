import assert from "node:assert/strict";
import { test } from "node:test";
import { grownBy, largestOf, samplesOf } from "../../bench/member-metrics.ts";

const exposition = (counts: readonly [number, number, number], failures: number): string => `
# HELP delay_seconds How late.
# TYPE delay_seconds histogram
delay_seconds_bucket{le="0.001"} ${counts[0]}
delay_seconds_bucket{le="0.05"} ${counts[1]}
delay_seconds_bucket{le="+Inf"} ${counts[2]}
delay_seconds_sum 1.5
# TYPE failures_total counter
failures_total ${failures}
labelled{a="x y",b="z"} 3e-05
`;

test("samples are read with their labels", () => {
  const samples = samplesOf(exposition([1, 2, 2], 7));
  assert.equal(samples.get("failures_total"), 7);
  assert.equal(samples.get('labelled{a="x y",b="z"}'), 0.00003);
  assert.equal(samples.get('delay_seconds_bucket{le="+Inf"}'), 2);
});

test("the largest observation between two is told by its bucket", () => {
  const before = samplesOf(exposition([1, 2, 3], 7));
  const largest = (counts: readonly [number, number, number]) =>
    largestOf("delay_seconds", before, samplesOf(exposition(counts, 9)));
  assert.equal(largest([1, 2, 3]), 0);
  assert.equal(largest([5, 6, 7]), 0.001);
  assert.equal(largest([5, 7, 8]), 0.05);
  assert.equal(largest([1, 2, 4]), Infinity);
  assert.equal(largestOf("other", before, before), undefined);
  assert.equal(grownBy("failures_total", before, samplesOf(exposition([1, 2, 3], 9))), 2);
});
