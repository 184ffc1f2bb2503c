/**
 * The disk under a memory backend: the durable image of one member, which outlives its restarts. It changes by whole
 * batches. Also the simulator's handle on the faults of this disk: crash, failed write, rotten bit.
 */
import { assert } from "../lib/assert.ts";
import type { AppliedPosition, BucketName } from "./backend.ts";
import { Buckets } from "./buckets.ts";
import { zeroPosition } from "./seal.ts";
import type { RecordPlace } from "./write-order.ts";

export interface MemoryRecord {
  readonly main: number;
  readonly sub: number;
  /** As record.ts stores it, with its sum. */
  readonly value: Uint8Array;
}

export interface MemoryBatch {
  readonly records: MemoryRecord[];
  /** Of durable records. */
  readonly removed: Set<MemoryRecord>;
  readonly bucketOps: {
    readonly bucket: BucketName;
    readonly key: Uint8Array;
    readonly value: Uint8Array | undefined;
  }[];
  ops: number;
  bytes: number;
  /** Set when the batch is sealed. */
  position: AppliedPosition | undefined;
}

export class MemoryDisk {
  /** Names the disk in errors. */
  readonly name: string;
  /** Tells the disks of one machine apart. */
  readonly serial: number;
  /**
   * All durable records in order. Grows at its end only; a batch that removes records puts a new array in its place, so that the
   * first n of an array that somebody holds never change.
   */
  records: MemoryRecord[] = [];
  /** The last record ever added, removed or not; (0, 0) for none. */
  lastPlace: RecordPlace = { main: 0, sub: 0 };
  /** Counts batches that became durable. */
  batches = 0;
  readonly buckets = new Buckets();
  position: AppliedPosition = zeroPosition;
  /** Counts crashes: a backend that lived before the last one can write no more. */
  life = 0;
  private inFlight: MemoryBatch | undefined;
  private writeError: Error | null = null;

  constructor(name = "memory", serial = 0) {
    this.name = name;
    this.serial = serial;
  }

  /** Power is cut. A batch in flight is lost or made it to the disk; either way nobody hears of it. */
  crash(inFlight: "lost" | "durable"): void {
    if (this.inFlight !== undefined && inFlight === "durable") this.land(this.inFlight);
    this.inFlight = undefined;
    this.life++;
  }

  /** From now on every commit fails; null heals the disk for the next backend on it. */
  failWrites(error: Error | null): void {
    this.writeError = error;
  }

  /** Flips one bit of a durable record's stored value. */
  rot(recordAt: number, bit: number): void {
    const value = this.records[recordAt]?.value;
    const byteAt = Math.floor(bit / 8);
    assert(value !== undefined && byteAt < value.length, "no such bit", bit);
    value[byteAt] = (value[byteAt] ?? 0) ^ (1 << (bit % 8));
  }

  find(main: number, sub: number): MemoryRecord | undefined {
    const found = this.records[this.countBefore(main, sub)];
    return found?.main === main && found.sub === sub ? found : undefined;
  }

  /** Records with main revisions up to `main`. */
  countUpTo(main: number): number {
    return this.countBefore(main + 1, 0);
  }

  private countBefore(main: number, sub: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const record = this.records[middle] as MemoryRecord;
      if (record.main < main || (record.main === main && record.sub < sub)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Called by the backend of this `life`: a sealed batch is on its way. */
  begin(batch: MemoryBatch, life: number): void {
    if (life === this.life) this.inFlight = batch;
  }

  /** Called by the backend when its time is up. Null: durable. "gone": a crash came before. */
  finish(batch: MemoryBatch): Error | null | "gone" {
    if (this.inFlight !== batch) return "gone";
    this.inFlight = undefined;
    if (this.writeError !== null) return this.writeError;
    this.land(batch);
    return null;
  }

  private land(batch: MemoryBatch): void {
    assert(batch.position !== undefined, "an unsealed batch cannot land");
    const { removed } = batch;
    if (removed.size > 0) this.records = this.records.filter((record) => !removed.has(record));
    for (const record of batch.records) this.records.push(record);
    this.lastPlace = batch.records.at(-1) ?? this.lastPlace;
    this.batches++;
    for (const { bucket, key, value } of batch.bucketOps) {
      if (value === undefined) this.buckets.delete(bucket, key);
      else this.buckets.put(bucket, key, value);
    }
    this.position = batch.position;
  }
}
