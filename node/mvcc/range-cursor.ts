/**
 * A range that is read in slices, with turns of the event loop between them, so that a large one holds up nobody. It sees
 * exactly the state at its revision: what is written or deleted meanwhile is newer, and compaction waits for its pin. Between
 * slices it remembers keys, never places in the index.
 */
import { cloneBytes, emptyBytes } from "../lib/bytes.ts";
import type { Revision } from "../lib/units.ts";
import { KeyBookmark } from "./key-bookmark.ts";
import { isEmptyRange } from "./key-walk.ts";
import type { Pin } from "./kv-compact.ts";
import { batchKeys, type KeyValueVisitor, type RangeQuery, type RangeReader } from "./kv-range.ts";
import type { KvRecords } from "./kv-records.ts";

/**
 * Keys that a value's read from the backend counts for beside its own. Measured with 200,000 keys of 256 bytes: 0.3 to 0.8 µs for a key in
 * memory, 7 to 10 µs for a cold one, in whatever order they are read unless they lie side by side (2.5 µs). LevelDB's getMany
 * would take 3.4 µs of the main thread, but makes fdatasync wait in the thread pool.
 */
const coldReadKeys = 3;

export interface RangeCursorOptions {
  readonly records: KvRecords;
  readonly reader: RangeReader;
  readonly query: RangeQuery;
  readonly revision: Revision;
  /** Holds up a later compaction; the cursor releases it. */
  readonly pin: Pin;
  /** The index says what is in force at the revision: nothing newer was written yet. */
  readonly isNewest: boolean;
}

export class RangeCursor {
  readonly kind = "ok";
  /** What is read is the state at this revision. */
  readonly revision: Revision;

  private readonly records: KvRecords;
  private readonly reader: RangeReader;
  private readonly pin: Pin;
  private readonly key: Uint8Array;
  private readonly rangeEnd: Uint8Array;
  private readonly keysOnly: boolean;
  /** Newest record that belongs to the revision. */
  private readonly lastOrdinal: number;
  private readonly next: KeyBookmark;
  private visitsLeft: number;
  private isDone = false;
  private isClosed = false;
  private known: number | undefined;
  /** KeyValues visited. */
  private visited = 0;
  /** The way to the count that was begun, and how far it has come. */
  private counting: "changes" | "keys" | undefined;
  private counted = 0;
  private countedOrdinal = 0;
  private countNext: KeyBookmark | undefined;

  constructor({ records, reader, query, revision, pin, isNewest }: RangeCursorOptions) {
    this.records = records;
    this.reader = reader;
    this.pin = pin;
    this.revision = revision;
    this.keysOnly = query.keysOnly === true;
    this.key = cloneBytes(query.key, 0, query.key.length);
    this.rangeEnd = rangeEndOf(this.key, query.rangeEnd);
    this.next = new KeyBookmark(this.key);
    this.lastOrdinal = isNewest ? records.log.lastOrdinal : records.log.ordinalAt(revision);
    this.visitsLeft = query.countOnly ? 0 : query.limit > 0 ? query.limit : Infinity;
    if (isEmptyRange(this.key, this.rangeEnd)) {
      this.visitsLeft = 0;
      this.known = 0;
    } else if (isNewest) this.known = reader.counts.newest(this.key, this.rangeEnd);
    this.isDone = this.visitsLeft === 0;
  }

  /**
   * Keys in the range, before the limit. Known from the beginning when the cursor was opened at the newest revision, known at the end
   * when it has read the range whole, otherwise after `countSome` has returned false.
   */
  get count(): number | undefined {
    return this.known;
  }

  /**
   * Visits the next KeyValues in key order; false when the range or its limit is at its end. A slice ends after looking at `keysMax` keys
   * (those that did not exist at the revision count too, so it may visit none; a value that is not in memory counts as several),
   * or with the KeyValue that reaches `bytesMax`. Returns false when the cursor is closed.
   */
  read(keysMax: number, visit: KeyValueVisitor, bytesMax = Infinity): boolean {
    if (this.isDone || this.isClosed) return false;
    const { reader, records, next } = this;
    reader.start(next.bytes, next.length, this.rangeEnd);
    const coldBefore = records.coldReads;
    let bytes = 0;
    for (let looked = 0; looked + (records.coldReads - coldBefore) * coldReadKeys < keysMax; ) {
      const walked = reader.walkBatch(
        Math.min(keysMax - looked, this.visitsLeft),
        this.lastOrdinal,
      );
      if (walked === 0) {
        this.known ??= this.visited;
        this.isDone = true;
        return false;
      }
      looked += walked;
      if (!this.keysOnly) reader.warm();
      const { found } = reader;
      for (let at = 0; at < found; at++) {
        const ordinal = reader.ordinals[at] as number;
        bytes += reader.visitRecord(ordinal, this.keysOnly, visit, true);
        this.visited += 1;
        this.visitsLeft -= 1;
        if (bytes >= bytesMax) {
          next.moveBehind(records, records.log.place(ordinal));
          this.isDone = this.visitsLeft === 0;
          return !this.isDone;
        }
      }
      next.moveBehind(records, reader.places[walked - 1] as number);
      if (this.visitsLeft === 0) {
        this.isDone = true;
        return false;
      }
    }
    return true;
  }

  /**
   * Works towards the count; looks at `keysMax` keys or records. True: not known yet. It takes the shorter of two ways: what the records
   * since the revision have changed, or a walk over the keys that were not read yet.
   */
  countSome(keysMax: number): boolean {
    if (this.known !== undefined || this.isClosed) return false;
    this.counting ??= this.beginCount();
    return this.counting === "changes" ? this.countChanges(keysMax) : this.countKeys(keysMax);
  }

  /** Lets compaction go on. May be called more than once. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pin.release();
  }

  private beginCount(): "changes" | "keys" {
    const { records, reader, lastOrdinal } = this;
    const newest = reader.counts.newest(this.key, this.rangeEnd);
    if (records.log.lastOrdinal - lastOrdinal <= newest - this.visited) {
      this.countedOrdinal = lastOrdinal;
      return "changes";
    }
    this.counted = this.visited;
    this.countNext = this.next.copy();
    return "keys";
  }

  private countChanges(keysMax: number): boolean {
    const { records, reader, key, rangeEnd } = this;
    const now = records.log.lastOrdinal;
    const upTo = Math.min(now, this.countedOrdinal + keysMax);
    this.counted += reader.counts.change(key, rangeEnd, this.countedOrdinal, upTo);
    this.countedOrdinal = upTo;
    if (upTo < now) return true;
    this.known = reader.counts.newest(key, rangeEnd) - this.counted;
    return false;
  }

  private countKeys(keysMax: number): boolean {
    const { records, reader, countNext } = this;
    if (countNext === undefined) return false;
    reader.start(countNext.bytes, countNext.length, this.rangeEnd);
    for (let looked = 0; looked < keysMax; ) {
      const walked = reader.walkBatch(Math.min(batchKeys, keysMax - looked), this.lastOrdinal);
      if (walked === 0) {
        this.known = this.counted;
        return false;
      }
      looked += walked;
      this.counted += reader.found;
      countNext.moveBehind(records, reader.places[walked - 1] as number);
    }
    return true;
  }
}

/** A copy of a range's end; that of a single key is the key that follows it directly. */
export function rangeEndOf(key: Uint8Array, rangeEnd: Uint8Array | undefined): Uint8Array {
  if (rangeEnd !== undefined && rangeEnd.length > 0)
    return cloneBytes(rangeEnd, 0, rangeEnd.length);
  // No key is empty, and nothing sorts before an empty end.
  if (key.length === 0) return emptyBytes;
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  return end;
}
