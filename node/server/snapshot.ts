/**
 * Marks in the log from which a restart may begin, the `.snap` file of each, and what they let go. A mark is set, and log segments
 * and entries in memory are released, only behind a completed synced commit of the backend at or after that index (DESIGN
 * section 2, rule 2).
 *
 *     due ──▶ [applied position and membership taken together] ──▶ backend's disk has it ──▶ log record ──▶ .snap ──▶ release
 */
import type { AppliedPosition, Backend } from "../backend/backend.ts";
import { toText } from "../lib/bytes.ts";
import type { Logger } from "../lib/ports.ts";
import { logIndex, memberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { MemoryStorage } from "../raft/memory-storage.ts";
import type { ConfState } from "../raft/types.ts";
import type { SnapDir } from "../snap/snap-dir.ts";
import { encodeV2Store, type V2Membership } from "../snap/v2-store.ts";
import type { Wal } from "../wal/wal.ts";

/** Who belongs to the cluster at one log index. */
export interface Membership extends V2Membership {
  readonly confState: ConfState;
}

export interface SnapshotterOptions {
  readonly wal: Wal;
  readonly snaps: SnapDir;
  readonly storage: MemoryStorage;
  readonly logger: Logger;
  /** Applied entries between two marks (etcd's --snapshot-count). */
  readonly snapshotCount: number;
  /** Entries kept in memory behind a mark for slow followers (etcd's --snapshot-catchup-entries). */
  readonly catchupEntries: number;
  /** Position of everything applied so far, asked at an entry's border. */
  readonly applied: () => AppliedPosition;
  /** The membership at that position. */
  readonly membership: () => Membership;
  readonly onError: (error: Error) => void;
}

/** The applied membership as a snapshot needs it. */
export function membershipOf(cluster: Cluster, backend: Backend): Membership {
  const { members, version, confState } = cluster;
  const removed = backend
    .entries("members_removed")
    .map(({ key }) => memberId(BigInt(`0x${toText(key)}`)));
  return { members, removed, version, confState };
}

export class Snapshotter {
  private readonly options: SnapshotterOptions;
  private lastIndex: number;
  /** Taken, and waiting for the backend's disk: the applied state runs ahead of it. */
  private due: { readonly at: AppliedPosition; readonly membership: Membership } | undefined;
  private isSaving = false;

  constructor(options: SnapshotterOptions, lastIndex: number) {
    this.options = options;
    this.lastIndex = lastIndex;
  }

  /** The backend's disk holds everything up to `position`: sets a mark if one is due there or before. */
  committed(position: AppliedPosition): void {
    if (this.isSaving) return;
    const { snapshotCount, applied, membership, onError } = this.options;
    if (this.due === undefined) {
      const at = applied();
      if (at.consistentIndex - this.lastIndex < snapshotCount) return;
      this.due = { at, membership: membership() };
    }
    if (position.consistentIndex < this.due.at.consistentIndex) return;
    const { due } = this;
    this.due = undefined;
    this.isSaving = true;
    this.save(due.at, due.membership).then(
      () => {
        this.isSaving = false;
      },
      (error: unknown) => onError(error instanceof Error ? error : new Error(String(error))),
    );
  }

  private async save(at: AppliedPosition, membership: Membership): Promise<void> {
    const { wal, snaps, storage, logger, catchupEntries } = this.options;
    const { consistentIndex: index, term } = at;
    const { confState } = membership;
    await new Promise<void>((resolve, reject) => {
      wal.saveSnapshot({ index, term, confState }, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    await snaps.save({ index, term, confState, data: encodeV2Store(membership) });
    this.lastIndex = index;
    wal.releaseTo(index);
    storage.compact(logIndex(Math.max(index - catchupEntries, 0)));
    logger.info("saved snapshot to disk", { "snapshot-index": index });
  }
}
