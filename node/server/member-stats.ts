/**
 * What a member counts for /metrics while it works: plain numbers, read when somebody asks. Names in etcd's terms. It lives as long as the
 * member: a state that another member sends replaces store and leases, and counters must not fall.
 */
import { LeaseStats } from "../lease/lease-stats.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import { KvTotals } from "../mvcc/kv-totals.ts";
import { SnapStats } from "../snap/snap-stats.ts";
import { WalStats } from "../wal/wal-stats.ts";
import { CompactionStats } from "./compaction-stats.ts";
import { ReadIndexStats } from "./read-index.ts";
import { RequestStats } from "./request-stats.ts";
import { ServiceStats } from "./service-stats.ts";

export class MemberStats {
  /** Time until a batch of the log was durable. */
  readonly walSyncSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  /** Time of the backend's synced commits. */
  readonly backendCommitSeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  /** How long a state of the backend was kept open to be sent. */
  readonly backendSnapshotSeconds = new Histogram(exponentialBuckets(0.01, 2, 17));
  /** Time of Maintenance.Hash, and of HashKV. */
  readonly hashSeconds = new Histogram(exponentialBuckets(0.01, 2, 15));
  readonly hashKvSeconds = new Histogram(exponentialBuckets(0.01, 2, 15));
  readonly wal = new WalStats();
  readonly snap = new SnapStats();
  readonly store = new KvTotals();
  readonly leases = new LeaseStats();
  readonly compaction = new CompactionStats();
  readonly requests: RequestStats;
  readonly services = new ServiceStats();
  readonly readIndexes = new ReadIndexStats();
  /** Promotions that this member, as the leader, was asked for; those that failed by their reason. */
  learnerPromotions = 0;
  readonly failedLearnerPromotions = new Map<EtcdErrorKind, number>();

  /** `warnApplyMs`: --warning-apply-duration. */
  constructor(warnApplyMs?: number) {
    this.requests = new RequestStats(warnApplyMs);
  }
}
