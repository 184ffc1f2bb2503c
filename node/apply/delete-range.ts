/** The DeleteRange request (etcd server/etcdserver/txn/delete.go). */
import { cloneBytes, emptyBytes } from "../lib/bytes.ts";
import { isOpenEnd } from "../mvcc/key-walk.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { type Deletion, endBehind } from "./deletions.ts";
import type { SliceBudget, Slices } from "./slices.ts";

export interface DeletedKeys {
  readonly deleted: number;
  readonly prevKvs: readonly Uint8Array[];
}

/** Keys that one step of the store deletes when their KeyValues are asked for: each may be as large as a request. */
const stepKeysWithValuesMax = 8;

const slabBytesMin = 512;
const slabBytesMax = 64 * 1024;

/** True when the request may meet any number of keys: those that are there, and those deleted before and not compacted. */
export function deletesRange(request: DeleteRangeRequestView): boolean {
  return request.rangeEndEnd > request.rangeEndStart;
}

/** Deletes a single key, or a range in one go. Precondition: a write transaction of the store is open. */
export function executeDeleteRange(store: KvStore, request: DeleteRangeRequestView): DeletedKeys {
  const { key, rangeEnd } = rangeOf(request);
  const prevKvs: Uint8Array[] = [];
  const visit = request.prevKv
    ? (bytes: Uint8Array, start: number, end: number): void =>
        void prevKvs.push(cloneBytes(bytes, start, end))
    : undefined;
  const deleted = store.deleteRange(key, rangeEnd, visit);
  return { deleted, prevKvs };
}

/** The same with a pause whenever the slice's budget is used up. The request is not needed any more from the first pause on. */
export function* deleteRangeInSlices(
  store: KvStore,
  request: DeleteRangeRequestView,
  budget: SliceBudget,
): Slices<DeletedKeys> {
  const { key, rangeEnd } = rangeOf(request);
  const { prevKv } = request;
  const copies = new Copies();
  const visit = prevKv
    ? (bytes: Uint8Array, start: number, end: number): void => {
        copies.add(bytes, start, end);
        budget.spendBytes(end - start);
      }
    : undefined;
  const cursor = store.deleteCursor(key, rangeEnd, visit);
  for (;;) {
    const before = cursor.looked;
    const keys = Math.min(budget.left, prevKv ? stepKeysWithValuesMax : Infinity);
    const hasMore = cursor.step(keys);
    budget.spend(cursor.looked - before);
    if (!hasMore) return { deleted: cursor.deleted, prevKvs: copies.all };
    if (budget.isSpent) {
      yield;
      budget.renew();
    }
  }
}

/** Copies of many KeyValues share their memory: one allocation for each would keep the garbage collector longer than the delete takes. */
class Copies {
  readonly all: Uint8Array[] = [];
  private slab: Uint8Array = emptyBytes;
  private used = 0;

  add(bytes: Uint8Array, start: number, end: number): void {
    const from = this.used;
    const to = from + (end - start);
    if (to > this.slab.length) {
      // The first is small: most deletes are.
      const size = Math.min(slabBytesMax, Math.max(slabBytesMin, this.slab.length * 2));
      this.slab = new Uint8Array(Math.max(size, end - start));
      this.used = 0;
      this.add(bytes, start, end);
      return;
    }
    const copy = this.slab.subarray(from, to);
    copy.set(bytes.subarray(start, end));
    this.all.push(copy);
    this.used = to;
  }
}

function rangeOf(request: DeleteRangeRequestView): {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array | undefined;
} {
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = request;
  return {
    key: buffer.subarray(keyStart, keyEnd),
    rangeEnd: deletesRange(request) ? buffer.subarray(rangeEndStart, rangeEndEnd) : undefined,
  };
}

/** What the request deletes, of the keys that are there. */
export function deletionOf(operation: {
  readonly request: DeleteRangeRequestView;
  readonly place: number;
}): Deletion {
  const { place, request } = operation;
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = request;
  const start = buffer.subarray(keyStart, keyEnd);
  if (rangeEndStart === rangeEndEnd) return { start, end: endBehind(start), place };
  const end = buffer.subarray(rangeEndStart, rangeEndEnd);
  return { start, end: isOpenEnd(end) ? undefined : end, place };
}
