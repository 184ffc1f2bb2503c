/**
 * Writes batches behind each other into the last segment, and goes on in the next one when it is full (wal/wal.go, cut). One write
 * is in flight; its owner (wal.ts) sees to that. Errors come as DiskError and are final.
 */
import { diskError } from "../lib/disk-error.ts";
import type { DurableFile, Fs, Logger, Timers } from "../lib/ports.ts";
import { truncateDurably, writeDurably } from "./segment-file.ts";
import type { SegmentList } from "./segment-list.ts";
import { segmentOf } from "./segment-name.ts";
import { SegmentPreparer } from "./segment-preparer.ts";
import type { WalMeter } from "./wal-stats.ts";
import type { WriteBatch } from "./write-batch.ts";

export interface SegmentWriterOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly segmentBytes: number;
  readonly meter?: WalMeter;
}

/** The last segment, open, and the place in it behind the last record. */
export interface WritePosition {
  readonly segments: SegmentList;
  readonly file: DurableFile;
  readonly offset: number;
}

/**
 * How full a file is when the next one is prepared: late enough that a start, or a member with little to do, does not write 64 MB of
 * zeros, and early enough that a busy one (a file in 3 s) has it in time (0.5 s).
 */
const prepareAt = 0.25;

type Done = (error: Error | null) => void;

export class SegmentWriter {
  private readonly dir: string;
  private readonly options: SegmentWriterOptions;
  private readonly segments: SegmentList;
  private readonly preparer: SegmentPreparer;
  private readonly batch: WriteBatch;
  private readonly done: Done;
  private file: DurableFile;
  private offset: number;

  /** `done` runs behind every write. */
  constructor(
    dir: string,
    at: WritePosition & { readonly batch: WriteBatch },
    options: SegmentWriterOptions,
    done: Done,
  ) {
    this.dir = dir;
    this.options = options;
    this.segments = at.segments;
    this.preparer = new SegmentPreparer(dir, options);
    this.batch = at.batch;
    this.done = done;
    this.file = at.file;
    this.offset = at.offset;
  }

  /** Makes what the batch has encoded durable. */
  write(): void {
    const { encoder } = this.batch;
    this.count(encoder.length);
    this.file.write(encoder.bytes, encoder.length, this.offset, this.onWritten);
  }

  private count(bytes: number): void {
    const { meter } = this.options;
    if (meter !== undefined) meter.stats.writtenBytes += bytes;
  }

  async close(): Promise<void> {
    await this.preparer.close();
    await this.file.close();
  }

  private readonly onWritten: Done = (error) => {
    if (error !== null) {
      this.done(diskError(`cannot write ${this.segments.lastPath}`, error));
      return;
    }
    this.offset += this.batch.encoder.length;
    const { segmentBytes } = this.options;
    if (this.offset >= segmentBytes * prepareAt) this.preparer.start();
    if (this.offset < segmentBytes) {
      this.done(null);
      return;
    }
    this.cut().then(
      () => this.done(null),
      (reason: unknown) => {
        this.done(diskError(`cannot begin the next log file in ${this.dir}`, reason));
      },
    );
  };

  /**
   * Goes on in the next file: its head is durable and the full file ends with its last record before the new name is
   * there, so that a reader never sees a file without a head, or a gap in the chain of sums.
   */
  private async cut(): Promise<void> {
    const { fs, logger } = this.options;
    const { dir, batch, segments } = this;
    const temporary = await this.preparer.take();
    const next = await fs.openDurable(temporary);
    batch.encodeHead();
    await writeDurably(next, batch.encoder.bytes, batch.encoder.length);
    this.count(batch.encoder.length);
    const segment = segmentOf(segments.last.sequence + 1, batch.lastIndex + 1);
    await segments.lock(temporary, segment);
    await truncateDurably(fs, segments.lastPath, this.offset);
    await fs.rename(temporary, `${dir}/${segment.name}`);
    await fs.syncDir(dir);
    const old = this.file;
    this.file = next;
    this.offset = batch.encoder.length;
    segments.add(segment);
    await old.close();
    logger.info("created a new WAL segment", { path: segments.lastPath });
  }
}
