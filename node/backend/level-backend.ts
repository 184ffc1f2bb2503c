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
import type { AppliedPosition, Backend, BucketName, RecordKind, RecordVisitor } from "./backend.ts";
import type { Buckets } from "./buckets.ts";
import { type BucketEntry } from "./buckets.ts";
import { damaged } from "./damage.ts";
import {
  formatMarkerKey,
  recordKeyBytes,
  revisionSpace,
  sealKey,
  writeRecordKey,
} from "./layout.ts";
import { formatMarker, type LoadedState, loadState } from "./level-load.ts";
import { LevelStore, type WriteBatch } from "./level-store.ts";
import { RecordEncoder, recordFault, recordSeed, storedKeyValue } from "./record.ts";
import { RecordSums } from "./record-sums.ts";
import { ScanCheck } from "./scan-check.ts";
import { encodeSeal, zeroPosition } from "./seal.ts";
import { WriteOrder } from "./write-order.ts";

const writeBufferBytesDefault = 16 << 20;
const blockCacheBytesDefault = 8 << 20;

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

export class LevelBackend implements Backend {
  private readonly store: LevelStore;
  private readonly timers: Timers;
  private readonly isSynced: boolean;
  private readonly buckets: Buckets;
  private readonly recordKey = new Uint8Array(recordKeyBytes);
  private readonly encoder = new RecordEncoder();
  private readonly sums = new RecordSums();

  private position: AppliedPosition;
  private batch: WriteBatch | undefined;
  private readonly open: Pending = { ops: 0, bytes: 0 };
  private readonly inFlight: Pending = { ops: 0, bytes: 0 };
  private state: "usable" | "failed" | "closed" = "usable";
  private flight: Promise<void> | undefined;
  private readonly order: WriteOrder;
  private sequence: number;
  private sealCrc: number;

  private constructor(store: LevelStore, loaded: LoadedState, options: LevelBackendOptions) {
    const newest = loaded.newest;
    this.store = store;
    this.timers = options.timers;
    this.isSynced = options.unsafeNoSync !== true;
    this.buckets = loaded.buckets;
    this.position = newest?.seal.position ?? zeroPosition;
    this.order = new WriteOrder(newest ?? { main: 0, sub: 0 }, this.position);
    this.sequence = newest?.seal.sequence ?? 0;
    this.sealCrc = newest?.crc ?? 0;
  }

  /**
   * Opens or creates the backend in `dir`: checks all table files, the newest seal and all buckets; `scan` checks the rest.
   *
   * A damaged tail of LevelDB's newest log, or a removed newest log, takes whole batches away from the end. Here that looks
   * the same as commits that never completed: `committed` says an earlier index, and the state is exactly that index's. The
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
        batches: backend.sequence,
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
    return this.position;
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
    this.sums.add(this.encoder.crc);
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
    const check = new ScanCheck(this.store.dir, visit);
    await this.store.readSlices(revisionSpace, (entries) => check.entries(entries));
    check.end(this.sequence);
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
    this.batch = undefined;
    this.inFlight.ops = this.open.ops;
    this.inFlight.bytes = this.open.bytes;
    this.open.ops = 0;
    this.open.bytes = 0;
    this.flight = new Promise((landed) => {
      const finish = (error: Error | null): void => {
        this.flight = undefined;
        this.inFlight.ops = 0;
        this.inFlight.bytes = 0;
        if (error === null) {
          this.position = position;
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

  async close(): Promise<void> {
    if (this.state === "closed") return;
    await this.flight;
    this.state = "closed";
    this.batch = undefined;
    await this.store.close();
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
    if (this.sequence === 0) batch.put(formatMarkerKey, formatMarker());
    this.sequence++;
    const key = sealKey(this.order.main, this.order.sub, this.sequence);
    const { bytes, crc } = encodeSeal(key, {
      sequence: this.sequence,
      position,
      records: this.sums.count,
      recordsSum: this.sums.sum(),
      bucketEntries: this.buckets.count,
      bucketsSum: this.buckets.sum,
      previous: this.sealCrc,
    });
    batch.put(key, bytes);
    this.sums.reset();
    this.sealCrc = crc;
  }
}
