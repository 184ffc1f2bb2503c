/**
 * Removes what compactions gave up, in slices between the turns (etcd's scheduleCompaction): a batch, then a pause, so that requests pass
 * in between. A removal that a stop or a crash has cut off goes on at the next start. When to compact is for others to decide.
 */
import type { Backend } from "../backend/backend.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { goDurationText, goSizeText } from "../lib/go-units.ts";
import type { Clock, Logger, Timer, Timers } from "../lib/ports.ts";
import type { CompactionStats } from "./compaction-stats.ts";

/** The part of the store that compacts. */
export interface CompactingStore {
  readonly isCompacting: boolean;
  /** No slice would make progress now. */
  readonly isCompactionWaiting: boolean;
  readonly compactRevision: number;
  readonly logicalBytes: number;
  readonly freedBytes: number;
  /** Looks at so many records at most and removes those that are given up; true when all of them are gone. */
  compactSlice(recordsMax: number): boolean;
}

export interface CompactorOptions {
  readonly store: CompactingStore;
  readonly backend: Pick<Backend, "isCommitting" | "pendingOps">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Records of a batch (--compaction-batch-limit). */
  readonly batchRecordsMax: number;
  /** Pause between two batches (--compaction-sleep-interval). */
  readonly sleepMs: number;
  /** A slice has changed the backend's open batch. */
  readonly onProgress: () => void;
  /** Somebody waits for the end of the removal to be on disk. */
  readonly commitNow: () => void;
  /** Corruption that a slice has met: the end of the member. */
  readonly onError: (error: Error) => void;
  readonly stats?: CompactionStats;
}

/** Told without an error once the removal is finished and on disk. */
export type CompactionWaiter = (error?: EtcdErrorKind) => void;

/** Records of a slice: some milliseconds. A larger batch takes several turns. */
const sliceRecordsMax = 1000;

/** How often to look whether the hash of a compaction is there. */
const waitMs = 1;

export class Compactor {
  private readonly options: CompactorOptions;
  private timer: Timer | undefined;
  private isStopped = false;
  private readonly waiting: CompactionWaiter[] = [];
  /** Commits of the backend that must complete until the last finished removal is on disk. */
  private commitsLeft = 0;
  private startMs = 0;
  /** Records of the batch that is under way. */
  private batchRecords = 0;

  constructor(options: CompactorOptions) {
    this.options = options;
  }

  /** At the member's start: goes on with what was cut off. */
  resume(): void {
    const { store, logger } = this.options;
    if (!store.isCompacting) return;
    logger.info("resume scheduled compaction", {
      "scheduled-compact-revision": store.compactRevision,
    });
    this.schedule();
  }

  /** A compaction was applied. Removal begins in a later turn. */
  schedule(): void {
    if (this.isStopped || this.timer !== undefined) return;
    this.startMs = this.options.clock.monotonicMs();
    this.after(0);
  }

  /** `waiter` runs when nothing is left to remove and that is on disk; perhaps now. */
  done(waiter: CompactionWaiter): void {
    if (this.isStopped) waiter("Stopped");
    else if (this.options.store.isCompacting || this.commitsLeft > 0) this.waiting.push(waiter);
    else waiter();
  }

  /** A commit of the backend has completed. */
  committed(): void {
    if (this.commitsLeft === 0) return;
    this.commitsLeft = this.options.backend.pendingOps === 0 ? 0 : this.commitsLeft - 1;
    this.tell();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.timer = undefined;
    for (const waiter of this.waiting.splice(0)) waiter("Stopped");
  }

  private tell(): void {
    if (this.commitsLeft > 0 || this.options.store.isCompacting) return;
    for (const waiter of this.waiting.splice(0)) waiter();
  }

  private after(delayMs: number): void {
    this.timer = this.options.timers.after(delayMs, () => {
      this.timer = undefined;
      try {
        this.slice();
      } catch (error) {
        this.options.onError(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  private slice(): void {
    const { store, batchRecordsMax, sleepMs, onProgress, clock, stats } = this.options;
    if (store.isCompactionWaiting) {
      this.after(waitMs);
      return;
    }
    const records = Math.min(sliceRecordsMax, batchRecordsMax - this.batchRecords);
    const sinceMs = clock.monotonicMs();
    const isFinished = store.compactSlice(records);
    stats?.pausesMs.observe(clock.monotonicMs() - sinceMs);
    onProgress();
    if (isFinished) {
      this.batchRecords = 0;
      this.finish();
      return;
    }
    this.batchRecords += records;
    const isBatchOver = this.batchRecords >= batchRecordsMax;
    if (isBatchOver) this.batchRecords = 0;
    this.after(isBatchOver ? sleepMs : 0);
  }

  private finish(): void {
    const { store, backend, logger, clock, stats } = this.options;
    const { logicalBytes, freedBytes } = store;
    const tookMs = clock.monotonicMs() - this.startMs;
    stats?.totalMs.observe(tookMs);
    if (stats !== undefined) stats.lastUnixSeconds = Math.trunc(clock.unixMs() / 1000);
    logger.info("finished scheduled compaction", {
      "compact-revision": store.compactRevision,
      took: goDurationText(tookMs),
      "current-db-size-bytes": logicalBytes + freedBytes,
      "current-db-size": goSizeText(logicalBytes + freedBytes),
      "current-db-size-in-use-bytes": logicalBytes,
      "current-db-size-in-use": goSizeText(logicalBytes),
    });
    // The end of the removal stands in the open batch; one that is in flight comes before it.
    const { isCommitting, pendingOps } = backend;
    this.commitsLeft = pendingOps === 0 ? 0 : isCommitting ? 2 : 1;
    if (this.waiting.length > 0) this.options.commitNow();
    this.tell();
  }
}
