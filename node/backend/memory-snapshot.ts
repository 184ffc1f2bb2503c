/** The newest committed state of a memory backend, read while writes go on. */
import type { Timers } from "../lib/ports.ts";
import type { AppliedPosition, BucketName } from "./backend.ts";
import type { StateSnapshot } from "./backend-snapshot.ts";
import type { StateSource, StoredRecord } from "./bbolt/state-source.ts";
import { encodeState } from "./bbolt/state-writer.ts";
import { type BucketEntry, bucketNamesAll } from "./buckets.ts";
import type { MemoryDisk, MemoryRecord } from "./memory-disk.ts";

const sliceRecords = 500;

export class MemorySnapshot implements StateSnapshot, StateSource {
  readonly name: string;
  readonly position: AppliedPosition;
  readonly live = undefined;
  private readonly timers: Timers;
  private readonly isDiskClosing: () => boolean;
  /** The first `count` of these never change (memory-disk.ts); nor does a list of entries that was handed out (buckets.ts). */
  private readonly list: readonly MemoryRecord[];
  private readonly count: number;
  private readonly buckets: ReadonlyMap<BucketName, readonly BucketEntry[]>;
  private isReleased = false;

  constructor(disk: MemoryDisk, timers: Timers, isDiskClosing: () => boolean) {
    this.name = disk.name;
    this.position = disk.position;
    this.timers = timers;
    this.isDiskClosing = isDiskClosing;
    this.list = disk.records;
    this.count = disk.records.length;
    this.buckets = new Map(bucketNamesAll.map((name) => [name, disk.buckets.entries(name)]));
  }

  chunks(): AsyncIterable<Uint8Array> {
    return encodeState(this);
  }

  release(): void {
    this.isReleased = true;
  }

  async bucket(name: BucketName): Promise<readonly BucketEntry[]> {
    this.checkUsable();
    return this.buckets.get(name) ?? [];
  }

  async *records(): AsyncGenerator<readonly StoredRecord[]> {
    for (let at = 0; at < this.count; at += sliceRecords) {
      if (at > 0) await new Promise<void>((next) => void this.timers.after(0, next));
      this.checkUsable();
      yield this.list.slice(at, Math.min(at + sliceRecords, this.count));
    }
  }

  private checkUsable(): void {
    if (this.isReleased || this.isDiskClosing())
      throw new Error(`backend ${this.name}: a snapshot was read after its end`);
  }
}
