/** What the records of a log add up to: metadata, hard state and entries behind a snapshot (wal/wal.go, ReadAll). */
import { CorruptionError } from "../lib/corruption-error.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import { Reader } from "../proto/wire.ts";
import type { Entry, HardState } from "../raft/types.ts";
import { type RecordView, recordType } from "./record.ts";
import {
  decodeEntry,
  decodeHardState,
  decodeMetadata,
  decodeSnapshot,
  RecordError,
  type WalMetadata,
  type WalSnapshot,
} from "./walpb.ts";

export const emptyHardState: HardState = {
  term: 0 as Term,
  vote: 0n as MemberId,
  commit: 0 as LogIndex,
};

export const isEmptyHardState = (state: HardState): boolean =>
  state.term === 0 && state.vote === 0n && state.commit === 0;

export class Replay {
  hardState: HardState = emptyHardState;
  /** Entries behind the snapshot; the last one written for an index counts, and ends the log there. */
  readonly entries: Entry[] = [];
  /** Highest index written last, of an entry or a later snapshot: names the next file. */
  lastIndex = 0 as LogIndex;
  /** The metadata record's bytes: later files repeat them exactly, since etcd compares bytes. */
  metadataBytes: Uint8Array | undefined;
  private readonly reader = new Reader(new Uint8Array(0));
  private readonly from: WalSnapshot;
  private isSnapshotFound = false;
  /** Of the entry at `from.index`, if the log has one. */
  private termAtFrom: Term | undefined;
  private metadata: WalMetadata | undefined;

  constructor(from: WalSnapshot) {
    this.from = from;
  }

  /** A `RecordVisitor`. */
  readonly visit = (buffer: Buffer, record: RecordView): void => {
    const { reader } = this;
    reader.reset(buffer, record.dataStart, record.dataEnd);
    switch (record.type) {
      case recordType.entry:
        this.addEntry(decodeEntry(reader));
        return;
      case recordType.state:
        this.hardState = decodeHardState(reader);
        return;
      case recordType.metadata:
        this.addMetadata(buffer.subarray(record.dataStart, record.dataEnd));
        return;
      case recordType.snapshot:
        this.addSnapshot(decodeSnapshot(reader));
        return;
      case recordType.crc:
        return;
      default:
        throw new RecordError(`unexpected record type ${record.type}`);
    }
  };

  private addEntry(entry: Entry): void {
    const { entries, from } = this;
    const at = entry.index - from.index - 1;
    if (at > entries.length) {
      throw new RecordError(`entry ${entry.index} follows entry ${from.index + entries.length}`);
    }
    if (at >= 0) {
      if (at < entries.length) entries.length = at;
      const before = at === 0 ? undefined : entries[at - 1];
      if (before !== undefined && before.term > entry.term) {
        throw new RecordError(
          `entry ${entry.index} of term ${entry.term} follows one of term ${before.term}`,
        );
      }
      entries.push(entry);
    } else if (at === -1) {
      this.termAtFrom = entry.term;
    }
    this.lastIndex = entry.index;
  }

  /** The bytes are decoded here, where what is wrong with them still has a place in a file. */
  private addMetadata(bytes: Buffer): void {
    if (this.metadataBytes === undefined) {
      this.metadata = decodeMetadata(this.reader);
      this.metadataBytes = Uint8Array.from(bytes);
    } else if (!bytes.equals(this.metadataBytes)) {
      throw new RecordError("metadata differs from that of the records before");
    }
  }

  private addSnapshot(snapshot: WalSnapshot): void {
    if (snapshot.index > this.lastIndex) this.lastIndex = snapshot.index;
    if (snapshot.index !== this.from.index) return;
    if (snapshot.term !== this.from.term) {
      throw new RecordError(
        `snapshot at index ${snapshot.index} has term ${snapshot.term}, expected ${this.from.term}`,
      );
    }
    this.isSnapshotFound = true;
    // A snapshot that came from another member ended the log that was here: what it held above belongs to nothing any more. etcd keeps
    // such entries, and then counts with a log whose terms go down.
    if (this.termAtFrom !== snapshot.term) {
      this.entries.length = 0;
      this.lastIndex = snapshot.index;
    }
  }

  /** The checks that need the whole log. `dir` is named in the error. */
  finish(dir: string): WalMetadata {
    const { from, hardState, metadata } = this;
    if (metadata === undefined) throw new CorruptionError(`wal: ${dir} has no metadata record`);
    if (!this.isSnapshotFound) {
      throw new CorruptionError(
        `wal: ${dir} has no record of the snapshot at index ${from.index}, term ${from.term}`,
      );
    }
    const last = from.index + this.entries.length;
    if (hardState.commit > last) {
      throw new CorruptionError(
        `wal: ${dir} says that index ${hardState.commit} is committed, but its entries end at ${last}`,
      );
    }
    return metadata;
  }
}

/**
 * Gathers snapshot records. Valid are those that the hard state before them, or the first one behind them, says are committed. (etcd
 * asks the last hard state, wal/wal.go, ValidSnapshotEntries: a received snapshot whose own hard state was lost in a crash would be
 * taken for one as soon as the log has grown beyond it.)
 */
export class SnapshotScan {
  metadata: WalMetadata | undefined;
  private readonly snapshots: WalSnapshot[] = [];
  /** Behind the last hard state. */
  private open: WalSnapshot[] = [];
  private commit = 0;

  readonly visit = (buffer: Buffer, record: RecordView): void => {
    if (record.type === recordType.entry) return;
    const reader = new Reader(buffer, record.dataStart, record.dataEnd);
    if (record.type === recordType.snapshot) this.open.push(decodeSnapshot(reader));
    else if (record.type === recordType.state) this.close(decodeHardState(reader).commit);
    else if (record.type === recordType.metadata) this.metadata = decodeMetadata(reader);
  };

  valid(): WalSnapshot[] {
    return [...this.snapshots, ...this.open.filter(({ index }) => index <= this.commit)];
  }

  private close(commit: LogIndex): void {
    this.commit = Math.max(this.commit, commit);
    for (const snapshot of this.open) {
      if (snapshot.index <= this.commit) this.snapshots.push(snapshot);
    }
    this.open = [];
  }
}
