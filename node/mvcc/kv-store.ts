/**
 * The multi-version key-value store: what etcd calls mvcc.KV, without watchers and leases. It owns revisions and
 * transactions; one raft entry is one transaction and at most one new main revision.
 *
 * Everything is synchronous and runs on the main thread: writes are visible at once, the backend gets them as one batch later
 * (beforeCommit, afterCommit). Nothing is allocated per key, neither for writes nor for reads.
 */

import type { Backend } from "../backend/backend.ts";
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { Random } from "../lib/ports.ts";
import type { Revision } from "../lib/units.ts";
import { revision } from "../lib/units.ts";
import type { KeyValueVisitor, RangeOutcome, RangeQuery } from "./kv-range.ts";
import { isEmptyRange, KeyWalk, RangeReader } from "./kv-range.ts";
import { KvRecords } from "./kv-records.ts";
import { restoreRecords } from "./kv-restore.ts";

export interface KvStoreOptions {
  readonly backend: Backend;
  readonly random: Random;
  /** Bound of the memory for newest records; records that wait for the backend may exceed it. */
  readonly valueCacheBytesMax: number;
}

/** A marshalled mvccpb.KeyValue in place: `bytes[start, end)`. One object is reused; valid until the next call but one put. */
export interface KeyValuePlace {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** What the index knows about an existing key without its value. One object is reused. */
export interface KeyState {
  createRevision: number;
  modRevision: number;
  version: number;
}

/** Memory held, in bytes. */
export interface KvMemory {
  readonly indexBytes: number;
  readonly valueCacheBytes: number;
}

export class KvStore {
  private readonly records: KvRecords;
  private readonly reader: RangeReader;
  private readonly deleteWalk: KeyWalk;
  private readonly place: KeyValuePlace = { bytes: emptyBytes, start: 0, end: 0 };
  private readonly state: KeyState = { createRevision: 0, modRevision: 0, version: 0 };
  private current: Revision;
  private isWriting = false;
  /** Sub revision of the next record of the open transaction: how many it has. */
  private nextSub = 0;
  private commitMark = 0;

  /** Opens the store over what the backend holds. Throws CorruptionError when that contradicts itself. */
  static async open(options: KvStoreOptions): Promise<KvStore> {
    const records = new KvRecords(options.backend, options.random, options.valueCacheBytesMax);
    await restoreRecords(records);
    return new KvStore(records);
  }

  private constructor(records: KvRecords) {
    this.records = records;
    this.reader = new RangeReader(records);
    this.deleteWalk = new KeyWalk(records);
    this.current = revision(Math.max(1, records.backend.committed.revision));
  }

  /** Main revision of the last transaction that wrote; 1 for an empty store. */
  get currentRevision(): Revision {
    return this.current;
  }

  /** The newest revision that reads see: inside a transaction that has written it is the transaction's own. */
  get txnRevision(): Revision {
    return this.nextSub > 0 ? revision(this.current + 1) : this.current;
  }

  /** Reads below it are refused; 0 when nothing was ever compacted. */
  get compactRevision(): Revision | 0 {
    return 0;
  }

  /** Keys that exist at the current revision. */
  get keyCount(): number {
    return this.records.index.lives;
  }

  /** Bytes of all records as etcd would store them; grows with every write, until compaction. */
  get logicalBytes(): number {
    return this.records.logicalBytes;
  }

  get memory(): KvMemory {
    return {
      indexBytes: this.records.indexBytes,
      valueCacheBytes: this.records.cache.residentBytes,
    };
  }

  /** Opens the transaction of one raft entry; its records get the next main revision. */
  begin(): void {
    assert(!this.isWriting, "a write transaction is open already");
    this.isWriting = true;
    this.nextSub = 0;
  }

  /** Sets a key. Key and value lie in `bytes`, which is copied; `lease` 0n is none. Visible at once to reads in the transaction. */
  put(
    bytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
    lease: bigint,
  ): void {
    this.putValue(bytes, keyStart, keyEnd, bytes, valueStart, valueEnd, lease);
  }

  /** The same with the value in another buffer, which may be what `get` has just found (ignore_value). */
  putValue(
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    lease: bigint,
  ): void {
    assert(this.isWriting, "put outside a transaction");
    assert(keyEnd > keyStart, "put of an empty key");
    const place = this.records.bringToLife(keyBytes, keyStart, keyEnd);
    this.records.put(
      place,
      this.current + 1,
      this.nextSub,
      valueBytes,
      valueStart,
      valueEnd,
      lease,
    );
    this.nextSub += 1;
  }

  /**
   * Writes a tombstone for each key that exists in [key, rangeEnd), in key order, and returns how many. `rangeEnd` as in
   * RangeQuery. `visit` sees each KeyValue before it is deleted.
   */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array | undefined, visit?: KeyValueVisitor): number {
    assert(this.isWriting, "deleteRange outside a transaction");
    const before = this.nextSub;
    if (rangeEnd === undefined || rangeEnd.length === 0) {
      const place = this.records.find(key, 0, key.length);
      if (place !== 0) this.deleteKey(place, visit);
    } else if (!isEmptyRange(key, rangeEnd)) {
      const walk = this.deleteWalk;
      walk.start(key, rangeEnd);
      // Tombstones leave the tree as it is, so the walk goes on safely.
      for (let place = walk.next(); place !== 0; place = walk.next()) {
        this.records.arena.loadProbe(place, this.records.probe);
        this.deleteKey(place, visit);
      }
    }
    return this.nextSub - before;
  }

  /** Closes the transaction and returns the current revision: one more than before if anything was written. */
  end(): Revision {
    assert(this.isWriting, "end without a transaction");
    this.isWriting = false;
    if (this.nextSub > 0) this.current = revision(this.current + 1);
    this.nextSub = 0;
    return this.current;
  }

  /** Visits the KeyValues that the query asks for, in key order. Inside a transaction its own writes count as newest. */
  range(query: RangeQuery, visit: KeyValueVisitor): RangeOutcome {
    const newest = this.txnRevision;
    const atMain = query.revision > 0 ? query.revision : newest;
    if (atMain > newest) return { kind: "futureRevision" };
    if (atMain < this.compactRevision) return { kind: "compacted" };
    return { kind: "ok", count: this.reader.read(query, atMain, atMain === newest, visit) };
  }

  /** The current KeyValue of one key; undefined when the key does not exist. */
  get(bytes: Uint8Array, start: number, end: number): KeyValuePlace | undefined {
    const { records, place } = this;
    const key = records.find(bytes, start, end);
    if (key === 0 || records.arena.version(key) === 0) return undefined;
    records.load(records.arena.head(key));
    place.bytes = records.bytes;
    place.start = records.start;
    place.end = records.end;
    return place;
  }

  /** The current revisions of one key, without touching its value; undefined when the key does not exist. */
  stat(bytes: Uint8Array, start: number, end: number): KeyState | undefined {
    const { arena, log } = this.records;
    const key = this.records.find(bytes, start, end);
    if (key === 0 || arena.version(key) === 0) return undefined;
    this.state.createRevision = arena.createRevision(key);
    this.state.modRevision = log.main(arena.head(key));
    this.state.version = arena.version(key);
    return this.state;
  }

  /** To be called directly before `backend.commit`. Its result goes to `afterCommit` when that commit has completed. */
  beforeCommit(): number {
    assert(!this.isWriting, "a commit inside a transaction");
    this.records.sealBatch();
    this.commitMark += 1;
    return this.commitMark;
  }

  /** The batch of `mark` is on disk: from now on its records are read from there when the cache forgets them. */
  afterCommit(mark: number): void {
    assert(mark === this.commitMark, "a commit completed out of turn", mark);
    this.records.releaseBatch();
  }

  /** The probe holds the key at `place`. */
  private deleteKey(place: number, visit: KeyValueVisitor | undefined): void {
    const { records } = this;
    if (records.arena.version(place) === 0) return;
    if (visit !== undefined) {
      records.load(records.arena.head(place));
      visit(records.bytes, records.start, records.end);
    }
    records.delete(place, this.current + 1, this.nextSub);
    this.nextSub += 1;
  }
}
