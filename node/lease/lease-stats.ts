/** What leases count for /metrics (etcd lease/metrics.go), over all states that a member has had: plain numbers, read when somebody asks. */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";

export class LeaseStats {
  granted = 0;
  /** By whomever: a client, or the leader because the time was over. */
  revoked = 0;
  /** By this member, as the leader. */
  renewed = 0;
  /** Revocations that this member, as the leader, has proposed because the time was over. */
  expired = 0;
  /** Times to live as they were granted. */
  readonly ttlSeconds = new Histogram(exponentialBuckets(1, 2, 24));
}
