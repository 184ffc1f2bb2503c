/**
 * Deletes a range in slices inside one open transaction, with turns of the event loop between them. All its tombstones share the
 * transaction's main revision, so a reader at a revision (KvStore.openRange) sees the range whole or gone.
 */
import { cloneBytes } from "../lib/bytes.ts";
import { KeyBookmark } from "./key-bookmark.ts";
import { isEmptyRange, type KeyWalk } from "./key-walk.ts";
import type { KvRecords } from "./kv-records.ts";

export interface DeleteCursorOptions {
  readonly records: KvRecords;
  readonly walk: KeyWalk;
  readonly key: Uint8Array;
  /** Not empty. */
  readonly rangeEnd: Uint8Array;
  /** Deletes the key at a place of the arena; false when it does not exist. */
  readonly deleteKey: (place: number) => boolean;
}

export class DeleteCursor {
  /** Keys deleted so far. */
  deleted = 0;
  /** Keys looked at so far, those that do not exist included. */
  looked = 0;

  private readonly records: KvRecords;
  private readonly walk: KeyWalk;
  private readonly rangeEnd: Uint8Array;
  private readonly deleteKey: (place: number) => boolean;
  private readonly next: KeyBookmark;
  private isDone: boolean;

  constructor({ records, walk, key, rangeEnd, deleteKey }: DeleteCursorOptions) {
    this.records = records;
    this.walk = walk;
    this.rangeEnd = cloneBytes(rangeEnd, 0, rangeEnd.length);
    this.deleteKey = deleteKey;
    this.next = new KeyBookmark(key);
    this.isDone = isEmptyRange(key, rangeEnd);
  }

  /** Looks at the next keys of the range, at most `keysMax`, and deletes those that exist; false at the end of the range. */
  step(keysMax: number): boolean {
    if (this.isDone) return false;
    const { next, walk } = this;
    walk.start(next.bytes, next.length, this.rangeEnd);
    let last = 0;
    for (let looked = 0; looked < keysMax; looked++) {
      // Tombstones leave the tree as it is, so the walk goes on safely.
      const place = walk.next();
      if (place === 0) {
        this.isDone = true;
        return false;
      }
      this.looked += 1;
      if (this.deleteKey(place)) this.deleted += 1;
      last = place;
    }
    if (last !== 0) next.moveBehind(this.records, last);
    return true;
  }
}
