/**
 * Marks in the log from which a restart may begin, and what they let go. A mark is set, and log segments and entries in memory are
 * released, only behind a completed synced commit of the backend at or after that index (DESIGN section 2, rule 2).
 */
import type { AppliedPosition } from "../backend/backend.ts";
import type { Logger } from "../lib/ports.ts";
import { logIndex } from "../lib/units.ts";
import type { MemoryStorage } from "../raft/memory-storage.ts";
import type { ConfState } from "../raft/types.ts";
import type { Wal } from "../wal/wal.ts";

export interface SnapshotterOptions {
  readonly wal: Wal;
  readonly storage: MemoryStorage;
  readonly logger: Logger;
  /** Applied entries between two marks (etcd's --snapshot-count). */
  readonly snapshotCount: number;
  /** Entries kept in memory behind a mark for slow followers (etcd's --snapshot-catchup-entries). */
  readonly catchupEntries: number;
  readonly confState: () => ConfState;
  readonly onError: (error: Error) => void;
}

export class Snapshotter {
  private readonly options: SnapshotterOptions;
  private lastIndex: number;
  private isSaving = false;

  constructor(options: SnapshotterOptions, lastIndex: number) {
    this.options = options;
    this.lastIndex = lastIndex;
  }

  /** The backend's disk holds everything up to `position`: sets a mark there if one is due. */
  committed(position: AppliedPosition): void {
    const { wal, storage, logger, snapshotCount, catchupEntries, confState, onError } =
      this.options;
    const { consistentIndex: index, term } = position;
    if (this.isSaving || index - this.lastIndex < snapshotCount) return;
    this.isSaving = true;
    wal.saveSnapshot({ index, term, confState: confState() }, (error) => {
      this.isSaving = false;
      if (error !== null) {
        onError(error);
        return;
      }
      this.lastIndex = index;
      wal.releaseTo(index);
      storage.compact(logIndex(Math.max(index - catchupEntries, 0)));
      logger.info("saved snapshot to disk", { "snapshot-index": index });
    });
  }
}
