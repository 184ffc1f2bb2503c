/** What removing compacted records counts for /metrics (etcd storage/mvcc/metrics.go, db_compaction_*). */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";

export class CompactionStats {
  /** Milliseconds of a slice: so long nobody else has his turn. */
  readonly pausesMs = new Histogram(exponentialBuckets(1, 2, 13));
  /** Milliseconds from a compaction to the last record that it removed. */
  readonly totalMs = new Histogram(exponentialBuckets(100, 2, 14));
  /** Unix time in seconds of the last end; 0 for none since the start. */
  lastUnixSeconds = 0;
}
