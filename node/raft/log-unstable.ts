/**
 * What was accepted and is not durable yet: perhaps a snapshot, then entries (etcd raft/log_unstable.go).
 *
 *     snapshot │ entries[0] at offset … handed out to be written │ offsetInProgress … not handed out yet │ lastIndex
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import { logIndex } from "../lib/units.ts";
import type { Entry, Snapshot } from "./types.ts";

/** Invariants: offset <= offsetInProgress <= lastIndex + 1; a pending snapshot's index is below offset; entries are contiguous. */
export class UnstableLog {
  /** Log index of entries[0], also when there is none yet. It may be below the end of the stable log, whose tail it then replaces. */
  private firstIndex: LogIndex;
  private entries: Entry[] = [];
  /** Entries below this index were handed out to be written. */
  private offsetInProgress: LogIndex;
  private pendingSnapshot: Snapshot | undefined;
  private isSnapshotInProgress = false;

  constructor(offset: LogIndex) {
    this.firstIndex = offset;
    this.offsetInProgress = offset;
  }

  /** From here on the log is what stands here, whatever the stable part holds. */
  get offset(): LogIndex {
    return this.firstIndex;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.firstIndex + this.entries.length - 1);
  }

  /** A snapshot that was accepted and is not installed. */
  get snapshot(): Snapshot | undefined {
    return this.pendingSnapshot;
  }

  get hasNext(): boolean {
    return this.offsetInProgress <= this.lastIndex;
  }

  get hasNextSnapshot(): boolean {
    return this.pendingSnapshot !== undefined && !this.isSnapshotInProgress;
  }

  entry(index: LogIndex): Entry | undefined {
    return this.entries[index - this.firstIndex];
  }

  /** The term of an entry here, or of the pending snapshot. */
  term(index: LogIndex): Term | undefined {
    const metadata = this.pendingSnapshot?.metadata;
    if (metadata !== undefined && metadata.index === index) return metadata.term;
    return this.entries[index - this.firstIndex]?.term;
  }

  /** One entry more at the end: the leader's way. */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, "unstable log must grow by one", entry.index);
    this.entries.push(entry);
  }

  /** Entries that continue the log or replace its tail from their first index on: the follower's way. They must not be empty. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]?.index;
    assert(from !== undefined, "nothing to append");
    assert(from <= this.lastIndex + 1, "append leaves a gap in the unstable log", from);
    if (from <= this.firstIndex) {
      assert(
        this.pendingSnapshot === undefined || from > this.pendingSnapshot.metadata.index,
        "append below the snapshot",
        from,
      );
      this.entries = [...entries];
      this.firstIndex = from;
      this.offsetInProgress = from;
      return;
    }
    this.entries.length = from - this.firstIndex;
    for (const entry of entries) this.entries.push(entry);
    // What was handed out and is replaced now must be written again.
    if (this.offsetInProgress > from) this.offsetInProgress = from;
  }

  /** Takes the place of all entries. */
  restore(snapshot: Snapshot): void {
    this.firstIndex = logIndex(snapshot.metadata.index + 1);
    this.offsetInProgress = this.firstIndex;
    this.entries = [];
    this.pendingSnapshot = snapshot;
    this.isSnapshotInProgress = false;
  }

  /** The entries that were not handed out yet; they count as in progress from now on. */
  takeNext(): readonly Entry[] {
    const next = this.entries.slice(this.offsetInProgress - this.firstIndex);
    this.offsetInProgress = logIndex(this.lastIndex + 1);
    return next;
  }

  /** The snapshot, if it was not handed out yet. */
  takeNextSnapshot(): Snapshot | undefined {
    if (!this.hasNextSnapshot) return undefined;
    this.isSnapshotInProgress = true;
    return this.pendingSnapshot;
  }

  /**
   * Entries up to `index` of `term` are durable. Another term there means that the tail was replaced meanwhile; it is then written
   * again as a whole, because only one write is in flight at a time.
   */
  stableTo(index: LogIndex, term: Term): void {
    if (this.entries[index - this.firstIndex]?.term !== term) return;
    this.entries = this.entries.slice(index + 1 - this.firstIndex);
    this.firstIndex = logIndex(index + 1);
    if (this.offsetInProgress < this.firstIndex) this.offsetInProgress = this.firstIndex;
  }

  /** The snapshot of `index` is installed; a newer one may have come meanwhile. */
  stableSnapshotTo(index: LogIndex): void {
    if (this.pendingSnapshot?.metadata.index !== index) return;
    this.pendingSnapshot = undefined;
    this.isSnapshotInProgress = false;
  }
}
