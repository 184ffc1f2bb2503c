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
