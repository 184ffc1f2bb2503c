/**
 * Reads of the store: one key or a range of keys, at the current revision or an older one (etcd's kvstore_txn.go, rangeKeys).
 */
import { compareBytes } from "../lib/bytes.ts";
import { KeyValueView } from "../proto/key-value.ts";
import { decodeRecord, writeKey, writeRevisions } from "./key-value.ts";
import type { KvRecords } from "./kv-records.ts";

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
const batchKeys = 64;

/** rangeEnd that stands for "every key at or after key". */
const isOpenEnd = (rangeEnd: Uint8Array): boolean => rangeEnd.length === 1 && rangeEnd[0] === 0;

/** True for a range that no key can be in. */
export const isEmptyRange = (key: Uint8Array, rangeEnd: Uint8Array): boolean =>
  !isOpenEnd(rangeEnd) && compareBytes(rangeEnd, key) <= 0;

/** A stretch of the key index; one is reused for all reads. It holds no keys, so the tree must not change meanwhile. */
export class KeyWalk {
  private readonly records: KvRecords;
  private leaf = 0;
  private index = 0;
  /** Where to stop: an entry of a leaf, or leaf 0 for the end of all keys. */
  private endLeaf = 0;
  private endIndex = 0;
  /** Entries of `leaf` that belong to the walk. */
  private leafStop = 0;

  constructor(records: KvRecords) {
    this.records = records;
  }

  /** Stands in front of the first key of a range that is not empty. */
  start(key: Uint8Array, rangeEnd: Uint8Array): void {
    const { index, probe } = this.records;
    this.endLeaf = 0;
    if (!isOpenEnd(rangeEnd)) {
      probe.load(rangeEnd, 0, rangeEnd.length);
      index.seek(probe);
      this.endLeaf = index.seekLeaf;
      this.endIndex = index.seekIndex;
    }
    probe.load(key, 0, key.length);
    index.seek(probe);
    this.leaf = index.seekLeaf;
    this.index = index.seekIndex;
    this.leafStop = this.stopOf(this.leaf);
  }

  /** Place of the next key, dead or live; 0 at the end. */
  next(): number {
    const { index } = this.records;
    while (this.index >= this.leafStop) {
      if (this.leaf === this.endLeaf) return 0;
      const following = index.next(this.leaf);
      if (following === 0) return 0;
      this.leaf = following;
      this.index = 0;
      this.leafStop = this.stopOf(following);
    }
    return index.place(this.leaf, this.index++);
  }

  /** The same for up to `length` keys at once; returns how many, 0 at the end. */
  fill(places: Int32Array, length: number): number {
    let count = 0;
    for (
      let place = length > 0 ? this.next() : 0;
      place !== 0;
      place = count < length ? this.next() : 0
    )
      places[count++] = place;
    return count;
  }

  private stopOf(leaf: number): number {
    return leaf === this.endLeaf ? this.endIndex : this.records.index.count(leaf);
  }
}

export class RangeReader {
  private readonly records: KvRecords;
  private readonly walk: KeyWalk;
  /** Takes a KeyValue without value when keys only were asked for. */
  private keyBuffer: Uint8Array = new Uint8Array(512);
  private readonly places = new Int32Array(batchKeys);
  private readonly ordinals = new Float64Array(batchKeys);
  /** What `warm` read; public so that the reads are not taken for dead code. */
  warmed = 0;
  private readonly fields = new KeyValueView();

  constructor(records: KvRecords) {
    this.records = records;
    this.walk = new KeyWalk(records);
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
    if (query.countOnly)
      return isNewest ? this.countNewest(key, rangeEnd) : this.countAt(key, rangeEnd, lastOrdinal);
    const visitsMax = query.limit > 0 ? query.limit : Infinity;
    this.walk.start(key, rangeEnd);
    let count = 0;
    while (count < visitsMax) {
      const walked = this.walk.fill(this.places, Math.min(batchKeys, visitsMax - count));
      if (walked === 0) return count;
      const found = this.findRecords(walked, lastOrdinal);
      if (!keysOnly) this.warm(found);
      for (let at = 0; at < found; at++)
        this.visitRecord(this.ordinals[at] as number, keysOnly, visit);
      count += found;
    }
    return isNewest ? this.countNewest(key, rangeEnd) : count + this.countRest(lastOrdinal);
  }

  /** Keys of the range that exist now: no walk, whatever the size of the range. */
  private countNewest(key: Uint8Array, rangeEnd: Uint8Array): number {
    const { index, probe } = this.records;
    let before = index.lives;
    if (!isOpenEnd(rangeEnd)) {
      probe.load(rangeEnd, 0, rangeEnd.length);
      before = index.rank(probe);
    }
    probe.load(key, 0, key.length);
    return before - index.rank(probe);
  }

  private countAt(key: Uint8Array, rangeEnd: Uint8Array, lastOrdinal: number): number {
    this.walk.start(key, rangeEnd);
    return this.countRest(lastOrdinal);
  }

  private countRest(lastOrdinal: number): number {
    let count = 0;
    for (;;) {
      const walked = this.walk.fill(this.places, batchKeys);
      if (walked === 0) return count;
      count += this.findRecords(walked, lastOrdinal);
    }
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
  private warm(found: number): void {
    const { cache, log } = this.records;
    let sum = 0;
    for (let at = 0; at < found; at++)
      sum += cache.warm(log.cachePosition(this.ordinals[at] as number));
    this.warmed = sum;
  }

  private visitRecord(ordinal: number, keysOnly: boolean, visit: KeyValueVisitor): void {
    const { records } = this;
    if (keysOnly) {
      this.visitKey(ordinal, visit);
      return;
    }
    records.load(ordinal);
    visit(records.bytes, records.start, records.end);
  }

  /** Visits a KeyValue made of the key and its revisions alone. */
  private visitKey(ordinal: number, visit: KeyValueVisitor): void {
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
  }
}
