/** What a member counts for /metrics while it works: plain numbers, read when somebody asks. Names in etcd's terms. */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";

export class MemberStats {
  /** Time until a batch of the log was durable. */
  readonly walSyncSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  /** Time of the backend's synced commits. */
  readonly backendCommitSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
}
