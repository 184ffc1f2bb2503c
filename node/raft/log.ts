/**
 * The log as raft sees it: the stable part and the unstable tail as one, with the two marks that only move up
 * (thesis figure 3.1): applying <= committed <= lastIndex.
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import { logIndex } from "../lib/units.ts";
import { UnstableLog } from "./log-unstable.ts";
import type { MemoryStorage } from "./memory-storage.ts";
import type { Entry } from "./types.ts";

export class RaftLog {
  readonly unstable: UnstableLog;
  private readonly storage: MemoryStorage;
  private committedIndex: LogIndex;
  /** Highest index handed out to be applied. */
  private applyingIndex: LogIndex;

  constructor(storage: MemoryStorage, committed: LogIndex, applied: LogIndex) {
    assert(applied <= committed, "applied beyond committed", applied);
    assert(committed <= storage.lastIndex, "committed beyond the end of the log", committed);
    this.storage = storage;
    this.unstable = new UnstableLog(logIndex(storage.lastIndex + 1));
    this.committedIndex = committed;
    this.applyingIndex = applied;
  }

  get lastIndex(): LogIndex {
    return this.unstable.lastIndex;
  }

  get committed(): LogIndex {
    return this.committedIndex;
  }

  get applying(): LogIndex {
    return this.applyingIndex;
  }

  term(index: LogIndex): Term | undefined {
    return index >= this.unstable.firstIndex ? this.unstable.term(index) : this.storage.term(index);
  }

  append(entry: Entry): void {
    this.unstable.append(entry);
  }

  /** Moves the commit mark if the entry there is of the leader's own term (thesis 3.6.2: never count older ones). */
  maybeCommit(index: LogIndex, term: Term): boolean {
    if (index <= this.committedIndex || this.term(index) !== term) return false;
    assert(index <= this.lastIndex, "commit beyond the end of the log", index);
    this.committedIndex = index;
    return true;
  }

  /** At most `countMax` committed and durable entries that were not handed out yet, in order. */
  takeCommitted(countMax: number): readonly Entry[] {
    const low = this.applyingIndex;
    const high = Math.min(this.committedIndex, this.storage.lastIndex, low + countMax);
    if (high <= low) return [];
    this.applyingIndex = logIndex(high);
    return this.storage.slice(logIndex(low + 1), logIndex(high + 1));
  }

  get hasCommitted(): boolean {
    return Math.min(this.committedIndex, this.storage.lastIndex) > this.applyingIndex;
  }
}
