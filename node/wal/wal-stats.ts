/** What the log counts for /metrics (etcd storage/wal/metrics.go): plain numbers, read when somebody asks. */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import type { Clock } from "../lib/ports.ts";

export class WalStats {
  /** Time of putting a batch into the bytes of one write; the write itself and its sync are one step of the disk. */
  readonly writeSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  /** Bytes given to the log's files since the start. */
  writtenBytes = 0;
}

/** Who wants to know. */
export interface WalMeter {
  readonly clock: Clock;
  readonly stats: WalStats;
}
