/** Prepares the next segment in the background as `0.tmp` or `1.tmp` (wal/file_pipeline.go), one at a time. */
import { assert } from "../lib/assert.ts";
import type { Fs, Logger, Timer, Timers } from "../lib/ports.ts";
import { createZeroed } from "./segment-file.ts";

export interface PreparerOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly segmentBytes: number;
}

/** Rest between two slices of zeros while nobody waits for the file. */
const pauseMs = 4;

export class SegmentPreparer {
  private readonly dir: string;
  private readonly options: PreparerOptions;
  private count = 0;
  private prepared: Promise<string> | undefined;
  private isUrgent = false;
  private isClosed = false;
  private wake: (() => void) | undefined;

  constructor(dir: string, options: PreparerOptions) {
    this.dir = dir;
    this.options = options;
  }

  /** Begins to prepare a segment, unless it has begun already. A failure is logged; `take` tries once more. */
  start(): void {
    if (this.prepared !== undefined) return;
    // Two names in turn: the last one may just be on its way to its final name.
    const path = `${this.dir}/${this.count++ % 2}.tmp`;
    this.prepared = this.prepare(path);
    this.prepared.catch((error: unknown) => {
      this.options.logger.warn("could not prepare the next log segment", {
        path,
        error: String(error),
      });
    });
  }

  /** Path of the prepared file, which the caller renames before it calls `start` again. Waits for it when it must. */
  async take(): Promise<string> {
    this.start();
    const { prepared } = this;
    assert(prepared !== undefined, "no log segment is being prepared");
    this.hurry();
    try {
      return await prepared;
    } catch {
      this.prepared = undefined;
      this.start();
      return await (this.prepared as unknown as Promise<string>);
    } finally {
      this.prepared = undefined;
      this.isUrgent = false;
    }
  }

  /** Stops preparing and removes the unfinished file. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.hurry();
    const path = await this.prepared?.catch(() => undefined);
    if (path !== undefined) await this.options.fs.remove(path);
  }

  private async prepare(path: string): Promise<string> {
    const { fs, segmentBytes } = this.options;
    try {
      await createZeroed(fs, path, segmentBytes, () => this.pause());
    } catch (error) {
      // Most likely the disk is full: give back what was taken.
      await fs.remove(path).catch(() => undefined);
      throw error;
    }
    return path;
  }

  private async pause(): Promise<boolean> {
    if (!this.isUrgent && !this.isClosed) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = this.options.timers.after(pauseMs, resolve);
      });
      this.wake = undefined;
      timer?.cancel();
    }
    return !this.isClosed;
  }

  private hurry(): void {
    this.isUrgent = true;
    this.wake?.();
  }
}
