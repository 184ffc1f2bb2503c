/** The DeleteRange request (etcd server/etcdserver/txn/delete.go). */
import { cloneBytes } from "../lib/bytes.ts";
import { isOpenEnd } from "../mvcc/key-walk.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import { type Deletion, endBehind } from "./deletions.ts";

export interface DeletedKeys {
  readonly deleted: number;
  readonly prevKvs: readonly Uint8Array[];
}

/** Precondition: a write transaction of the store is open. */
export function executeDeleteRange(store: KvStore, request: DeleteRangeRequestView): DeletedKeys {
  const { buffer } = request;
  const key = buffer.subarray(request.keyStart, request.keyEnd);
  const rangeEnd =
    request.rangeEndEnd > request.rangeEndStart
      ? buffer.subarray(request.rangeEndStart, request.rangeEndEnd)
      : undefined;
  const prevKvs: Uint8Array[] = [];
  const visit = request.prevKv
    ? (bytes: Uint8Array, start: number, end: number): void =>
        void prevKvs.push(cloneBytes(bytes, start, end))
    : undefined;
  const deleted = store.deleteRange(key, rangeEnd, visit);
  return { deleted, prevKvs };
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
