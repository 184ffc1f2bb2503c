/**
 * Reads of the store: one key or a range of keys, at the current revision or an older one (etcd's kvstore_txn.go, rangeKeys).
 * Whole ranges in one go; RangeCursor reads the same in slices.
 */
import { KeyValueView } from "../proto/key-value.ts";
import { decodeRecord, writeKey, writeRevisions } from "./key-value.ts";
import { isEmptyRange, KeyWalk } from "./key-walk.ts";
import type { KvRecords } from "./kv-records.ts";
import { RangeCounts } from "./range-counts.ts";

/** Sees a marshalled mvccpb.KeyValue, valid during the call only. It must not call the store. */
export type KeyValueVisitor = (keyValue: Uint8Array, start: number, end: number) => void;

export interface RangeQuery {
  readonly key: Uint8Array;
  /** Undefined or empty: the single key. One zero byte: every key at or after `key`. Otherwise half-open. */
  readonly rangeEnd: Uint8Array | undefined;
  /** Main revision to read at; 0 or less is the newest, inside a transaction with its own writes. */
  readonly revision: number;
  /** Most KeyValues visited; 0 or less is no limit. */
  readonly limit: number;
  readonly countOnly: boolean;
  /** KeyValues without value and lease, as etcd 3.7 answers from its index. */
  readonly keysOnly?: boolean;
}

export type RangeOutcome =
  /** `count` is the number of keys in the range, before the limit. */
  | { readonly kind: "ok"; readonly count: number }
  | { readonly kind: "compacted" }
  | { readonly kind: "futureRevision" };

/** Room for the fields beside the key: its tag and length, and three numbers. */
const keyFieldsBytesMax = 64;

/** Keys that a range looks at together. */
export const batchKeys = 64;

export class RangeReader {
  readonly counts: RangeCounts;
  /** What `walkBatch` walked over: all keys' places, and the records of those that existed, each in key order. */
  readonly places: Int32Array = new Int32Array(batchKeys);
  readonly ordinals: Float64Array = new Float64Array(batchKeys);
  /** How many `ordinals` the last `walkBatch` found. */
  found = 0;
  /** What `warm` read; public so that the reads are not taken for dead code. */
  warmed = 0;

  private readonly records: KvRecords;
  private readonly walk: KeyWalk;
  /** Takes a KeyValue without value when keys only were asked for. */
  private keyBuffer: Uint8Array = new Uint8Array(512);
  private readonly fields = new KeyValueView();

  constructor(records: KvRecords) {
    this.records = records;
    this.walk = new KeyWalk(records);
    this.counts = new RangeCounts(records);
  }

  /** Visits what the query asks for at main revision `atMain`, and returns the count. `isNewest`: no record is newer than that. */
  read(query: RangeQuery, atMain: number, isNewest: boolean, visit: KeyValueVisitor): number {
    const { key, rangeEnd } = query;
    const keysOnly = query.keysOnly === true;
    const lastOrdinal = isNewest ? Infinity : this.records.log.ordinalAt(atMain);
    if (rangeEnd === undefined || rangeEnd.length === 0) {
      const place = this.records.find(key, 0, key.length);
      if (place === 0) return 0;
      const ordinal = this.liveRecord(place, lastOrdinal);
      if (ordinal === 0) return 0;
      if (!query.countOnly) this.visitRecord(ordinal, keysOnly, visit);
      return 1;
    }
    if (isEmptyRange(key, rangeEnd)) return 0;
    const visitsMax = query.countOnly ? 0 : query.limit > 0 ? query.limit : Infinity;
    this.start(key, key.length, rangeEnd);
    let count = 0;
    while (count < visitsMax) {
      if (this.walkBatch(visitsMax - count, lastOrdinal) === 0) return count;
      if (!keysOnly) this.warm();
      for (let at = 0; at < this.found; at++)
        this.visitRecord(this.ordinals[at] as number, keysOnly, visit);
      count += this.found;
    }
    const newest = this.counts.newest(key, rangeEnd);
    if (isNewest) return newest;
    const { lastOrdinal: now } = this.records.log;
    if (now - lastOrdinal <= newest)
      return newest - this.counts.change(key, rangeEnd, lastOrdinal, now);
    while (this.walkBatch(batchKeys, lastOrdinal) > 0) count += this.found;
    return count;
  }

  /** Stands in front of the first key of a range that is not empty and begins with `key[0, keyLength)`. */
  start(key: Uint8Array, keyLength: number, rangeEnd: Uint8Array): void {
    this.walk.start(key, keyLength, rangeEnd);
  }

  /** Walks over up to `keysMax` keys and finds the records in force at `lastOrdinal`; returns how many keys, 0 at the end. */
  walkBatch(keysMax: number, lastOrdinal: number): number {
    const walked = this.walk.fill(this.places, Math.min(batchKeys, keysMax));
    this.found = this.findRecords(walked, lastOrdinal);
    return walked;
  }

  /** Ordinals of the puts in force among the first `walked` places, in order; returns how many. Infinity: the newest records. */
  private findRecords(walked: number, lastOrdinal: number): number {
    let found = 0;
    for (let at = 0; at < walked; at++) {
      const ordinal = this.liveRecord(this.places[at] as number, lastOrdinal);
      this.ordinals[found] = ordinal;
      if (ordinal !== 0) found += 1;
    }
    return found;
  }

  /** Ordinal of the key's put that is in force; 0 when the key does not exist. */
  private liveRecord(place: number, lastOrdinal: number): number {
    const { arena, log } = this.records;
    const head = arena.head(place);
    if (head > lastOrdinal) return log.liveAt(head, lastOrdinal);
    return arena.version(place) === 0 ? 0 : head;
  }

  /** Reads of places all over the memory overlap when they do not wait for each other: look at all records before the first copy. */
  warm(): void {
    const { cache, log } = this.records;
    let sum = 0;
    for (let at = 0; at < this.found; at++)
      sum += cache.warm(log.cachePosition(this.ordinals[at] as number));
    this.warmed = sum;
  }

  /** Visits one record, and returns the length of the KeyValue that was visited. `isScan` as for `KvRecords.load`. */
  visitRecord(ordinal: number, keysOnly: boolean, visit: KeyValueVisitor, isScan = false): number {
    const { records } = this;
    if (keysOnly) return this.visitKey(ordinal, visit);
    records.load(ordinal, isScan);
    const { start, end } = records;
    visit(records.bytes, start, end);
    return end - start;
  }

  /** Visits a KeyValue made of the key and its revisions alone. */
  private visitKey(ordinal: number, visit: KeyValueVisitor): number {
    const { arena, log } = this.records;
    const place = log.place(ordinal);
    const keyStart = arena.keyStart(place);
    const keyLength = arena.keyLength(place);
    if (this.keyBuffer.length < keyLength + keyFieldsBytesMax)
      this.keyBuffer = new Uint8Array(keyLength * 2 + keyFieldsBytesMax);
    const target = this.keyBuffer;
    let at = writeKey(target, 0, arena.slab(place), keyStart, keyStart + keyLength);
    if (ordinal === arena.head(place)) {
      at = writeRevisions(
        target,
        at,
        arena.createRevision(place),
        log.main(ordinal),
        arena.version(place),
      );
    } else {
      // The index knows create revision and version of the newest record only; the record itself has its own.
      const { records, fields } = this;
      records.load(ordinal);
      decodeRecord(records.bytes, records.start, records.end, fields);
      at = writeRevisions(target, at, fields.createRevision, fields.modRevision, fields.version);
    }
    visit(target, 0, at);
    return at;
  }
}
