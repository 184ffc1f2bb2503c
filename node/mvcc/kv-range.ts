/**
 * Reads of the store: one key or a range of keys, at the current revision or an older one (etcd's kvstore_txn.go, rangeKeys).
 */
import { compareBytes, emptyBytes } from "../lib/bytes.ts";
import { Reader } from "../proto/wire.ts";
import { newKeyValueFields, readKeyValue, writeKey, writeRevisions } from "./key-value.ts";
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

/** rangeEnd that stands for "every key at or after key". */
export const isOpenEnd = (rangeEnd: Uint8Array): boolean => rangeEnd.length === 1 && rangeEnd[0] === 0;

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

  private stopOf(leaf: number): number {
    return leaf === this.endLeaf ? this.endIndex : this.records.index.count(leaf);
  }
}

export class RangeReader {
  private readonly records: KvRecords;
  private readonly walk: KeyWalk;
  /** Takes a KeyValue without value when keys only were asked for. */
  private keyBuffer: Uint8Array = new Uint8Array(512);
  private readonly reader = new Reader(emptyBytes);
  private readonly fields = newKeyValueFields();

  constructor(records: KvRecords) {
    this.records = records;
    this.walk = new KeyWalk(records);
  }

  /** Visits what the query asks for at main revision `atMain`, and returns the count. `isNewest`: no record is newer than that. */
  read(query: RangeQuery, atMain: number, isNewest: boolean, visit: KeyValueVisitor): number {
    const { key, rangeEnd } = query;
    const keysOnly = query.keysOnly === true;
    if (rangeEnd === undefined || rangeEnd.length === 0) {
      const place = this.records.find(key, 0, key.length);
      if (place === 0) return 0;
      const ordinal = this.liveRecord(place, atMain, isNewest);
      if (ordinal === 0) return 0;
      if (!query.countOnly) this.visitRecord(ordinal, keysOnly, visit);
      return 1;
    }
    if (isEmptyRange(key, rangeEnd)) return 0;
    const visitsMax = query.countOnly ? 0 : query.limit > 0 ? query.limit : Infinity;
    const { walk } = this;
    let count = 0;
    walk.start(key, rangeEnd);
    for (let place = walk.next(); place !== 0; place = walk.next()) {
      const ordinal = this.liveRecord(place, atMain, isNewest);
      if (ordinal === 0) continue;
      if (count < visitsMax) this.visitRecord(ordinal, keysOnly, visit);
      count += 1;
    }
    return count;
  }

  /** Ordinal of the key's put that is in force; 0 when the key does not exist. */
  private liveRecord(place: number, atMain: number, isNewest: boolean): number {
    const { arena, log } = this.records;
    if (!isNewest) return log.liveAt(arena.head(place), atMain);
    return arena.version(place) === 0 ? 0 : arena.head(place);
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
    if (this.keyBuffer.length < keyLength + keyFieldsBytesMax) this.keyBuffer = new Uint8Array(keyLength * 2 + keyFieldsBytesMax);
    const target = this.keyBuffer;
    let at = writeKey(target, 0, arena.slab(place), keyStart, keyStart + keyLength);
    if (ordinal === arena.head(place)) {
      at = writeRevisions(target, at, arena.createRevision(place), log.main(ordinal), arena.version(place));
    } else {
      // The index knows create revision and version of the newest record only; the record itself has its own.
      const { records, reader, fields } = this;
      records.load(ordinal);
      reader.reset(records.bytes, records.start, records.end);
      readKeyValue(reader, fields);
      at = writeRevisions(target, at, fields.createRevision, fields.modRevision, fields.version);
    }
    visit(target, 0, at);
  }
}
