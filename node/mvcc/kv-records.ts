/**
 * The store's memory, put together: keys (arena, hash, tree), history (revision log) and newest bytes (value cache), over the
 * backend. It writes and reads single records; transactions and revisions are KvStore's business, ranges RangeReader's.
 */

import type { Backend } from "../backend/backend.ts";
import { recordKind } from "../backend/backend.ts";
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { Revision } from "../lib/units.ts";
import { copyBytes } from "./copy-bytes.ts";
import { KeyArena } from "./key-arena.ts";
import { KeyHash } from "./key-hash.ts";
import { KeyIndex } from "./key-index.ts";
import { KeyLeases } from "./key-leases.ts";
import { type HashSecrets, KeyProbe } from "./key-probe.ts";
import {
  keyValueSize,
  tombstoneSize,
  writeKey,
  writeLease,
  writeRevisions,
  writeValue,
} from "./key-value.ts";
import { revisionKeyBytes, tombstoneKeyBytes } from "./revision-key.ts";
import { RevisionLog } from "./revision-log.ts";
import { ValueCache } from "./value-cache.ts";

export class KvRecords {
  readonly arena = new KeyArena();
  readonly hash: KeyHash;
  readonly index: KeyIndex;
  readonly log = new RevisionLog();
  readonly leases = new KeyLeases();
  readonly cache: ValueCache;
  readonly backend: Backend;
  readonly probe: KeyProbe;
  /** Bytes of all records as etcd would store them: revision key and KeyValue. What quota and dashboards mean by size. */
  logicalBytes = 0;
  /** Records that `load` had to ask the backend for. */
  coldReads = 0;
  /** The record that `load` found: `bytes[start, end)`, valid until the next call of any method. */
  bytes: Uint8Array = emptyBytes;
  start = 0;
  end = 0;

  /** Cache positions of the first record of the open batch and of the batch in flight; Infinity when it has none. */
  private openFrom = Infinity;
  private flyingFrom = Infinity;

  constructor(backend: Backend, secrets: HashSecrets, valueCacheBytesMax: number) {
    this.backend = backend;
    this.probe = new KeyProbe(...secrets);
    this.hash = new KeyHash(this.arena);
    this.index = new KeyIndex(this.arena);
    this.cache = new ValueCache(valueCacheBytesMax);
  }

  /** Place of a key, dead or live; 0 when no record has it. */
  find(bytes: Uint8Array, start: number, end: number): number {
    this.probe.load(bytes, start, end);
    return this.hash.find(this.probe);
  }

  /** Place of a key that exists from now on: found, or added with a zero state. The caller sets its state. */
  bringToLife(bytes: Uint8Array, start: number, end: number): number {
    const found = this.find(bytes, start, end);
    if (found === 0) return this.add();
    if (this.arena.version(found) === 0) this.index.changeLives(this.probe, 1);
    return found;
  }

  /** Writes a put of the key at `place`, which was brought to life, as record (main, sub). */
  put(
    place: number,
    main: number,
    sub: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    lease: bigint,
  ): void {
    const { arena, cache, log } = this;
    const oldVersion = arena.version(place);
    const version = oldVersion + 1;
    const createRevision = oldVersion === 0 ? main : arena.createRevision(place);
    const keyLength = arena.keyLength(place);
    const size = keyValueSize(
      keyLength,
      createRevision,
      main,
      version,
      valueEnd - valueStart,
      lease,
    );
    const position = cache.allocate(size);
    const { slab, offset } = cache;
    const keyStart = arena.keyStart(place);
    let at = writeKey(slab, offset, arena.slab(place), keyStart, keyStart + keyLength);
    at = writeRevisions(slab, at, createRevision, main, version);
    at = writeValue(slab, at, value, valueStart, valueEnd);
    at = writeLease(slab, at, lease);
    assert(at === offset + size, "marshalled KeyValue has another size than computed");
    const ordinal = log.append(main, sub, false, place, arena.head(place));
    log.setRecord(ordinal, position, size);
    arena.setLive(place, createRevision, version, ordinal);
    if (lease !== 0n || this.leases.size > 0) this.leases.put(place, lease);
    this.logicalBytes += revisionKeyBytes + size;
    this.hold(position);
    this.backend.append(main as Revision, sub, recordKind.put, slab, offset, at);
  }

  /** Writes a tombstone of the live key at `place`, which the probe holds, as record (main, sub). */
  delete(place: number, main: number, sub: number): void {
    const { arena, cache, log } = this;
    const keyStart = arena.keyStart(place);
    const keyLength = arena.keyLength(place);
    const size = tombstoneSize(keyLength);
    const position = cache.allocate(size);
    const { slab, offset } = cache;
    const end = writeKey(slab, offset, arena.slab(place), keyStart, keyStart + keyLength);
    const ordinal = log.append(main, sub, true, place, arena.head(place));
    log.setRecord(ordinal, position, size);
    arena.setDead(place, ordinal);
    if (this.leases.size > 0) this.leases.delete(place);
    this.index.changeLives(this.probe, -1);
    this.logicalBytes += tombstoneKeyBytes + size;
    this.hold(position);
    this.backend.append(main as Revision, sub, recordKind.tombstone, slab, offset, end);
  }

  /**
   * Takes a committed record away: from the log and with the open batch from the backend. A key whose newest record it was has no
   * other left, and goes too. The caller answers for nobody needing the record.
   */
  remove(ordinal: number): void {
    const { arena, log } = this;
    const place = log.place(ordinal);
    const keyBytes = log.isTombstone(ordinal) ? tombstoneKeyBytes : revisionKeyBytes;
    this.logicalBytes -= keyBytes + log.recordLength(ordinal);
    this.backend.remove(log.main(ordinal) as Revision, log.sub(ordinal));
    log.remove(ordinal);
    if (arena.head(place) !== ordinal) return;
    assert(arena.version(place) === 0, "the newest put of a key was compacted", ordinal);
    arena.loadProbe(place, this.probe);
    this.index.remove(this.probe, place);
    this.hash.remove(this.probe.hash, place);
    arena.remove(place);
  }

  /**
   * Finds the bytes of a record, from the backend when the cache has lost them. What a scan reads pushes out nothing: a range larger than
   * the cache would find none of its records there the next time, instead of as many as fit. Throws CorruptionError.
   */
  load(ordinal: number, isScan = false): void {
    const { cache, log } = this;
    if (cache.locate(log.cachePosition(ordinal))) {
      this.bytes = cache.slab;
      this.start = cache.offset;
      this.end = cache.offset + log.recordLength(ordinal);
      return;
    }
    const bytes = this.backend.read(log.main(ordinal) as Revision, log.sub(ordinal));
    if (!isScan || !cache.isFullFor(bytes.length)) this.keep(ordinal, bytes, 0, bytes.length);
    this.coldReads += 1;
    this.bytes = bytes;
    this.start = 0;
    this.end = bytes.length;
  }

  /** Puts a copy of a committed record into the cache, unless there is no room beside what must stay. */
  keep(ordinal: number, bytes: Uint8Array, start: number, end: number): void {
    const { cache } = this;
    if (cache.isFullOfPinned(end - start)) return;
    const position = cache.allocate(end - start);
    copyBytes(bytes, start, end, cache.slab, cache.offset);
    this.log.setRecord(ordinal, position, end - start);
  }

  /** The backend's open batch goes on its way: from now on its records and the next ones' are told apart. */
  sealBatch(): void {
    assert(this.flyingFrom === Infinity, "two backend batches in flight");
    this.flyingFrom = this.openFrom;
    this.openFrom = Infinity;
  }

  /** The batch in flight is on disk: its records may be evicted. */
  releaseBatch(): void {
    this.flyingFrom = Infinity;
    this.cache.pin(this.openFrom);
  }

  /** Memory held, in bytes, without the value cache. */
  get indexBytes(): number {
    return (
      this.arena.residentBytes +
      this.hash.residentBytes +
      this.index.residentBytes +
      this.log.residentBytes
    );
  }

  /** Adds the probe's key, which `find` did not find, and which exists from now on. */
  private add(): number {
    const { probe } = this;
    const place = this.arena.add(probe);
    this.hash.insert(probe.hash, place);
    this.index.insert(probe, place, 1);
    return place;
  }

  private hold(position: number): void {
    if (this.openFrom !== Infinity) return;
    this.openFrom = position;
    if (this.flyingFrom === Infinity) this.cache.pin(position);
  }
}
