/** The segments on disk, which of them are no longer needed, and their removal in the background. */
import type { Fs, Logger } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Segment } from "./segment-name.ts";

export class SegmentList {
  private readonly dir: string;
  private readonly segments: Segment[];
  private readonly options: { readonly fs: Fs; readonly logger: Logger; readonly maxWals: number };
  /** That many of the oldest segments may go. */
  private releasable = 0;
  private purging: Promise<void> | undefined;

  constructor(
    dir: string,
    segments: readonly Segment[],
    options: { readonly fs: Fs; readonly logger: Logger; readonly maxWals: number },
  ) {
    this.dir = dir;
    this.segments = [...segments];
    this.options = options;
  }

  get last(): Segment {
    return this.segments.at(-1) as Segment;
  }

  add(segment: Segment): void {
    this.segments.push(segment);
    void this.purge();
  }

  /** Keeps the last segment that begins before `index`, and all behind it (wal/wal.go, ReleaseLockTo). */
  releaseTo(index: LogIndex): void {
    const kept = this.segments.findLastIndex((segment) => segment.firstIndex < index);
    if (kept <= this.releasable) return;
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

  private async removeReleased(): Promise<void> {
    const { fs, logger, maxWals } = this.options;
    let removed = 0;
    try {
      while (maxWals > 0 && this.releasable > 0 && this.segments.length > maxWals) {
        const path = `${this.dir}/${(this.segments[0] as Segment).name}`;
        await fs.remove(path);
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
}
