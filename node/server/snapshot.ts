/**
 * What lets entries go, on disk and in memory.
 *
 * On disk: marks in the log from which a restart may begin, and the `.snap` file of each. A mark is set, and log segments are released,
 * only behind a completed synced commit of the backend at or after that index (DESIGN section 2, rule 2).
 *
 *     due ──▶ [applied position and membership taken together] ──▶ backend's disk has it ──▶ log record ──▶ .snap ──▶ release
 *     received ──▶ .snap ──▶ log record with the hard state ──▶ [installed] ──▶ release
 *
 * In memory: entries are kept for slow followers, and, ahead of any mark, a state that a slower one can be given instead (etcd 3.6's
 * snapshots in memory).
 */
import type { AppliedPosition } from "../backend/backend.ts";
import { assert } from "../lib/assert.ts";
import type { Logger } from "../lib/ports.ts";
import { idToHex, type LogIndex, logIndex, type MemberId } from "../lib/units.ts";
import type { MemoryStorage } from "../raft/memory-storage.ts";
import type { Ready } from "../raft/ready.ts";
import { entryType } from "../raft/types.ts";
import type { SnapDir } from "../snap/snap-dir.ts";
import { encodeV2Store } from "../snap/v2-store.ts";
import type { Wal, WalSnapshot } from "../wal/wal.ts";
import { type Membership, membershipOf } from "./snapshot-membership.ts";

export { type Membership, membershipOf };

export interface SnapshotterOptions {
  /** This member, for the log. */
  readonly id: MemberId;
  readonly wal: Wal;
  readonly snaps: SnapDir;
  readonly storage: MemoryStorage;
  readonly logger: Logger;
  /** Applied entries between two marks (etcd's --snapshot-count). */
  readonly snapshotCount: number;
  /** Entries kept in memory behind what is applied, for slow followers (etcd's --snapshot-catchup-entries). */
  readonly catchupEntries: number;
  /** Position of everything applied so far, asked at an entry's border. */
  readonly applied: () => AppliedPosition;
  /** The membership at that position. */
  readonly membership: () => Membership;
  /** Entries behind this index are kept in memory whatever else; Infinity for none. */
  readonly holdFrom: () => number;
  readonly onError: (error: Error) => void;
}

/** Applied entries between two looks at what memory holds (etcd's memorySnapshotCount). */
const memoryStepMax = 100;
/** Letting go copies what stays: not before it is worth it. */
const worthwhileShare = 1 / 8;

/** The last applied ConfChangeV2 that memory has; 0 for none. A crash may have come before its mark. */
function lastConfChangeV2(storage: MemoryStorage, applied: number): number {
  for (let index = Math.min(applied, storage.lastIndex); index >= storage.firstIndex; index--) {
    if (storage.entry(logIndex(index))?.type === entryType.confChangeV2) return index;
  }
  return 0;
}

export class Snapshotter {
  private readonly options: SnapshotterOptions;
  private lastIndex: number;
  /** Taken, and waiting for the backend's disk: the applied state runs ahead of it. */
  private due: { readonly at: AppliedPosition; readonly membership: Membership } | undefined;
  private saving: Promise<void> | undefined;
  private isReceiving = false;
  /** Applied index at the last look at what memory holds. */
  private memoryIndex = 0;
  private readonly memoryStep: number;
  /** Nobody is sent entries up to here any more. */
  private forgetTo: number;

  /** `lastIndex`: that of the mark found at start. */
  constructor(options: SnapshotterOptions, lastIndex: number) {
    this.options = options;
    this.lastIndex = lastIndex;
    this.forgetTo = lastConfChangeV2(options.storage, options.applied().consistentIndex);
    this.memoryStep = Math.max(1, Math.min(memoryStepMax, options.catchupEntries));
    this.offerState();
  }

  /**
   * Entries were applied, and this is an entry's border: moves what memory holds on. `isConfigNew`: among them a change of the
   * configuration; whoever it has added could not take a state from before it.
   */
  applied(isConfigNew = false): void {
    const { applied, holdFrom, storage, catchupEntries } = this.options;
    const { consistentIndex: index } = applied();
    if (index - this.memoryIndex < this.memoryStep && !isConfigNew) return;
    this.offerState();
    const to = Math.max(Math.min(index - catchupEntries, holdFrom()), this.forgetTo);
    const gone = to + 1 - storage.firstIndex;
    const isWorthwhile = gone > (storage.lastIndex - to) * worthwhileShare;
    if (isWorthwhile || storage.firstIndex <= this.forgetTo) this.compactMemory(logIndex(to));
  }

  private compactMemory(to: LogIndex): void {
    const { storage, logger } = this.options;
    if (to < storage.firstIndex) return;
    storage.compact(to);
    logger.debug("compacted Raft logs", { "compact-index": to });
  }

  private tellDue(index: number, isForced: boolean): void {
    const { id, snapshotCount, logger } = this.options;
    logger.info("triggering snapshot", {
      "local-member-id": idToHex(id),
      "local-member-applied-index": index,
      "local-member-snapshot-index": this.lastIndex,
      "local-member-snapshot-count": snapshotCount,
      "snapshot-forced": isForced,
    });
  }

  /**
   * The entry at `index`, which is applied, is a ConfChangeV2: no member of today's needs it, and a real etcd that joins later would stop at
   * it. So it leaves memory now, and the disk with the next mark: who comes gets the state.
   */
  forget(index: LogIndex): void {
    this.forgetTo = index;
  }

  /** From now on the state applied now is what raft gives a follower whose entries are gone. */
  private offerState(): void {
    const { applied, membership, storage } = this.options;
    const { consistentIndex: index, term } = applied();
    this.memoryIndex = index;
    if (index === 0) return;
    storage.setSnapshotMetadata({ index, term, confState: membership().confState });
  }

  /** The backend's disk holds everything up to `position`: sets a mark if one is due there or before. */
  committed(position: AppliedPosition): void {
    if (this.saving !== undefined || this.isReceiving) return;
    const { snapshotCount, applied, membership, onError } = this.options;
    if (this.due === undefined) {
      const at = applied();
      const isDue = at.consistentIndex - this.lastIndex >= snapshotCount;
      if (!isDue && this.lastIndex >= this.forgetTo) return;
      this.due = { at, membership: membership() };
      this.tellDue(at.consistentIndex, !isDue);
    }
    if (position.consistentIndex < this.due.at.consistentIndex) return;
    const { due } = this;
    this.due = undefined;
    this.saving = this.save(due.at, due.membership).then(
      () => {
        this.saving = undefined;
      },
      (error: unknown) => onError(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /**
   * Makes everything durable that a Ready with a snapshot of another member asks for. Its state, received already, may be installed when
   * this resolves; after a crash the start does that (received-state.ts). No save of the log is in flight.
   */
  async saveReceived(ready: Pick<Ready, "snapshot" | "hardState" | "entries">): Promise<void> {
    const { wal, snaps, logger } = this.options;
    const { snapshot, hardState, entries } = ready;
    assert(snapshot !== undefined, "a Ready without a snapshot");
    this.isReceiving = true;
    this.due = undefined;
    await this.saving;
    const { index, term, confState } = snapshot.metadata;
    await snaps.save({ index, term, confState, data: snapshot.data });
    await new Promise<void>((resolve, reject) => {
      wal.saveReceived({ index, term, confState }, hardState, entries, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    logger.info("saved a received snapshot to disk", { "snapshot-index": index });
  }

  /** The received state of `index` is the live one: the backend's disk has it, and what is applied begins there. */
  installed(index: LogIndex): void {
    this.isReceiving = false;
    this.lastIndex = index;
    this.memoryIndex = index;
    this.options.wal.releaseTo(index);
  }

  private async save(at: AppliedPosition, membership: Membership): Promise<void> {
    const { wal, snaps, logger } = this.options;
    const { consistentIndex: index, term } = at;
    const { confState } = membership;
    await this.mark({ index, term, confState });
    await snaps.save({ index, term, confState, data: encodeV2Store(membership) });
    this.lastIndex = index;
    wal.releaseTo(index);
    logger.info("saved snapshot to disk", { "snapshot-index": index });
  }

  private mark(snapshot: WalSnapshot): Promise<void> {
    return new Promise((resolve, reject) => {
      this.options.wal.saveSnapshot(snapshot, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }
}
