/** What the `.snap` files count for /metrics (etcd etcdserver/api/snap/metrics.go): plain numbers, read when somebody asks. */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import type { Clock } from "../lib/ports.ts";

const bounds = exponentialBuckets(0.001, 2, 14);

export class SnapStats {
  /** Time of putting a snapshot into bytes. */
  readonly marshalSeconds = new Histogram(bounds);
  /** Time of writing and syncing these. */
  readonly syncSeconds = new Histogram(bounds);
  /** Both together, until the file has its name. */
  readonly saveSeconds = new Histogram(bounds);
}

/** Who wants to know. */
export interface SnapMeter {
  readonly clock: Clock;
  readonly stats: SnapStats;
}
