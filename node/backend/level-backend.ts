/**
 * The backend on LevelDB. Owns the open batch, the one in flight and the seal that ends each; the byte formats are in
 * layout.ts, record.ts, seal.ts and buckets.ts, LevelDB itself behind level-store.ts.
 *
 * Every batch is written with `sync: true`, one in flight (DESIGN section 2, rule 1). LevelDB copies what is added to a
 * chained batch at once, so that keys and values need one scratch buffer each.
 */
import { assert } from "../lib/assert.ts";
import type { Fs, Logger, Timers } from "../lib/ports.ts";
import type { Revision } from "../lib/units.ts";
import type {
  AppliedPosition,
  Backend,
  BackendDisk,
  BucketName,
  RecordKind,
  RecordVisitor,
} from "./backend.ts";
import type { StateSnapshot } from "./backend-snapshot.ts";
import type { BucketEntry, Buckets } from "./buckets.ts";
import { damaged } from "./damage.ts";
import { dirBytes } from "./dir-bytes.ts";
import {
  formatMarkerKey,
  type KeyRange,
  RevisionKey,
  recordKeyBytes,
  revisionSpace,
  revisionsUpTo,
  writeRecordKey,
} from "./layout.ts";
import { formatMarker, type LoadedState, loadState } from "./level-load.ts";
import { rewriteTables } from "./level-rewrite.ts";
import { LevelSnapshot, type SealedState } from "./level-snapshot.ts";
import { LevelStore, type SharedSnapshot, type WriteBatch } from "./level-store.ts";
import { RecordEncoder, recordFault, recordSeed, storedKeyValue } from "./record.ts";
import { RecordReader } from "./record-reader.ts";
import { ScanCheck } from "./scan-check.ts";
import { zeroPosition } from "./seal.ts";
import { SealChain } from "./seal-chain.ts";
import { SealPlaces } from "./seal-places.ts";
import { WriteOrder } from "./write-order.ts";

const writeBufferBytesDefault = 16 << 20;
const blockCacheBytesDefault = 8 << 20;
/** Seals that one removal, or one commit, takes away in passing: more than are added, so that they catch up. */
const sealsPerRemovalMax = 2;
const sealsPerCommitMax = 64;
/** Between two slices of a scan beside writes. A slice takes 0.5 to 1 ms, so requests that wait get half of the loop or more. */
const scanPauseMs = 1;

export interface LevelBackendOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Size at which LevelDB turns its memtable into a table; up to two are in memory. Default 16 MiB. */
  readonly writeBufferBytes?: number;
  /** LevelDB's cache of blocks that are not memory-mapped. Default 8 MiB. */
  readonly blockCacheBytes?: number;
  /**
   * Never in production: writes batches without `sync`, so that a power cut loses acknowledged state in the middle. Exists
   * so that the power-cut test can show that it notices.
   */
  readonly unsafeNoSync?: boolean;
}

interface Pending {
  ops: number;
  bytes: number;
}

export class LevelBackend implements Backend, BackendDisk {
  private readonly store: LevelStore;
  private readonly timers: Timers;
  private readonly logger: Logger;
  private readonly fs: Fs;
  private readonly isSynced: boolean;
  private readonly buckets: Buckets;
  private readonly recordKey = new Uint8Array(recordKeyBytes);
  private readonly encoder = new RecordEncoder();
  private readonly chain: SealChain;

  /** What the last completed commit sealed. */
  private sealed: SealedState;
  private batch: WriteBatch | undefined;
  private readonly open: Pending = { ops: 0, bytes: 0 };
  private readonly inFlight: Pending = { ops: 0, bytes: 0 };
  private state: "usable" | "failed" | "closed" = "usable";
  private flight: Promise<void> | undefined;
  private readonly order: WriteOrder;
  /** Scans under way; `close` waits until they noticed. */
  private readonly scans = new Set<Promise<void>>();
  private isClosing = false;
  private isFindingSeals = false;
  /** The state before the batch in flight, for a scan that begins meanwhile. */
  private beforeFlight: SharedSnapshot | undefined;

  private constructor(store: LevelStore, loaded: LoadedState, options: LevelBackendOptions) {
    const newest = loaded.newest;
    this.store = store;
    this.timers = options.timers;
    this.logger = options.logger;
    this.fs = options.fs;
    this.isSynced = options.unsafeNoSync !== true;
    this.buckets = loaded.buckets;
    this.chain = new SealChain(newest);
    this.sealed = this.sealedNow(newest?.seal.position ?? zeroPosition);
    this.order = new WriteOrder(newest ?? { main: 0, sub: 0 }, this.committed);
  }

  /**
   * Opens or creates the backend in `dir`: checks all files, the newest seal and all buckets; `scan` checks the rest.
   *
   * A newest log of LevelDB that was cut short, or that lost a sector of its last batch, has lost whole batches from the end. Here
   * that looks the same as commits that never completed: `committed` says an earlier index, and the state is exactly that index's. The
   * caller must find that its log still reaches back to `committed.consistentIndex`, and treat the member as damaged if not:
   * after a crash it always does, since the log is released only behind completed commits.
   *
   * Errors: CorruptionError; an Error that says when another process uses `dir`, or when another version wrote it.
   */
  static async open(dir: string, options: LevelBackendOptions): Promise<LevelBackend> {
    const store = await LevelStore.open(dir, options.fs, {
      writeBufferBytes: options.writeBufferBytes ?? writeBufferBytesDefault,
      blockCacheBytes: options.blockCacheBytes ?? blockCacheBytesDefault,
    });
    try {
      const loaded = await loadState(store);
      const backend = new LevelBackend(store, loaded, options);
      options.logger.info("opened backend", {
        path: dir,
        batches: backend.chain.sequence,
        ...backend.committed,
      });
      if (!backend.isSynced) {
        options.logger.warn("backend does not sync: a power cut will lose data", { path: dir });
      }
      return backend;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get committed(): AppliedPosition {
    return this.sealed.position;
  }

  get pendingOps(): number {
    return this.open.ops + this.inFlight.ops;
  }

  get pendingBytes(): number {
    return this.open.bytes + this.inFlight.bytes;
  }

  get isCommitting(): boolean {
    return this.flight !== undefined;
  }

  append(
    main: Revision,
    sub: number,
    kind: RecordKind,
    keyValue: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.order.record(main, sub);
    writeRecordKey(this.recordKey, main, sub);
    const value = this.encoder.encode(recordSeed(main, sub), kind, keyValue, start, end);
    this.chain.append(main, sub, this.encoder.crc);
    this.add(this.recordKey, value);
  }

  read(main: Revision, sub: number): Uint8Array {
    assert(this.state !== "closed", "backend: read after close");
    this.order.assertCommitted(main, sub);
    writeRecordKey(this.recordKey, main, sub);
    const stored = this.store.get(this.recordKey);
    if (stored === undefined) throw damaged(this.store.dir, `revision ${main}/${sub} is missing`);
    const fault = recordFault(stored, recordSeed(main, sub));
    if (fault !== undefined) throw damaged(this.store.dir, `revision ${main}/${sub}: ${fault}`);
    return storedKeyValue(stored);
  }

  /** Also checks the whole revision space; the visitor sees a batch before its seal is checked, so an error voids it all. */
  async scan(visit: RecordVisitor): Promise<void> {
    assert(
      this.state === "usable" && this.batch === undefined && !this.isCommitting,
      "backend: scan after writing",
    );
    const check = new ScanCheck(this.store.dir, this.chain.newestAtOpen, visit);
    await this.slices(revisionSpace, {}, (entries) => check.entries(entries));
    check.end();
    this.chain.setPlaces(check.places);
  }

  /** Records whose sums are bad are found; that none is missing is what `scan` checks at open. */
  scanCommitted(upTo: Revision, visit: RecordVisitor): Promise<void> {
    assert(!this.isClosing, "backend: scan after close");
    const reader = new RecordReader(this.store.dir, visit);
    const snapshot = this.beforeFlight?.share();
    const pause = (): Promise<void> =>
      new Promise((next) => void this.timers.after(scanPauseMs, next));
    const ended = this.slices(revisionsUpTo(upTo), { snapshot, pause }, (entries) =>
      reader.entries(entries),
    );
    return snapshot === undefined ? ended : ended.finally(() => snapshot.release());
  }

  remove(main: Revision, sub: number): void {
    this.order.assertCommitted(main, sub);
    writeRecordKey(this.recordKey, main, sub);
    this.openBatch().del(this.recordKey);
    this.open.ops++;
    this.open.bytes += recordKeyBytes;
    this.chain.remove(main, sub);
    if (this.chain.arePlacesMissing) this.findSeals();
    this.removeSeals(sealsPerRemovalMax);
  }

  put(bucket: BucketName, key: Uint8Array, value: Uint8Array): void {
    const stored = this.buckets.put(bucket, key, value);
    this.add(stored.key, stored.value);
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    const storedKey = this.buckets.delete(bucket, key);
    if (storedKey === undefined) return;
    this.openBatch().del(storedKey);
    this.open.ops++;
    this.open.bytes += storedKey.length;
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    return this.buckets.get(bucket, key);
  }

  entries(bucket: BucketName): readonly BucketEntry[] {
    return this.buckets.entries(bucket);
  }

  /** `done` runs at the end of a turn, outside any promise, so that what it throws stops the process as a bug should. */
  commit(position: AppliedPosition, done: (error: Error | null) => void): void {
    assert(!this.isCommitting, "backend: commit while one is in flight");
    const batch = this.openBatch();
    const place = this.order.seal(position);
    this.seal(batch, position);
    const sealed = this.sealedNow(position);
    this.batch = undefined;
    this.inFlight.ops = this.open.ops;
    this.inFlight.bytes = this.open.bytes;
    this.open.ops = 0;
    this.open.bytes = 0;
    const before = this.store.snapshot();
    this.beforeFlight = before;
    this.flight = new Promise((landed) => {
      const finish = (error: Error | null): void => {
        this.flight = undefined;
        this.beforeFlight = undefined;
        before.release();
        this.inFlight.ops = 0;
        this.inFlight.bytes = 0;
        if (error === null) {
          this.sealed = sealed;
          this.order.landed(place);
        } else {
          this.state = "failed";
        }
        landed();
        done(error);
      };
      batch.write({ sync: this.isSynced }).then(
        () => this.timers.endOfTurn(() => finish(null)),
        (cause: unknown) => {
          const error = new Error(`backend ${this.store.dir}: a batch could not be written`, {
            cause,
          });
          this.timers.endOfTurn(() => finish(error));
        },
      );
    });
  }

  get identity(): string {
    return this.chain.identity;
  }

  get isClosed(): boolean {
    return this.state === "closed";
  }

  openSnapshot(): StateSnapshot {
    assert(
      this.state === "usable" && !this.isClosing,
      "backend: snapshot of one that has",
      this.state,
    );
    const shared = this.beforeFlight?.share() ?? this.store.snapshot();
    return new LevelSnapshot(this.store, shared, this.sealed, () => this.isClosing);
  }

  sizeOnDisk(): Promise<number> {
    return dirBytes(this.fs, this.store.dir);
  }

  async compactDisk(): Promise<void> {
    assert(this.state === "usable" && !this.isClosing, "backend: use of one that has", this.state);
    await rewriteTables(this.store, this.committed.revision, () => this.isClosing);
  }

  async close(): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    await this.flight;
    this.state = "closed";
    await Promise.allSettled(this.scans);
    this.batch = undefined;
    await this.store.close();
  }

  /** What the seal that was made last says, or the one found at open. */
  private sealedNow(position: AppliedPosition): SealedState {
    const { count, sum } = this.buckets;
    return { position, live: this.chain.live, bucketEntries: count, bucketsSum: sum };
  }

  private openBatch(): WriteBatch {
    assert(this.state === "usable", "backend: write to a backend that has", this.state);
    this.batch ??= this.store.batch();
    return this.batch;
  }

  private add(key: Uint8Array, value: Uint8Array): void {
    this.openBatch().put(key, value);
    this.open.ops++;
    this.open.bytes += key.length + value.length;
  }

  private seal(batch: WriteBatch, position: AppliedPosition): void {
    if (this.chain.sequence === 0) batch.put(formatMarkerKey, formatMarker());
    this.removeSeals(sealsPerCommitMax);
    const { key, bytes } = this.chain.seal(this.order, position, this.buckets);
    batch.put(key, bytes);
  }

  /** Removes up to `max` seals that are no longer needed, with the open batch. */
  private removeSeals(max: number): void {
    for (let n = 0; n < max; n++) {
      const key = this.chain.takeObsolete();
      if (key === undefined) return;
      this.openBatch().del(key);
    }
  }

  /** Once, for a backend that was not scanned at open: finds the seals that are there, from their keys, in the background. */
  private findSeals(): void {
    if (this.isFindingSeals) return;
    this.isFindingSeals = true;
    const key = new RevisionKey();
    const found = new SealPlaces();
    const { sequence: end, main } = this.chain.oldestKnown;
    const visit = (entries: readonly [string, unknown][]): void => {
      for (const [text] of entries) {
        if (key.parse(text) && key.isSeal && key.sequence < end)
          found.push(key.sequence, key.main, key.sub);
      }
    };
    this.slices(revisionsUpTo(main), { values: false }, visit).then(
      () => this.chain.addOlderPlaces(found),
      (error: unknown) => {
        // They only take room; the next full scan says what is wrong.
        if (!this.isClosing)
          this.logger.warn("could not read old seals", { path: this.store.dir, error });
      },
    );
  }

  private async slices(
    range: KeyRange,
    how: {
      readonly snapshot?: SharedSnapshot | undefined;
      readonly values?: boolean;
      readonly pause?: () => Promise<void>;
    },
    visit: (entries: readonly [string, Uint8Array][]) => void,
  ): Promise<void> {
    const ended = this.store.readSlices(range, visit, {
      ...how,
      isStopped: () => this.isClosing,
    });
    this.scans.add(ended);
    try {
      await ended;
    } finally {
      this.scans.delete(ended);
    }
  }
}
