/**
 * The write-ahead log, in etcd's byte format (server/storage/wal): the one place where an acknowledged write is safe.
 * This file owns the order of writes and the change from file to file. It does not own the bytes of a record
 * (record-encoder.ts), reading (segment-reader.ts, replay.ts), or the judgement of a torn tail (torn-tail.ts).
 *
 *     save, saveSnapshot, flush ──▶ waiting ──▶ one durable write ──▶ [file full: cut] ──▶ callbacks ──▶ waiting ...
 *
 * Everything that waits goes out in one write. Every write ends with the hard state, changed or not: torn-tail.ts can
 * tell by it where a write ended. An error is final: all callbacks get it, and the member stops.
 */
import { assert } from "../lib/assert.ts";
import { parentDir } from "../lib/durable-dir.ts";
import type { DurableFile, Fs, Logger, Timers } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Entry, HardState } from "../raft/types.ts";
import { RecordEncoder } from "./record-encoder.ts";
import { emptyHardState, isEmptyHardState, Replay, SnapshotScan } from "./replay.ts";
import { createZeroed, emptyDir, mendTail, truncateDurably, writeDurably } from "./segment-file.ts";
import { SegmentList } from "./segment-list.ts";
import {
  checkSequence,
  listSegments,
  type Segment,
  segmentOf,
  selectSegment,
} from "./segment-name.ts";
import { SegmentPreparer } from "./segment-preparer.ts";
import { readSegments } from "./segment-reader.ts";
import { encodeMetadata, type WalMetadata, type WalSnapshot } from "./walpb.ts";

export type { WalMetadata, WalSnapshot };

export interface WalOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  /** A file that has reached this size is followed by the next one; etcd's is 64,000,000. */
  readonly segmentBytes: number;
  /** Released files are removed while more than this many are there; 0 keeps all. */
  readonly maxWals: number;
}

export interface WalContent {
  readonly metadata: WalMetadata;
  /**
   * The last one written; all zero when there is none. Its commit may lag. Its term is below the last entry's when a crash
   * kept the entries of a write and lost the state behind them; neither was acknowledged then (the same in etcd).
   */
  readonly hardState: HardState;
  /** Entries behind the snapshot; those above `hardState.commit` may still be overwritten. */
  readonly entries: Entry[];
}

export type Done = (error: Error | null) => void;

/**
 * How full a file is when the next one is prepared: late enough that a start, or a member with little to do, does not write 64 MB of
 * zeros, and early enough that a busy one (a file in 3 s) has it in time (0.5 s).
 */
const prepareAt = 0.25;

const noEntries: readonly Entry[] = [];
const noCallbacks: readonly Done[] = [];

/** What a log ready for appending starts from. */
interface Position {
  readonly segments: readonly Segment[];
  readonly metadataBytes: Uint8Array;
  readonly hardState: HardState;
  readonly lastIndex: LogIndex;
  readonly file: DurableFile;
  readonly offset: number;
  readonly crc: number;
}

export class Wal {
  private readonly dir: string;
  private readonly options: WalOptions;
  private readonly metadataBytes: Uint8Array;
  private readonly segments: SegmentList;
  private readonly preparer: SegmentPreparer;
  private readonly encoder: RecordEncoder;
  /** The last file, and where the next write begins in it. */
  private file: DurableFile;
  private offset: number;
  /** The last one that went into a write. */
  private hardState: HardState;
  /** Index of the last entry, or of a later snapshot. */
  private lastIndex: LogIndex;

  /** Waiting for the next write. The state must not get to disk before the entries it was saved with. */
  private nextState: HardState | undefined;
  private entries: readonly Entry[] = noEntries;
  private saveDone: Done | undefined;
  private snapshots: WalSnapshot[] = [];
  private callbacks: Done[] = [];

  /** In flight: a write, or a cut. */
  private isWriting = false;
  private savingDone: Done | undefined;
  private savingCallbacks: readonly Done[] = noCallbacks;

  private failure: Error | undefined;
  private isClosed = false;

  private constructor(dir: string, at: Position, options: WalOptions) {
    assert(options.segmentBytes > 0, "segmentBytes must be positive", options.segmentBytes);
    this.dir = dir;
    this.options = options;
    this.metadataBytes = at.metadataBytes;
    this.segments = new SegmentList(dir, at.segments, options);
    this.preparer = new SegmentPreparer(dir, options);
    this.encoder = new RecordEncoder(at.crc);
    this.file = at.file;
    this.offset = at.offset;
    this.hardState = at.hardState;
    this.lastIndex = at.lastIndex;
  }

  /** The directory holds at least one log file. */
  static async exists(fs: Fs, dir: string): Promise<boolean> {
    return (await listSegments(fs, dir)).length > 0;
  }

  /** Creates the log beside its place and renames it there, so that it is there wholly or not at all. */
  static async create(dir: string, metadata: WalMetadata, options: WalOptions): Promise<Wal> {
    const { fs, segmentBytes } = options;
    if (await Wal.exists(fs, dir)) throw new Error(`wal: ${dir} holds a log already`);
    const temporary = `${dir}.tmp`;
    await emptyDir(fs, dir);
    await emptyDir(fs, temporary);
    await fs.makeDir(temporary);
    const segment = segmentOf(0, 0);
    const path = `${temporary}/${segment.name}`;
    await createZeroed(fs, path, segmentBytes);
    const metadataBytes = encodeMetadata(metadata);
    const encoder = new RecordEncoder(0);
    encoder.handOver();
    encoder.metadata(metadataBytes);
    encoder.snapshot({ index: 0 as LogIndex, term: emptyHardState.term });
    const file = await fs.openDurable(path);
    await writeDurably(file, encoder.bytes, encoder.length);
    await fs.syncDir(temporary);
    await fs.rename(temporary, dir);
    await fs.syncDir(parentDir(dir));
    const at = {
      segments: [segment],
      metadataBytes,
      hardState: emptyHardState,
      lastIndex: 0 as LogIndex,
    };
    return new Wal(dir, { ...at, file, offset: encoder.length, crc: encoder.crc }, options);
  }

  /**
   * Reads everything behind the snapshot `from`, whose record must be in the log, and makes the log ready for
   * appending. The rest of a write that a crash interrupted is cut off the last file. Throws CorruptionError.
   */
  static async open(
    dir: string,
    from: WalSnapshot,
    options: WalOptions,
  ): Promise<{ wal: Wal; content: WalContent }> {
    const { fs } = options;
    const segments = await listSegments(fs, dir);
    if (segments.length === 0) throw new Error(`wal: ${dir} holds no log`);
    const first = selectSegment(dir, segments, from.index);
    const replay = new Replay(from);
    const paths = segments.slice(first).map((segment) => `${dir}/${segment.name}`);
    const tail = await readSegments(fs, paths, replay.visit);
    const metadata = replay.finish(dir);
    await mendTail(options, tail);
    for (const name of await fs.readDir(dir)) {
      if (name.endsWith(".tmp")) await fs.remove(`${dir}/${name}`);
    }
    // The process may have been killed between a rename and its becoming durable.
    await fs.syncDir(dir);
    await fs.syncDir(parentDir(dir));
    const { hardState, entries, lastIndex } = replay;
    const metadataBytes = replay.metadataBytes as Uint8Array;
    const file = await fs.openDurable(tail.path);
    const at = {
      segments,
      metadataBytes,
      hardState,
      lastIndex,
      file,
      offset: tail.end,
      crc: tail.crc,
    };
    return { wal: new Wal(dir, at, options), content: { metadata, hardState, entries } };
  }

  /** The snapshots that the log knows and that were committed, oldest first. Changes nothing on disk. */
  static async snapshotsIn(dir: string, options: WalOptions): Promise<WalSnapshot[]> {
    const segments = await listSegments(options.fs, dir);
    if (segments.length === 0) throw new Error(`wal: ${dir} holds no log`);
    checkSequence(dir, segments);
    const scan = new SnapshotScan();
    const paths = segments.map((segment) => `${dir}/${segment.name}`);
    await readSegments(options.fs, paths, scan.visit);
    return scan.valid();
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
    let isUrgent = entries.length > 0;
    if (hardState !== undefined) {
      const before = this.nextState ?? this.hardState;
      const { term, vote, commit } = hardState;
      isUrgent ||= term !== before.term || vote !== before.vote;
      if (isUrgent || commit !== before.commit) this.nextState = hardState;
    }
    if (!isUrgent) {
      queueMicrotask(() => done(this.failure ?? null));
      return;
    }
    this.entries = entries;
    this.saveDone = done;
    this.pump();
  }

  /** Makes a hard state durable that only moved its commit. */
  flush(done: Done): void {
    this.callbacks.push(done);
    this.pump();
  }

  /** Records that a snapshot was saved; it may run behind a save in flight. */
  saveSnapshot(snapshot: WalSnapshot, done: Done): void {
    assert(!this.isClosed, "saveSnapshot on a closed log");
    const isComplete = snapshot.confState !== undefined || snapshot.index === 0;
    assert(isComplete, "a snapshot record needs its conf state", snapshot.index);
    this.snapshots.push(snapshot);
    this.callbacks.push(done);
    this.pump();
  }

  /**
   * Nothing before `index` is needed any more: files that end below it may be removed, in the background. Call it only
   * when a synced backend commit covers `index`, and a snapshot record at or above it is durable.
   */
  releaseTo(index: LogIndex): void {
    this.segments.releaseTo(index);
  }

  /** Resolves when all files that may go are gone. */
  purge(): Promise<void> {
    return this.segments.purge();
  }

  /** Waits for what is in flight, writes what is buffered, closes the files. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    // A failure was told to its save already, and there is nothing left to lose.
    await new Promise<void>((resolve) => this.flush(() => resolve()));
    await this.preparer.close();
    await this.segments.purge();
    await this.file.close();
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
    const hasRecords = this.nextState !== undefined || this.snapshots.length > 0;
    const isNeeded = this.savingDone !== undefined || hasRecords;
    if (this.failure !== undefined || !isNeeded) {
      queueMicrotask(() => this.finish());
      return;
    }
    this.encode();
    const { encoder } = this;
    this.file.write(encoder.bytes, encoder.length, this.offset, this.onWritten);
  }

  /** Snapshots, entries, and the hard state as the last record. */
  private encode(): void {
    const { encoder, entries, snapshots } = this;
    encoder.reset();
    if (snapshots.length > 0) {
      for (const snapshot of snapshots) {
        encoder.snapshot(snapshot);
        if (snapshot.index > this.lastIndex) this.lastIndex = snapshot.index;
      }
      this.snapshots = [];
    }
    if (entries.length > 0) {
      let index: number = (entries[0] as Entry).index;
      assert(index >= 1 && index <= this.lastIndex + 1, "gap before the entries to save", index);
      for (const entry of entries) {
        assert(entry.index === index, "gap between the entries to save", entry.index);
        encoder.entry(entry);
        index += 1;
      }
      this.lastIndex = (index - 1) as LogIndex;
      this.entries = noEntries;
    }
    if (this.nextState !== undefined) {
      this.hardState = this.nextState;
      this.nextState = undefined;
    }
    if (!isEmptyHardState(this.hardState)) encoder.state(this.hardState);
  }

  private readonly onWritten: Done = (error) => {
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.offset += this.encoder.length;
    const { segmentBytes } = this.options;
    if (this.offset >= segmentBytes * prepareAt) this.preparer.start();
    if (this.offset < segmentBytes) {
      this.finish();
      return;
    }
    this.cut().then(
      () => this.finish(),
      (reason: unknown) => this.fail(reason instanceof Error ? reason : new Error(String(reason))),
    );
  };

  private fail(error: Error): void {
    this.failure = error;
    this.options.logger.error("failed to write the log", { dir: this.dir, error: String(error) });
    this.finish();
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

  /**
   * Goes on in the next file (wal/wal.go, cut): its head is durable and the full file ends with its last record before
   * the new name is there, so that a reader never sees a file without a head, or a gap in the chain of sums.
   */
  private async cut(): Promise<void> {
    const { fs, logger } = this.options;
    const { encoder, dir } = this;
    const temporary = await this.preparer.take();
    const next = await fs.openDurable(temporary);
    encoder.reset();
    encoder.handOver();
    encoder.metadata(this.metadataBytes);
    if (!isEmptyHardState(this.hardState)) encoder.state(this.hardState);
    await writeDurably(next, encoder.bytes, encoder.length);
    const full = this.segments.last;
    await truncateDurably(fs, `${dir}/${full.name}`, this.offset);
    const segment = segmentOf(full.sequence + 1, this.lastIndex + 1);
    await fs.rename(temporary, `${dir}/${segment.name}`);
    await fs.syncDir(dir);
    const old = this.file;
    this.file = next;
    this.offset = encoder.length;
    this.segments.add(segment);
    await old.close();
    logger.info("created a new WAL segment", { path: `${dir}/${segment.name}` });
  }
}
