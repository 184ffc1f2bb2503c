/**
 * The log as raft sees it: the stable part and the unstable tail as one, with the marks that only move up (thesis figure 3.1, etcd
 * raft/log.go):
 *
 *     compacted <= applied <= applying <= committed <= lastIndex,  applying <= stable
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import { term as asTerm, logIndex } from "../lib/units.ts";
import { entrySize } from "./entry-size.ts";
import { UnstableLog } from "./log-unstable.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import type { Entry, Snapshot, SnapshotMetadata } from "./types.ts";

/** A place in the log and the term of what is there. */
interface LogPosition {
  readonly index: LogIndex;
  /** 0 when unknown. */
  readonly term: Term;
}

const noEntries: readonly Entry[] = [];
const zeroTerm = asTerm(0);

export class RaftLog {
  readonly unstable: UnstableLog;
  private readonly storage: MemoryStorage;
  private committedIndex: LogIndex;
  private applyingIndex: LogIndex;
  private appliedIndex: LogIndex;

  constructor(storage: MemoryStorage, committed: LogIndex, applied: LogIndex) {
    assert(applied <= committed, "applied beyond committed", applied);
    assert(committed <= storage.lastIndex, "committed beyond the end of the log", committed);
    assert(applied >= storage.firstIndex - 1, "the log begins behind what is applied", applied);
    this.storage = storage;
    this.unstable = new UnstableLog(logIndex(storage.lastIndex + 1));
    this.committedIndex = committed;
    this.applyingIndex = applied;
    this.appliedIndex = applied;
  }

  /** The oldest entry that can be read; older ones are compacted, or replaced by a snapshot that waits to be installed. */
  get firstIndex(): LogIndex {
    const { snapshot } = this.unstable;
    return snapshot === undefined ? this.storage.firstIndex : logIndex(snapshot.metadata.index + 1);
  }

  get lastIndex(): LogIndex {
    return this.unstable.lastIndex;
  }

  get lastTerm(): Term {
    const term = this.term(this.lastIndex);
    assert(term !== undefined, "the last entry has no term", this.lastIndex);
    return term;
  }

  get committed(): LogIndex {
    return this.committedIndex;
  }

  /** Highest index handed out to be applied. */
  get applying(): LogIndex {
    return this.applyingIndex;
  }

  get applied(): LogIndex {
    return this.appliedIndex;
  }

  /** A snapshot was accepted and is not installed yet. */
  get hasPendingSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** What a follower that is too far behind can be given; undefined while there is nothing. */
  get snapshotMetadata(): SnapshotMetadata | undefined {
    return this.unstable.snapshot?.metadata ?? this.storage.snapshotMetadata;
  }

  /** Known in [firstIndex - 1, lastIndex]; undefined outside. */
  term(index: LogIndex): Term | undefined {
    if (index >= this.unstable.offset) return this.unstable.term(index);
    if (this.unstable.snapshot !== undefined) return this.unstable.term(index);
    return this.storage.term(index);
  }

  matchesTerm(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** A log that ends there may lead: its last term is later, or the same and it is not shorter (thesis 3.6.1). */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const { lastTerm } = this;
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex);
  }

  /** The leader's way: one entry at the end. */
  append(entry: Entry): void {
    this.unstable.append(entry);
  }

  /**
   * The follower's way: entries that follow `previous`, and the leader's commit index. The index of the last of them, up to which both
   * logs are equal now; undefined when the log has no such entry to follow. What is there already stays: a late message must not cut
   * off entries that came after it (thesis 3.5, figure 3.1).
   */
  maybeAppend(
    previous: LogPosition,
    entries: readonly Entry[],
    committed: LogIndex,
  ): LogIndex | undefined {
    if (!this.matchesTerm(previous.index, previous.term)) return undefined;
    const lastNew = logIndex(previous.index + entries.length);
    let known = 0;
    for (const { index, term } of entries) {
      assert(index === previous.index + known + 1, "entries of a message have a gap", index);
      if (!this.matchesTerm(index, term)) break;
      known += 1;
    }
    if (known < entries.length) {
      const from = previous.index + known + 1;
      assert(from > this.committedIndex, "conflict with a committed entry", from);
      this.unstable.truncateAndAppend(known === 0 ? entries : entries.slice(known));
    }
    this.commitTo(committed < lastNew ? committed : lastNew);
    return lastNew;
  }

  /**
   * The highest position at or below `index` whose term is at most `term`: where a log of which only this is known may agree with this
   * one. Term 0 where ours is unknown, or the log is at its begin.
   */
  findConflictByTerm(index: LogIndex, term: Term): LogPosition {
    for (let at: number = index; at > 0; at--) {
      const ours = this.term(at as LogIndex);
      if (ours === undefined) return { index: at as LogIndex, term: zeroTerm };
      if (ours <= term) return { index: at as LogIndex, term: ours };
    }
    return { index: logIndex(0), term: zeroTerm };
  }

  /** Moves the commit mark up; a lower index changes nothing. A leader's word beyond our log means that the log was lost. */
  commitTo(index: LogIndex): void {
    if (index <= this.committedIndex) return;
    assert(index <= this.lastIndex, "commit beyond the end of the log", index);
    this.committedIndex = index;
  }

  /** Moves the commit mark if the entry there is of the leader's own term (thesis 3.6.2: never count older ones). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.committedIndex || !this.matchesTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** All of the log up to there is replaced. Precondition: the snapshot is beyond the commit mark. */
  restore(snapshot: Snapshot): void {
    assert(
      snapshot.metadata.index > this.committedIndex,
      "a snapshot below the commit mark",
      snapshot.metadata.index,
    );
    this.committedIndex = snapshot.metadata.index;
    this.unstable.restore(snapshot);
  }

  entry(index: LogIndex): Entry {
    const { unstable } = this;
    const entry = index >= unstable.offset ? unstable.entry(index) : this.storage.entry(index);
    assert(entry !== undefined, "no such entry in the log", index);
    return entry;
  }

  /** Entries in [low, high) of at most `bytesMax` together, but at least one. Precondition: they are in the log. */
  slice(low: LogIndex, high: LogIndex, bytesMax: number): readonly Entry[] {
    assert(low >= this.firstIndex && high <= this.lastIndex + 1, "slice outside of the log", low);
    if (low >= high) return noEntries;
    const entries: Entry[] = [];
    let bytes = 0;
    for (let index: number = low; index < high; index++) {
      const entry = this.entry(index as LogIndex);
      bytes += entrySize(entry);
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  /**
   * The next committed and durable entries that were not handed out yet, in order: at most `countMax`, and at most `bytesMax` bytes
   * unless the first one is larger. None while a snapshot waits, which comes before them.
   */
  takeCommitted(countMax: number, bytesMax: number): readonly Entry[] {
    if (!this.hasCommitted) return noEntries;
    const low = this.applyingIndex + 1;
    const high = Math.min(this.appliableIndex, this.applyingIndex + countMax) + 1;
    const entries = this.slice(low as LogIndex, high as LogIndex, bytesMax);
    this.applyingIndex = logIndex(this.applyingIndex + entries.length);
    return entries;
  }

  get hasCommitted(): boolean {
    return !this.hasPendingSnapshot && this.appliableIndex > this.applyingIndex;
  }

  /** Everything up to `index` is applied. An installed snapshot may be ahead of what was handed out. */
  appliedTo(index: LogIndex): void {
    assert(index >= this.appliedIndex, "applied goes back", index);
    assert(index <= this.committedIndex, "applied beyond committed", index);
    this.appliedIndex = index;
    if (this.applyingIndex < index) this.applyingIndex = index;
  }

  /** An entry that is committed and not durable here could be lost in a crash while its effect stays. */
  private get appliableIndex(): number {
    return Math.min(this.committedIndex, this.unstable.offset - 1);
  }
}
