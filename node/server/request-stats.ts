/**
 * How long requests take, for /metrics (etcd etcdserver/metrics.go, txn/metrics.go). Kinds of requests are the fields of InternalRaftRequest;
 * reads, which are no entries, have histograms of their own.
 */
import { exponentialBuckets, Histogram, OutcomeTimes } from "../lib/histogram.ts";

const applyBounds = exponentialBuckets(0.0001, 2, 20);
const requestBounds = exponentialBuckets(0.001, 2, 14);

/** Reads of one sort. */
export class ReadTimes {
  readonly succeeded: Histogram;
  readonly failed: Histogram;

  constructor(bounds: readonly number[]) {
    this.succeeded = new Histogram(bounds);
    this.failed = new Histogram(bounds);
  }

  observe(isSuccess: boolean, seconds: number): void {
    (isSuccess ? this.succeeded : this.failed).observe(seconds);
  }
}

/** etcd's DefaultWarningApplyDuration. */
const warnApplyMsDefault = 100;

export class RequestStats {
  /** Applying an entry, on every member: from its first slice to its last. */
  readonly applySeconds = new OutcomeTimes(applyBounds);
  /** A client's request on its way through the log, on the member that it came to. What was applied and refused has succeeded, as on etcd. */
  readonly proposalSeconds = new OutcomeTimes(requestBounds);
  /** A Range, from its arrival, and its reading alone. */
  readonly rangeSeconds = new ReadTimes(requestBounds);
  readonly rangeReadSeconds = new ReadTimes(applyBounds);
  /** A transaction that only reads, from the moment at which it may. */
  readonly readTxnSeconds = new ReadTimes(requestBounds);
  /** Reads that took longer than --warning-apply-duration. */
  slowReads = 0;
  /** --warning-apply-duration. */
  readonly warnApplyMs: number;

  constructor(warnApplyMs = warnApplyMsDefault) {
    this.warnApplyMs = warnApplyMs;
  }
}
