/**
 * The segments on disk, which of them are no longer needed, and their removal in the background: at once when one is released, and
 * every 30 s what could not be removed before (etcdserver/server.go, purgeFile).
 */
import type { Fs, Logger, Timer, Timers } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { SegmentLocks } from "./segment-locks.ts";
import type { Segment } from "./segment-name.ts";

export interface SegmentListOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly maxWals: number;
}

const purgeIntervalMs = 30_000;

export class SegmentList {
  private readonly dir: string;
  private readonly segments: Segment[];
  private readonly locks: SegmentLocks;
  private readonly options: SegmentListOptions;
  private readonly timer: Timer;
  /** That many of the oldest segments are unlocked and may go. */
  private releasable = 0;
  private purging: Promise<void> | undefined;
  private isClosed = false;

  /** All segments are locked. */
  constructor(
    dir: string,
    segments: readonly Segment[],
    locks: SegmentLocks,
    options: SegmentListOptions,
  ) {
    this.dir = dir;
    this.segments = [...segments];
    this.locks = locks;
    this.options = options;
    this.timer = options.timers.every(purgeIntervalMs, () => void this.purge());
  }

  get last(): Segment {
    return this.segments.at(-1) as Segment;
  }

  get lastPath(): string {
    return `${this.dir}/${this.last.name}`;
  }

  /** Locks the file that is about to become the segment: nobody must get it between its renaming and a later lock. */
  lock(path: string, segment: Segment): Promise<void> {
    return this.locks.add(this.options.fs, path, segment.name);
  }

  add(segment: Segment): void {
    this.segments.push(segment);
    void this.purge();
  }

  /** Keeps the last segment that begins before `index`, and all behind it (wal/wal.go, ReleaseLockTo). */
  releaseTo(index: LogIndex): void {
    const kept = this.segments.findLastIndex((segment) => segment.firstIndex < index);
    if (kept <= this.releasable || this.isClosed) return;
    this.releasable = kept;
    void this.purge();
  }

  /** Removes what may go, oldest first, so that a crash leaves no gap. Never rejects: a failure is logged, the next call tries again. */
  async purge(): Promise<void> {
    while (this.purging !== undefined) await this.purging;
    this.purging = this.removeReleased();
    await this.purging;
    this.purging = undefined;
  }

  /** Ends the purging and lets go of all files. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.timer.cancel();
    await this.purge();
    await this.locks.releaseAll();
  }

  private async removeReleased(): Promise<void> {
    const { fs, logger, maxWals } = this.options;
    // More may be released meanwhile: that is the next call's work, as its files are still locked.
    const released = this.segments.slice(0, this.releasable);
    let removed = 0;
    try {
      for (const { name } of released) await this.locks.release(name);
      while (maxWals > 0 && removed < released.length && this.segments.length > maxWals) {
        const path = `${this.dir}/${(this.segments[0] as Segment).name}`;
        if (!(await this.removeUnlocked(path))) break;
        this.segments.shift();
        this.releasable -= 1;
        removed += 1;
        logger.info("purged", { path });
      }
      if (removed > 0) await fs.syncDir(this.dir);
    } catch (error) {
      logger.warn("failed to purge log segments", { dir: this.dir, error: String(error) });
    }
  }

  /** False when another program, such as a backup tool, has locked the file. */
  private async removeUnlocked(path: string): Promise<boolean> {
    const { fs, logger } = this.options;
    const lock = await fs.tryLock(path);
    if (lock === undefined) {
      logger.warn("failed to lock file", { path });
      return false;
    }
    try {
      await fs.remove(path);
    } finally {
      await lock.release();
    }
    return true;
  }
}
