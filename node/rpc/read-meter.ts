/**
 * Measures reads for /metrics, from the arrival of the request to the bytes of its answer, and tells of those that took long
 * (etcdserver/txn/util.go, WarnOfExpensiveReadOnlyRangeRequest).
 */
import { goDurationText } from "../lib/go-units.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import type { RangeRequestView } from "../proto/range-request.ts";
import type { RequestStats } from "../server/request-stats.ts";
import { rangeText } from "./range-text.ts";

export interface ReadMeterOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: RequestStats;
}

export class ReadMeter {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly stats: RequestStats;

  constructor({ clock, logger, stats }: ReadMeterOptions) {
    this.clock = clock;
    this.logger = logger;
    this.stats = stats;
  }

  /** Monotonic milliseconds. */
  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** A Range that came at `sinceMs` ends without having been read. */
  rangeRefused(sinceMs: number): void {
    this.stats.rangeSeconds.observe(false, (this.nowMs - sinceMs) / 1000);
  }

  /** A Range that came at `sinceMs`, and was being read since `readMs`, ends. */
  rangeEnded(sinceMs: number, readMs: number, isSuccess: boolean, request: RangeRequestView): void {
    const { stats, nowMs } = this;
    stats.rangeReadSeconds.observe(isSuccess, (nowMs - readMs) / 1000);
    stats.rangeSeconds.observe(isSuccess, (nowMs - sinceMs) / 1000);
    const tookMs = nowMs - sinceMs;
    if (tookMs > stats.warnApplyMs) this.slow(tookMs, "read-only range ", rangeText(request));
  }

  /** A transaction that only reads, and might since `sinceMs`, ends. */
  txnEnded(sinceMs: number, isSuccess: boolean): void {
    const { stats } = this;
    const tookMs = this.nowMs - sinceMs;
    stats.readTxnSeconds.observe(isSuccess, tookMs / 1000);
    if (tookMs > stats.warnApplyMs) this.slow(tookMs, "read-only txn ", "");
  }

  private slow(tookMs: number, prefix: string, request: string): void {
    const { logger, stats } = this;
    stats.slowReads += 1;
    logger.warn("apply request took too long", {
      took: goDurationText(tookMs),
      "expected-duration": goDurationText(stats.warnApplyMs),
      prefix,
      request,
      response: "",
    });
  }
}
