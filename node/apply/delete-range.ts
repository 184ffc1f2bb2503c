/** The DeleteRange request (etcd server/etcdserver/txn/delete.go). */
import { cloneBytes, compareBytes } from "../lib/bytes.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";

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

/** Whether the request deletes this key, if it is there. */
export function deletesKey(request: DeleteRangeRequestView, key: Uint8Array): boolean {
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = request;
  const fromKey = compareBytes(buffer.subarray(keyStart, keyEnd), key);
  if (rangeEndStart === rangeEndEnd) return fromKey === 0;
  const rangeEnd = buffer.subarray(rangeEndStart, rangeEndEnd);
  const isOpenEnd = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return fromKey <= 0 && (isOpenEnd || compareBytes(key, rangeEnd) < 0);
}
