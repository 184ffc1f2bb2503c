/**
 * The write-ahead log, in etcd's byte format (server/storage/wal): the one place where an acknowledged write is safe.
 * This file owns the queue of saves and their callbacks. It does not own the bytes (write-batch.ts, record-encoder.ts), the files
 * (segment-writer.ts, segment-list.ts, wal-files.ts), reading (segment-reader.ts, replay.ts), or the judgement of a torn
 * tail (torn-tail.ts).
 *
 *     save, saveSnapshot, flush ──▶ waiting ──▶ one durable write ──▶ [file full: cut] ──▶ callbacks ──▶ waiting ...
 *
 * Everything that waits goes out in one write. An error is final: all callbacks get it, and the member stops.
 */
import { assert } from "../lib/assert.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Fs, Logger, Timers } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Entry, HardState } from "../raft/types.ts";
import { SnapshotScan } from "./replay.ts";
import { SegmentList } from "./segment-list.ts";
import { SegmentLocks } from "./segment-locks.ts";
import { checkSequence, listSegments } from "./segment-name.ts";
import { readSegments } from "./segment-reader.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { createLog, type OpenLog, openLog, type WalContent } from "./wal-files.ts";
import type { WalMeter } from "./wal-stats.ts";
import type { WalMetadata, WalSnapshot } from "./walpb.ts";
import { WriteBatch } from "./write-batch.ts";

export type { WalContent, WalMetadata, WalSnapshot };

export interface WalOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  /** A file that has reached this size is followed by the next one; etcd's is 64,000,000. */
  readonly segmentBytes: number;
  /** Released files are removed while more than this many are there; 0 keeps all. */
  readonly maxWals: number;
  readonly meter?: WalMeter;
}

export interface WalSurvey {
  readonly metadata: WalMetadata;
  readonly snapshots: readonly WalSnapshot[];
}

export type Done = (error: Error | null) => void;

const noCallbacks: readonly Done[] = [];

export class Wal {
  private readonly segments: SegmentList;
  private readonly batch: WriteBatch;
  private readonly writer: SegmentWriter;
  private readonly meter: WalMeter | undefined;

  /** Waiting for the next write. */
  private saveDone: Done | undefined;
  private callbacks: Done[] = [];

  /** In flight: a write, or a cut. */
  private isWriting = false;
  private savingDone: Done | undefined;
  private savingCallbacks: readonly Done[] = noCallbacks;

  private failure: Error | undefined;
  private isClosed = false;

  private constructor(dir: string, log: OpenLog, options: WalOptions) {
    assert(options.segmentBytes > 0, "segmentBytes must be positive", options.segmentBytes);
    const { file, offset } = log;
    this.segments = new SegmentList(dir, log.segments, log.locks, options);
    this.batch = new WriteBatch(log);
    this.meter = options.meter;
    const { segments, batch } = this;
    this.writer = new SegmentWriter(dir, { segments, batch, file, offset }, options, (error) => {
      if (error !== null) this.failure = error;
      this.finish();
    });
  }

  /** The directory holds at least one log file. */
  static async exists(fs: Fs, dir: string): Promise<boolean> {
    return (await listSegments(fs, dir)).length > 0;
  }

  static async create(dir: string, metadata: WalMetadata, options: WalOptions): Promise<Wal> {
    return new Wal(dir, await createLog(dir, metadata, options), options);
  }

  /**
   * Locks all segments, so that they can be read in peace before `open` is called, which takes the locks over. Throws an Error that
   * names the segment when another process works on the log.
   */
  static lock(fs: Fs, dir: string): Promise<SegmentLocks> {
    return SegmentLocks.take(fs, dir);
  }

  /**
   * Reads everything behind the snapshot `from`, whose record must be in the log, and makes the log ready for appending. The rest of
   * a write that a crash interrupted is cut off the last file. Throws CorruptionError, DiskError, and an Error when it is locked.
   * Precondition: a backend that has applied `from` is durable, as the files before it may go.
   */
  static async open(
    dir: string,
    from: WalSnapshot,
    options: WalOptions,
    locks?: SegmentLocks,
  ): Promise<{ wal: Wal; content: WalContent }> {
    const taken = locks ?? (await Wal.lock(options.fs, dir));
    const { log, content } = await openLog(dir, from, options, taken);
    const wal = new Wal(dir, log, options);
    wal.releaseTo(from.index);
    return { wal, content };
  }

  /**
   * Whose log it is, and the snapshots that it knows and that were committed, oldest first. Changes nothing on disk.
   */
  static async survey(dir: string, options: WalOptions): Promise<WalSurvey> {
    const segments = await listSegments(options.fs, dir);
    if (segments.length === 0) throw new Error(`wal: ${dir} holds no log`);
    checkSequence(dir, segments);
    const scan = new SnapshotScan();
    const paths = segments.map((segment) => `${dir}/${segment.name}`);
    await readSegments(options.fs, paths, scan.visit);
    const { metadata } = scan;
    if (metadata === undefined) throw new CorruptionError(`wal: ${dir} has no metadata record`);
    return { metadata, snapshots: scan.valid() };
  }

  /** A save was accepted whose `done` has not run yet. */
  get isSaving(): boolean {
    return this.saveDone !== undefined || this.savingDone !== undefined;
  }

  /**
   * Writes entries and hard state; `done` runs when they are durable, never before `save` has returned. At most one save
   * at a time. `entries` must not change until then; the first may overwrite earlier ones, and then ends the log there.
   * Without entries, and with term and vote as before, nothing is written: a commit goes out with the next write.
   */
  save(hardState: HardState | undefined, entries: readonly Entry[], done: Done): void {
    assert(!this.isSaving, "a save is in flight already");
    assert(!this.isClosed, "save on a closed log");
    if (!this.batch.add(hardState, entries)) {
      queueMicrotask(() => done(this.failure ?? null));
      return;
    }
    this.saveDone = done;
    this.pump();
  }

  /** Makes a hard state durable that only moved its commit. */
  flush(done: Done): void {
    this.callbacks.push(done);
    this.pump();
  }

  /** Makes durable that the entry at `index`, which is durable itself, is committed. */
  saveCommit(index: LogIndex, done: Done): void {
    assert(!this.isClosed, "saveCommit on a closed log");
    this.batch.raiseCommit(index);
    this.flush(done);
  }

  /** Records that the state at this index, which this member has applied, was saved; it may run behind a save in flight. */
  saveSnapshot(snapshot: WalSnapshot, done: Done): void {
    assert(!this.isClosed, "saveSnapshot on a closed log");
    this.batch.addMark(snapshot);
    this.callbacks.push(done);
    this.pump();
  }

  /**
   * Records a snapshot that came from another member: it ends the log that was here, and `entries` go on behind it. In one write, so that the
   * record counts only together with the hard state that says it is committed; otherwise as `save`.
   */
  saveReceived(
    snapshot: WalSnapshot,
    hardState: HardState | undefined,
    entries: readonly Entry[],
    done: Done,
  ): void {
    assert(!this.isSaving, "a save is in flight already");
    assert(!this.isClosed, "save on a closed log");
    this.batch.addReceived(snapshot, hardState, entries);
    this.saveDone = done;
    this.pump();
  }

  /**
   * Nothing before `index` is needed any more: files that end below it are unlocked, and may be removed, in the background. Call it
   * only when a synced backend commit covers `index`, and a snapshot record at or above it is durable.
   */
  releaseTo(index: LogIndex): void {
    this.segments.releaseTo(index);
  }

  /** Resolves when all files that may go are gone. */
  purge(): Promise<void> {
    return this.segments.purge();
  }

  /** Waits for what is in flight, writes what is buffered, closes and unlocks the files. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    // A failure was told to its save already, and there is nothing left to lose.
    await new Promise<void>((resolve) => this.flush(() => resolve()));
    await this.writer.close();
    await this.segments.close();
  }

  /** Starts the next write if there is something to write and none is in flight. */
  private pump(): void {
    if (this.isWriting || (this.saveDone === undefined && this.callbacks.length === 0)) return;
    this.isWriting = true;
    this.savingDone = this.saveDone;
    this.saveDone = undefined;
    if (this.callbacks.length > 0) {
      this.savingCallbacks = this.callbacks;
      this.callbacks = [];
    }
    if (this.failure !== undefined || !this.batch.hasRecords) {
      queueMicrotask(() => this.finish());
      return;
    }
    const { meter } = this;
    const sinceMs = meter?.clock.monotonicMs() ?? 0;
    this.batch.encode();
    meter?.stats.writeSeconds.observe((meter.clock.monotonicMs() - sinceMs) / 1000);
    this.writer.write();
  }

  /** Tells everybody who waited for the write, then starts the next one. */
  private finish(): void {
    const result = this.failure ?? null;
    const { savingDone, savingCallbacks } = this;
    this.isWriting = false;
    this.savingDone = undefined;
    this.savingCallbacks = noCallbacks;
    if (savingDone !== undefined) savingDone(result);
    for (const done of savingCallbacks) done(result);
    this.pump();
  }
}
