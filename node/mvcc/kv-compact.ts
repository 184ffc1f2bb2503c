/**
 * Compaction (etcd's kvstore_compaction.go, key_index.go): what it takes away, in slices, and who may hold it up.
 *
 * Kept of the records at or before the compaction's revision is each key's newest, if that is a put, or a tombstone at that very
 * revision. etcd walks all keys to find the others. Here they are found from the records since the compaction before: each one
 * has superseded the one it names as its previous, and a tombstone before the revision is of no use any more. So the work goes with
 * what was written, not with what is kept.
 *
 *   compact(at) ─▶ scheduledCompactRev in `meta` ─▶ slices … ─▶ finishedCompactRev in `meta`, with the last removal's batch
 *
 * After a restart in between, the slices begin again at the finished revision; what is gone already is not met any more.
 */
import { assert } from "../lib/assert.ts";
import type { Revision } from "../lib/units.ts";
import { metaKey, readMetaRevision, writeMetaRevision } from "./compact-meta.ts";
import type { KvRecords } from "./kv-records.ts";
import type { KvTotals } from "./kv-totals.ts";

/** Keeps the records that reads at one revision need. */
export interface Pin {
  release(): void;
}

/** Entries looked at in one slice for each record that it may remove: most of a history may be first puts of their keys. */
const looksPerRecord = 8;

/** etcd's value for "never compacted". */
const never = -1;

export class KvCompaction {
  private readonly records: KvRecords;
  private readonly totals: KvTotals;
  /** Reads below are refused. */
  private at: number;
  /** Records at or before it, but for what it keeps, are gone. */
  private finished: number;
  /** The next entry to look at; behind the walk, the first one that the next walk must look at. */
  private cursor: number;
  /** The walk's last entry, and the first one with main revision `at`. */
  private lastOrdinal = 0;
  private groupOrdinal = 0;
  private readonly pins = new Map<Pin, number>();
  /** The most that `logicalBytes` was since the last defragmentation, seen whenever it was about to fall. */
  private bytesMost = 0;

  /** Takes up what the backend says: a compaction that was scheduled and not finished goes on. Throws CorruptionError. */
  constructor(records: KvRecords, totals: KvTotals) {
    this.records = records;
    this.totals = totals;
    this.finished = readMetaRevision(records.backend, metaKey.finishedCompact) ?? never;
    this.at = Math.max(
      this.finished,
      readMetaRevision(records.backend, metaKey.scheduledCompact) ?? never,
    );
    this.cursor = records.log.ordinalAt(this.finished - 1) + 1;
    this.aim();
  }

  /** Reads below it are refused; -1 when there was no compaction. */
  get compactRevision(): number {
    return this.at;
  }

  /** Some records that the compaction takes away may still be there. */
  get isCompacting(): boolean {
    return this.finished < this.at;
  }

  /** Bytes that compaction has freed and no newer record has taken, since the last defragmentation or the start. */
  get freedBytes(): number {
    return Math.max(0, this.bytesMost - this.records.logicalBytes);
  }

  /** The freed bytes have been given back to the disk. */
  forgetFreed(): void {
    this.bytesMost = 0;
  }

  /** Refuses reads below `at` from now on, and schedules the removal. Precondition: `at` is above `compactRevision`. */
  schedule(at: number): void {
    assert(at > this.at, "a compaction at or below the one before", at);
    const { log } = this.records;
    // The tombstones that the compaction before has kept or would have kept go now.
    if (this.isCompacting) this.cursor = Math.min(this.cursor, this.groupOrdinal);
    this.at = at;
    writeMetaRevision(this.records.backend, metaKey.scheduledCompact, at);
    this.aim();
    assert(this.cursor <= log.lastOrdinal + 1, "compaction is ahead of the log", this.cursor);
  }

  /** Keeps what reads at `at` and above need: later compactions wait. */
  pin(at: number): Pin {
    assert(at >= this.at, "a pin below the compact revision", at);
    const release = (): void => {
      if (this.pins.delete(pin)) this.totals.openReads -= 1;
    };
    const pin: Pin = { release };
    this.pins.set(pin, at);
    this.totals.openReads += 1;
    return pin;
  }

  /**
   * Removes up to `recordsMax` records of those committed at or before `committed`, in bounded time; true when the compaction is finished.
   * False without any progress when a pin holds it up or when what is left is not committed yet.
   */
  slice(recordsMax: number, committed: Revision): boolean {
    if (!this.isCompacting) return true;
    if (this.isPinned()) return false;
    const { records } = this;
    const { log } = records;
    const last = Math.min(this.lastOrdinal, log.ordinalAt(committed));
    this.bytesMost = Math.max(this.bytesMost, records.logicalBytes);
    let removals = Math.max(1, recordsMax);
    let looks = removals * looksPerRecord;
    while (this.cursor <= last && looks > 0) {
      const ordinal = this.cursor;
      const previous = log.has(ordinal) ? log.previous(ordinal) : 0;
      if (previous !== 0) {
        if (log.has(previous)) {
          if (removals === 0) break;
          records.remove(previous);
          removals -= 1;
          this.totals.compactedRecords += 1;
        }
        log.clearPrevious(ordinal);
      }
      if (log.has(ordinal) && log.isTombstone(ordinal) && log.main(ordinal) < this.at) {
        if (removals === 0) break;
        records.remove(ordinal);
        removals -= 1;
        this.totals.compactedRecords += 1;
      }
      this.cursor += 1;
      looks -= 1;
    }
    log.settle(Math.min(this.cursor, this.groupOrdinal));
    if (this.cursor <= this.lastOrdinal) return false;
    this.finish();
    return true;
  }

  private finish(): void {
    this.finished = this.at;
    this.cursor = Math.min(this.cursor, this.groupOrdinal);
    writeMetaRevision(this.records.backend, metaKey.finishedCompact, this.at);
  }

  private aim(): void {
    const { log } = this.records;
    this.lastOrdinal = log.ordinalAt(this.at);
    this.groupOrdinal = log.ordinalAt(this.at - 1) + 1;
  }

  private isPinned(): boolean {
    for (const at of this.pins.values()) {
      if (at < this.at) return true;
    }
    return false;
  }
}
