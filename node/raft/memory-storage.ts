/**
 * The stable part of the log, in memory: what the log on disk holds from the last compaction on. The member appends here
 * once the entries are durable, so everything in it may be counted on.
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import { logIndex } from "../lib/units.ts";
import type { ConfState, Entry, HardState, SnapshotMetadata } from "./types.ts";

/**
 * Guarantees: indexes are contiguous from firstIndex to lastIndex; the term of firstIndex - 1 is known, so that the log there can still
 * be matched. Callers append in order and never read what is compacted.
 */
export class MemoryStorage {
  readonly initialHardState: HardState;
  readonly initialConfState: ConfState;
  /** Entries after `compacted`; entries[0].index === compacted.index + 1. */
  private entries: Entry[];
  /** Index and term of the newest entry that is gone. */
  private compacted: { readonly index: LogIndex; readonly term: Term };
  private newestState: SnapshotMetadata | undefined;

  constructor(snapshot: SnapshotMetadata, hardState: HardState, entries: readonly Entry[]) {
    this.initialHardState = hardState;
    this.initialConfState = snapshot.confState;
    this.compacted = { index: snapshot.index, term: snapshot.term };
    this.entries = [...entries];
    assert(
      entries.length === 0 || entries[0]?.index === snapshot.index + 1,
      "the log does not continue its snapshot",
      entries[0]?.index,
    );
  }

  get firstIndex(): LogIndex {
    return logIndex(this.compacted.index + 1);
  }

  get lastIndex(): LogIndex {
    return logIndex(this.compacted.index + this.entries.length);
  }

  /** The term of a stored entry, or of the newest one that is gone; undefined when older or not there yet. */
  term(index: LogIndex): Term | undefined {
    if (index === this.compacted.index) return this.compacted.term;
    return this.entries[index - this.compacted.index - 1]?.term;
  }

  /** The newest state that a follower whose entries are gone can be given; undefined while there is none that the log continues. */
  get snapshotMetadata(): SnapshotMetadata | undefined {
    const metadata = this.newestState;
    return metadata !== undefined && metadata.index >= this.compacted.index ? metadata : undefined;
  }

  /** The member can send the state at this index. Undefined: not now. */
  setSnapshotMetadata(metadata: SnapshotMetadata | undefined): void {
    this.newestState = metadata;
  }

  /** A snapshot from the leader is installed: the log is empty behind it, and its state can be passed on. */
  applySnapshot(metadata: SnapshotMetadata): void {
    assert(metadata.index > this.compacted.index, "an old snapshot", metadata.index);
    this.entries = [];
    this.compacted = { index: metadata.index, term: metadata.term };
    this.newestState = metadata;
  }

  entry(index: LogIndex): Entry | undefined {
    return this.entries[index - this.compacted.index - 1];
  }

  /** Entries in [low, high). Precondition: both inside [firstIndex, lastIndex + 1]. */
  slice(low: LogIndex, high: LogIndex): readonly Entry[] {
    assert(
      low >= this.firstIndex && high <= this.lastIndex + 1,
      "slice outside of the stable log",
      low,
    );
    return this.entries.slice(low - this.firstIndex, high - this.firstIndex);
  }

  /** Adds durable entries. They continue the log, or replace its tail from their first index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.compacted.index, "append below the compacted index", first.index);
    assert(first.index <= this.lastIndex + 1, "append leaves a gap in the log", first.index);
    this.entries.length = first.index - this.firstIndex;
    for (const entry of entries) this.entries.push(entry);
  }

  /** Forgets entries up to `index`. They must be applied, and no longer needed by a slow follower. */
  compact(index: LogIndex): void {
    if (index <= this.compacted.index) return;
    const term = this.term(index);
    assert(term !== undefined, "compact beyond the stable log", index);
    this.entries = this.entries.slice(index - this.compacted.index);
    this.compacted = { index, term };
  }
}
