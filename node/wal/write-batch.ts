/**
 * What waits for the next log write, and its bytes: snapshot records, entries, and the hard state as the last record, which is
 * there in every write (torn-tail.ts can tell by it where a write ended). Knows the order of records; does no I/O.
 */
import { assert } from "../lib/assert.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Entry, HardState } from "../raft/types.ts";
import { RecordEncoder } from "./record-encoder.ts";
import { isEmptyHardState } from "./replay.ts";
import type { WalSnapshot } from "./walpb.ts";

const noEntries: readonly Entry[] = [];

/** Where a log stands. */
export interface LogPosition {
  readonly metadataBytes: Uint8Array;
  readonly hardState: HardState;
  readonly lastIndex: LogIndex;
  /** The running sum behind the last record. */
  readonly crc: number;
}

export class WriteBatch {
  readonly encoder: RecordEncoder;
  private readonly metadataBytes: Uint8Array;
  /** The last one that went into a write. */
  private hardState: HardState;
  private lastEntryIndex: LogIndex;
  /** The state must not get to disk before the entries it was saved with. */
  private nextState: HardState | undefined;
  private entries: readonly Entry[] = noEntries;
  private snapshots: WalSnapshot[] = [];
  /** The last of `snapshots` came from another member. */
  private isLogEnding = false;

  constructor(at: LogPosition) {
    this.encoder = new RecordEncoder(at.crc);
    this.metadataBytes = at.metadataBytes;
    this.hardState = at.hardState;
    this.lastEntryIndex = at.lastIndex;
  }

  /** Index of the last entry, or of a later snapshot, that went into a write. */
  get lastIndex(): LogIndex {
    return this.lastEntryIndex;
  }

  get hasRecords(): boolean {
    return this.nextState !== undefined || this.snapshots.length > 0 || this.entries.length > 0;
  }

  /** Takes a save in; false when nothing of it is urgent, because only the commit moved: that goes out with a later write. */
  add(hardState: HardState | undefined, entries: readonly Entry[]): boolean {
    let isUrgent = entries.length > 0;
    if (hardState !== undefined) {
      const before = this.nextState ?? this.hardState;
      const { term, vote, commit } = hardState;
      isUrgent ||= term !== before.term || vote !== before.vote;
      if (isUrgent || commit !== before.commit) this.nextState = hardState;
    }
    if (isUrgent) this.entries = entries;
    return isUrgent;
  }

  private addSnapshot(snapshot: WalSnapshot): void {
    const isComplete = snapshot.confState !== undefined || snapshot.index === 0;
    assert(isComplete, "a snapshot record needs its conf state", snapshot.index);
    this.snapshots.push(snapshot);
  }

  /**
   * Takes in a mark of this member's own. What it covers was applied, so it is committed, though the state that was saved last may not say so
   * yet; the record counts only together with one that does.
   */
  addMark(snapshot: WalSnapshot): void {
    this.raiseCommit(snapshot.index);
    this.addSnapshot(snapshot);
  }

  /** What is written next says that `index` is committed. */
  raiseCommit(index: LogIndex): void {
    const state = this.nextState ?? this.hardState;
    if (state.commit < index) this.nextState = { ...state, commit: index };
  }

  /** Takes in a snapshot that ends the log before it, with what was saved together with it. */
  addReceived(
    snapshot: WalSnapshot,
    hardState: HardState | undefined,
    entries: readonly Entry[],
  ): void {
    this.addSnapshot(snapshot);
    this.add(hardState, entries);
    this.isLogEnding = true;
  }

  /** Puts all that waits into the encoder, which then holds the bytes of one write. */
  encode(): void {
    const { encoder, entries, snapshots } = this;
    encoder.reset();
    if (snapshots.length > 0) {
      for (const snapshot of snapshots) {
        encoder.snapshot(snapshot);
        if (snapshot.index > this.lastEntryIndex) this.lastEntryIndex = snapshot.index;
      }
      // What the log held above belongs to nothing any more.
      if (this.isLogEnding) this.lastEntryIndex = (snapshots.at(-1) as WalSnapshot).index;
      this.isLogEnding = false;
      this.snapshots = [];
    }
    if (entries.length > 0) this.encodeEntries(entries);
    if (this.nextState !== undefined) {
      this.hardState = this.nextState;
      this.nextState = undefined;
    }
    if (!isEmptyHardState(this.hardState)) encoder.state(this.hardState);
  }

  /** Puts the first records of a new file into the encoder. */
  encodeHead(): void {
    const { encoder } = this;
    encoder.reset();
    encoder.handOver();
    encoder.metadata(this.metadataBytes);
    if (!isEmptyHardState(this.hardState)) encoder.state(this.hardState);
  }

  private encodeEntries(entries: readonly Entry[]): void {
    let index: number = (entries[0] as Entry).index;
    assert(index >= 1 && index <= this.lastEntryIndex + 1, "gap before the entries to save", index);
    for (const entry of entries) {
      assert(entry.index === index, "gap between the entries to save", entry.index);
      this.encoder.entry(entry);
      index += 1;
    }
    this.lastEntryIndex = (index - 1) as LogIndex;
    this.entries = noEntries;
  }
}
