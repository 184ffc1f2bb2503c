/** Entries that were accepted and are not durable yet (etcd raft/log_unstable.go). */
import { assert } from "../lib/assert.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import { logIndex } from "../lib/units.ts";
import type { Entry } from "./types.ts";

export class UnstableLog {
  /** Log index of entries[0], also when there is none yet. */
  private offset: LogIndex;
  private entries: Entry[] = [];
  /** Entries below this index were handed out to be written. Invariant: offset <= offsetInProgress <= lastIndex + 1. */
  private offsetInProgress: LogIndex;

  constructor(offset: LogIndex) {
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.offset + this.entries.length - 1);
  }

  get firstIndex(): LogIndex {
    return this.offset;
  }

  get hasNext(): boolean {
    return this.offsetInProgress <= this.lastIndex;
  }

  term(index: LogIndex): Term | undefined {
    return this.entries[index - this.offset]?.term;
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, "unstable log must grow by one", entry.index);
    this.entries.push(entry);
  }

  /** The entries that were not handed out yet; they count as in progress from now on. */
  takeNext(): readonly Entry[] {
    const next = this.entries.slice(this.offsetInProgress - this.offset);
    this.offsetInProgress = logIndex(this.lastIndex + 1);
    return next;
  }

  /** Entries up to `index` of `term` are durable. An entry of another term there means that the tail was replaced meanwhile. */
  stableTo(index: LogIndex, term: Term): void {
    if (index < this.offset || this.term(index) !== term) return;
    this.entries = this.entries.slice(index + 1 - this.offset);
    this.offset = logIndex(index + 1);
    if (this.offsetInProgress < this.offset) this.offsetInProgress = this.offset;
  }
}
