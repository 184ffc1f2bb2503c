/**
 * The backend in memory, for the simulator and for tests: the same contract and the same asserts as the one on LevelDB,
 * deterministic, with time only from the Timers port. What a member keeps over a restart lies in a `MemoryDisk`, which
 * changes by whole batches only; a crash drops the rest.
 */
import { assert } from "../lib/assert.ts";
import { cloneBytes } from "../lib/bytes.ts";
import type { Timers } from "../lib/ports.ts";
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
import { type BucketEntry, Buckets, bucketNamesAll } from "./buckets.ts";
import { damaged } from "./damage.ts";
import { recordKeyBytes } from "./layout.ts";
import type { MemoryBatch, MemoryDisk, MemoryRecord } from "./memory-disk.ts";
import { MemorySnapshot } from "./memory-snapshot.ts";
import { RecordEncoder, recordFault, recordSeed, storedKeyValue } from "./record.ts";
import { RecordReader } from "./record-reader.ts";
import { WriteOrder } from "./write-order.ts";

const sliceRecords = 1000;

export interface MemoryBackendOptions {
  readonly timers: Timers;
  /** Drawn for each commit: milliseconds until it is durable. 0, and the default, is the end of the turn. */
  readonly commitDelayMs?: () => number;
}

export class MemoryBackend implements Backend, BackendDisk {
  private readonly disk: MemoryDisk;
  private readonly life: number;
  private readonly timers: Timers;
  private readonly commitDelayMs: () => number;
  private readonly buckets = new Buckets();
  private readonly encoder = new RecordEncoder();
  private readonly order: WriteOrder;
  private batch: MemoryBatch = emptyBatch();
  private inFlight: MemoryBatch | undefined;
  private flight: Promise<void> | undefined;
  private state: "usable" | "failed" | "closed" = "usable";
  private isClosing = false;

  /** Takes the disk over from the backend that had it: a commit of that one that is still in flight is lost. */
  constructor(disk: MemoryDisk, options: MemoryBackendOptions) {
    disk.crash("lost");
    this.disk = disk;
    this.life = disk.life;
    this.timers = options.timers;
    this.commitDelayMs = options.commitDelayMs ?? (() => 0);
    for (const name of bucketNamesAll) {
      for (const { key, value } of disk.buckets.entries(name)) this.buckets.put(name, key, value);
    }
    this.order = new WriteOrder(disk.lastPlace, disk.position);
  }

  get committed(): AppliedPosition {
    return this.disk.position;
  }

  get pendingOps(): number {
    return this.batch.ops + (this.inFlight?.ops ?? 0);
  }

  get pendingBytes(): number {
    return this.batch.bytes + (this.inFlight?.bytes ?? 0);
  }

  get isCommitting(): boolean {
    return this.inFlight !== undefined;
  }

  append(
    main: Revision,
    sub: number,
    kind: RecordKind,
    keyValue: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.assertUsable();
    this.order.record(main, sub);
    const value = cloneBytes(
      this.encoder.encode(recordSeed(main, sub), kind, keyValue, start, end),
    );
    this.batch.records.push({ main, sub, value });
    this.count(value.length);
  }

  read(main: Revision, sub: number): Uint8Array {
    assert(this.state !== "closed", "backend: read after close");
    this.order.assertCommitted(main, sub);
    const record = this.disk.find(main, sub);
    if (record === undefined) throw damaged(this.disk.name, `revision ${main}/${sub} is missing`);
    return storedKeyValue(this.checked(record));
  }

  async scan(visit: RecordVisitor): Promise<void> {
    assert(
      this.state === "usable" && this.pendingOps === 0 && !this.isCommitting,
      "backend: scan after writing",
    );
    await this.visitSlices(this.disk.records.length, visit);
  }

  async scanCommitted(upTo: Revision, visit: RecordVisitor): Promise<void> {
    assert(!this.isClosing, "backend: scan after close");
    await this.visitSlices(this.disk.countUpTo(upTo), visit);
  }

  remove(main: Revision, sub: number): void {
    this.assertUsable();
    this.order.assertCommitted(main, sub);
    const record = this.disk.find(main, sub);
    assert(record !== undefined, "backend: removal of a record that is not there", main);
    const isGoing = this.batch.removed.has(record) || this.inFlight?.removed.has(record) === true;
    assert(!isGoing, "backend: a record is removed twice", main);
    this.batch.removed.add(record);
    this.count(recordKeyBytes);
  }

  put(bucket: BucketName, key: Uint8Array, value: Uint8Array): void {
    this.assertUsable();
    const stored = this.buckets.put(bucket, key, value);
    this.batch.bucketOps.push({ bucket, key: cloneBytes(key), value: cloneBytes(value) });
    this.count(stored.key.length + stored.value.length);
  }

  delete(bucket: BucketName, key: Uint8Array): void {
    this.assertUsable();
    const storedKey = this.buckets.delete(bucket, key);
    if (storedKey === undefined) return;
    this.batch.bucketOps.push({ bucket, key: cloneBytes(key), value: undefined });
    this.count(storedKey.length);
  }

  get(bucket: BucketName, key: Uint8Array): Uint8Array | undefined {
    return this.buckets.get(bucket, key);
  }

  entries(bucket: BucketName): readonly BucketEntry[] {
    return this.buckets.entries(bucket);
  }

  /** After a crash of the disk, or when another backend took it over, `done` never runs. */
  commit(position: AppliedPosition, done: (error: Error | null) => void): void {
    assert(!this.isCommitting, "backend: commit while one is in flight");
    this.assertUsable();
    const place = this.order.seal(position);
    const batch = this.batch;
    batch.position = position;
    this.batch = emptyBatch();
    this.inFlight = batch;
    this.disk.begin(batch, this.life);
    this.flight = new Promise((landed) => {
      const finish = (): void => {
        const outcome = this.disk.finish(batch);
        if (outcome === "gone") return;
        this.inFlight = undefined;
        this.flight = undefined;
        if (outcome === null) this.order.landed(place);
        else this.state = "failed";
        landed();
        done(outcome);
      };
      const delayMs = this.commitDelayMs();
      if (delayMs > 0) this.timers.after(delayMs, finish);
      else this.timers.endOfTurn(finish);
    });
  }

  get identity(): string {
    return `${this.disk.serial}.${this.disk.batches}`;
  }

  get isClosed(): boolean {
    return this.state === "closed";
  }

  openSnapshot(): StateSnapshot {
    assert(!this.isClosing, "backend: snapshot after close");
    return new MemorySnapshot(this.disk, this.timers, () => this.isClosing);
  }

  async sizeOnDisk(): Promise<number> {
    return this.disk.records.reduce((bytes, { value }) => bytes + recordKeyBytes + value.length, 0);
  }

  async compactDisk(): Promise<void> {}

  async close(): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    await this.flight;
    this.state = "closed";
    this.batch = emptyBatch();
  }

  /** Visits the first `count` of the records that are durable now, whatever happens to the disk meanwhile. */
  private async visitSlices(count: number, visit: RecordVisitor): Promise<void> {
    const reader = new RecordReader(this.disk.name, visit);
    const { records } = this.disk;
    for (let at = 0; at < count; at++) {
      if (at > 0 && at % sliceRecords === 0)
        await new Promise<void>((next) => this.timers.after(0, next));
      if (this.isClosing) throw new Error(`backend ${this.disk.name} was closed during a scan`);
      const { main, sub, value } = records[at] as MemoryRecord;
      reader.record(main, sub, value);
    }
  }

  private assertUsable(): void {
    assert(this.state === "usable", "backend: write to a backend that has", this.state);
  }

  private checked(record: MemoryRecord): Uint8Array {
    const fault = recordFault(record.value, recordSeed(record.main, record.sub));
    if (fault !== undefined)
      throw damaged(this.disk.name, `revision ${record.main}/${record.sub}: ${fault}`);
    return record.value;
  }

  private count(bytes: number): void {
    this.batch.ops++;
    this.batch.bytes += bytes;
  }
}

function emptyBatch(): MemoryBatch {
  return { records: [], removed: new Set(), bucketOps: [], ops: 0, bytes: 0, position: undefined };
}
