/** A histogram as Prometheus has them, for hot paths: observing is a search in a short array and two additions. */
import { assert } from "./assert.ts";

/** Upper bounds as in Go's prometheus.ExponentialBuckets: `count` of them, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

export class Histogram {
  /** Upper bounds, growing; the bucket above the last one is implied. */
  readonly bounds: readonly number[];
  /** Observations by bucket, not cumulated; one more than bounds. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    assert(
      bounds.every((bound, index) => index === 0 || bound > (bounds[index - 1] as number)),
      "histogram bounds must grow",
    );
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    counts[bucket] = (counts[bucket] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}

/** Durations of what may fail, by kind of it (a small number): one histogram for each kind and outcome, made when it is first seen. */
export class OutcomeTimes {
  private readonly bounds: readonly number[];
  private readonly succeeded = new Map<number, Histogram>();
  private readonly failed = new Map<number, Histogram>();

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
  }

  observe(kind: number, isSuccess: boolean, seconds: number): void {
    const histograms = isSuccess ? this.succeeded : this.failed;
    let histogram = histograms.get(kind);
    if (histogram === undefined) {
      histogram = new Histogram(this.bounds);
      histograms.set(kind, histogram);
    }
    histogram.observe(seconds);
  }

  *entries(): Generator<{
    readonly kind: number;
    readonly isSuccess: boolean;
    readonly histogram: Histogram;
  }> {
    for (const [kind, histogram] of this.succeeded) yield { kind, isSuccess: true, histogram };
    for (const [kind, histogram] of this.failed) yield { kind, isSuccess: false, histogram };
  }
}
