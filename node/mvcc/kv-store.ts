/**
 * The multi-version key-value store: what etcd calls mvcc.KV; watchers follow it from watch/. It owns revisions and
 * transactions; one raft entry is one transaction and at most one new main revision.
 *
 * Everything is synchronous and runs on the main thread: writes are visible at once, the backend gets them as one batch later
 * (beforeCommit, afterCommit). Nothing is allocated per key, neither for writes nor for reads.
 */

import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { Revision } from "../lib/units.ts";
import { revision } from "../lib/units.ts";
import { DeleteCursor } from "./delete-cursor.ts";
import { HashKeeper, type KvHash } from "./hash-keeper.ts";
import { type CheckpointOptions, writeIndexCheckpoint } from "./index-checkpoint.ts";
import { KeyWalk } from "./key-walk.ts";
import { KvCompaction, type Pin } from "./kv-compact.ts";
import type { HashKvOutcome } from "./kv-hash.ts";
import type { KeyValueVisitor, RangeOutcome, RangeQuery } from "./kv-range.ts";
import { RangeReader } from "./kv-range.ts";
import type { KvRecords } from "./kv-records.ts";
import { type KvRestoreOptions, type RestoredStore, restoreStore } from "./kv-restore.ts";
import { KvTotals } from "./kv-totals.ts";
import type { KeyState, KeyValuePlace, KvMemory } from "./kv-views.ts";
import { RangeCursor, rangeEndOf } from "./range-cursor.ts";
import { checkRecords } from "./record-check.ts";
import type { WatchedHistory } from "./watch/history.ts";

export interface KvStoreOptions extends KvRestoreOptions {
  /**
   * Takes the hash of each compaction before it removes anything, as etcd does, for HashKV at that revision and for comparing
   * members. It reads all records up to the compaction, in slices.
   */
  readonly hashCompactions?: boolean;
  readonly totals?: KvTotals;
}

export class KvStore implements WatchedHistory {
  readonly totals: KvTotals;
  /** For watchers, who read the history by themselves (watch/history.ts). */
  readonly records: KvRecords;
  private readonly checkpoint: CheckpointOptions | undefined;
  private readonly isUnchecked: boolean;
  private readonly reader: RangeReader;
  private readonly compaction: KvCompaction;
  private readonly hashes: HashKeeper;
  private readonly hashesCompactions: boolean;
  private readonly deleteWalk: KeyWalk;
  private readonly place: KeyValuePlace = { bytes: emptyBytes, start: 0, end: 0 };
  private readonly state: KeyState = { createRevision: 0, modRevision: 0, version: 0 };
  private current: Revision;
  private hasTransaction = false;
  /** Sub revision of the next record of the open transaction: how many it has. */
  private nextSub = 0;
  private whole: number;
  private commitMark = 0;
  /** Current revision of the last commit that completed, and of the one in flight. */
  private committed: Revision;
  private flying: Revision;

  /** Opens the store over what the backend holds. Throws CorruptionError when that contradicts itself. */
  static async open(options: KvStoreOptions): Promise<KvStore> {
    return new KvStore(await restoreStore(options), options);
  }

  private constructor({ records, isUnchecked }: RestoredStore, options: KvStoreOptions) {
    this.records = records;
    this.totals = options.totals ?? new KvTotals();
    this.isUnchecked = isUnchecked;
    this.checkpoint = options.checkpoint;
    this.reader = new RangeReader(records);
    this.deleteWalk = new KeyWalk(records);
    this.compaction = new KvCompaction(records, this.totals);
    const { compactRevision } = this.compaction;
    // Compaction may have taken the newest record, a tombstone (etcd #17780).
    this.current = revision(Math.max(1, records.backend.committed.revision, compactRevision));
    this.whole = records.log.lastOrdinal;
    this.committed = this.current;
    this.flying = this.current;
    this.hashes = new HashKeeper(records, this.compaction, this.current);
    this.hashesCompactions = options.hashCompactions === true;
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
    const { compactRevision } = this.compaction;
    return compactRevision > 0 ? revision(compactRevision) : 0;
  }

  /** Records below `compactRevision` are still to be removed. */
  get isCompacting(): boolean {
    return this.compaction.isCompacting;
  }

  /** Ordinal of the last record of the last transaction that is whole. */
  get wholeOrdinal(): number {
    return this.whole;
  }

  /** Keys that exist at the current revision. */
  get keyCount(): number {
    return this.records.index.lives;
  }

  /**
   * A transaction is open. It may stay open over several turns (deleteCursor); meanwhile `range`, `get`, `stat` and the counts see
   * its writes, which no request but its own may: others read with `openRange`, or wait for `end`.
   */
  get isWriting(): boolean {
    return this.hasTransaction;
  }

  /** Bytes of all records as etcd would store them: what is in use. Grows with every write and falls as compaction removes. */
  get logicalBytes(): number {
    return this.records.logicalBytes;
  }

  /**
   * Bytes that compaction has freed and no newer record has taken, since the last defragmentation or the start of the process: with
   * `logicalBytes` the size of the database as etcd counts it.
   */
  get freedBytes(): number {
    return this.compaction.freedBytes;
  }

  /** The backend has given its freed bytes back: `freedBytes` is 0. */
  defragmented(): void {
    this.compaction.forgetFreed();
  }

  get memory(): KvMemory {
    const { indexBytes, cache } = this.records;
    return { indexBytes, valueCacheBytes: cache.residentBytes };
  }

  /** Opens the transaction of one raft entry; its records get the next main revision. */
  begin(): void {
    assert(!this.hasTransaction, "a write transaction is open already");
    this.hasTransaction = true;
    this.nextSub = 0;
    this.totals.begin();
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
    assert(this.hasTransaction, "put outside a transaction");
    assert(keyEnd > keyStart, "put of an empty key");
    const place = this.records.bringToLife(keyBytes, keyStart, keyEnd);
    const main = this.current + 1;
    this.records.put(place, main, this.nextSub, valueBytes, valueStart, valueEnd, lease);
    this.nextSub += 1;
    this.totals.puts += 1;
    this.totals.putBytes += keyEnd - keyStart + valueEnd - valueStart;
  }

  /**
   * Writes a tombstone for each key that exists in [key, rangeEnd), in key order, and returns how many. `rangeEnd` as in
   * RangeQuery. `visit` sees each KeyValue before it is deleted.
   */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array | undefined, visit?: KeyValueVisitor): number {
    assert(this.hasTransaction, "deleteRange outside a transaction");
    if (rangeEnd === undefined || rangeEnd.length === 0) {
      this.totals.deletes += 1;
      const place = this.records.find(key, 0, key.length);
      return place !== 0 && this.deleteKey(place, visit) ? 1 : 0;
    }
    const cursor = this.deleteCursor(key, rangeEnd, visit);
    cursor.step(Infinity);
    return cursor.deleted;
  }

  /** The same in slices that the caller asks for; to be finished before `end`. Key and rangeEnd are copied. */
  deleteCursor(
    key: Uint8Array,
    rangeEnd: Uint8Array | undefined,
    visit?: KeyValueVisitor,
  ): DeleteCursor {
    const { records, deleteWalk: walk } = this;
    this.totals.deletes += 1;
    const main = this.current + 1;
    const deleteKey = (place: number): boolean => {
      assert(this.hasTransaction && this.current + 1 === main, "a delete outside its transaction");
      records.arena.loadProbe(place, records.probe);
      return this.deleteKey(place, visit);
    };
    return new DeleteCursor({
      records,
      walk,
      key,
      rangeEnd: rangeEndOf(key, rangeEnd),
      deleteKey,
    });
  }

  /** Closes the transaction and returns the current revision: one more than before if anything was written. */
  end(): Revision {
    assert(this.hasTransaction, "end without a transaction");
    this.hasTransaction = false;
    if (this.nextSub > 0) {
      this.current = revision(this.current + 1);
      this.whole = this.records.log.lastOrdinal;
    }
    this.nextSub = 0;
    this.totals.end();
    return this.current;
  }

  /** Visits the KeyValues that the query asks for, in key order. In a transaction its own writes count as newest. */
  range(query: RangeQuery, visit: KeyValueVisitor): RangeOutcome {
    const newest = this.txnRevision;
    const atMain = query.revision > 0 ? query.revision : newest;
    if (atMain > newest) return { kind: "futureRevision" };
    if (atMain < this.compactRevision) return { kind: "compacted" };
    this.totals.ranges += 1;
    return { kind: "ok", count: this.reader.read(query, atMain, atMain === newest, visit) };
  }

  /**
   * The same in slices that the caller asks for, at one revision whatever is written meanwhile; `close` it. Writes of an open transaction are
   * not seen. Key and rangeEnd are copied.
   */
  openRange(query: RangeQuery): RangeCursor | Exclude<RangeOutcome, { readonly kind: "ok" }> {
    if (query.revision > this.current) return { kind: "futureRevision" };
    const at = query.revision > 0 ? revision(query.revision) : this.current;
    if (at < this.compactRevision) return { kind: "compacted" };
    this.totals.ranges += 1;
    return new RangeCursor({
      records: this.records,
      reader: this.reader,
      query,
      revision: at,
      pin: this.pin(at),
      isNewest: at === this.current && this.nextSub === 0,
    });
  }

  /** Keys in the range now, without a walk: tells whether slices are needed. Counts writes of an open transaction. */
  countInRange(key: Uint8Array, rangeEnd: Uint8Array | undefined): number {
    return this.reader.counts.newest(key, rangeEndOf(key, rangeEnd));
  }

  /** Copies of the keys that are attached to a lease, in no order. Precondition: none is attached or detached before the last was taken. */
  *keysOfLease(lease: bigint): Generator<Uint8Array> {
    const { arena, leases } = this.records;
    for (const place of leases.placesWith(lease)) yield arena.key(place);
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

  /**
   * Refuses reads below `at` from now on and schedules the removal of what only they need; to be called when the entry is applied. It
   * survives a restart with the batch of this entry.
   */
  compact(at: Revision): "ok" | "compacted" | "futureRevision" {
    assert(!this.hasTransaction, "a compaction inside a transaction");
    if (at <= this.compaction.compactRevision) return "compacted";
    if (at > this.current) return "futureRevision";
    if (this.hashesCompactions && !this.isCompacting) this.hashes.beforeCompaction(at);
    this.compaction.schedule(at);
    return "ok";
  }

  /**
   * Removes up to `recordsMax` superseded records from the index and, with the open batch, from the backend, in bounded time. True when
   * there is nothing left to remove; false too when a pin, a commit or an open transaction must be waited for: call again later. Throws CorruptionError when a
   * hash of the compaction was asked for and met a bad record.
   */
  compactSlice(recordsMax: number): boolean {
    this.hashes.throwFailure();
    if (this.hasTransaction) return false;
    return this.compaction.slice(recordsMax, this.committed);
  }

  /** The compaction waits for its hash: no slice makes progress. */
  get isCompactionWaiting(): boolean {
    return this.hashes.isTaking;
  }

  /** Keeps what a read at `at` needs until it is released; a later compaction waits. Precondition: `at` is not compacted. */
  pin(at: Revision): Pin {
    return this.compaction.pin(at);
  }

  /**
   * HashKV at main revision `at`; 0 is the current one. Waits until the backend has committed that revision, then reads in slices; a
   * later compaction waits meanwhile. Rejects as `Backend.scanCommitted` does.
   */
  hashKv(at: number): Promise<HashKvOutcome> {
    return this.hashes.hashKv(at, this.current);
  }

  /** Hashes of the last ten compactions since the start, oldest first; none without `hashCompactions`. */
  get compactionHashes(): readonly KvHash[] {
    return this.hashes.compactions;
  }

  /** Maintenance.Hash: of the whole backend, as far as its buckets are etcd's. */
  hash(): Promise<number> {
    return this.hashes.hash(this.current);
  }

  /**
   * Holds the records of the backend against the index when that came from a checkpoint, in slices, while the store is in use. To be called
   * once, when the member serves. Rejects with CorruptionError, and with an Error when the backend closes meanwhile.
   */
  async checkRecords(): Promise<void> {
    if (!this.isUnchecked) return;
    await checkRecords(this.records, this.committed, () => this.compactRevision);
  }

  /**
   * Keeps the index for the next start. To be called at an orderly stop, behind the last commit and before the backend closes; nothing
   * may be written or compacted from then on. Never rejects: without it the next start takes longer.
   */
  async saveCheckpoint(): Promise<void> {
    assert(!this.hasTransaction, "a checkpoint inside a transaction");
    if (this.checkpoint !== undefined) await writeIndexCheckpoint(this.checkpoint, this.records);
  }

  /** To be called directly before `backend.commit`. Its result goes to `afterCommit` when that commit has completed. */
  beforeCommit(): number {
    assert(!this.hasTransaction, "a commit inside a transaction");
    this.records.sealBatch();
    this.commitMark += 1;
    this.flying = this.current;
    return this.commitMark;
  }

  /** The batch of `mark` is on disk: from now on its records are read from there when the cache forgets them. */
  afterCommit(mark: number): void {
    assert(mark === this.commitMark, "a commit completed out of turn", mark);
    this.records.releaseBatch();
    this.committed = this.flying;
    this.hashes.committedUpTo(this.flying);
  }

  /** The probe holds the key at `place`; false when it does not exist. */
  private deleteKey(place: number, visit: KeyValueVisitor | undefined): boolean {
    const { records } = this;
    if (records.arena.version(place) === 0) return false;
    if (visit !== undefined) {
      records.load(records.arena.head(place));
      visit(records.bytes, records.start, records.end);
    }
    records.delete(place, this.current + 1, this.nextSub);
    this.nextSub += 1;
    return true;
  }
}
