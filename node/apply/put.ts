/** The Put request (etcd server/etcdserver/txn/put.go). */

import type { Lessor } from "../lease/lessor.ts";
import { assert } from "../lib/assert.ts";
import { cloneBytes } from "../lib/bytes.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { KeyValueView } from "../proto/key-value.ts";
import type { PutRequestView } from "../proto/put-request.ts";

const previous = new KeyValueView();

/** Knows which leases there are. */
export type LeaseLookup = Pick<Lessor, "get">;

/** Why the put cannot be done, before anything of its transaction was done. */
export function checkPut(
  store: KvStore,
  leases: LeaseLookup,
  request: PutRequestView,
): EtcdErrorKind | undefined {
  if (request.lease !== 0n && leases.get(request.lease) === undefined) return "LeaseNotFound";
  if (!request.ignoreValue && !request.ignoreLease) return undefined;
  return findPrevious(store, request) ? undefined : "KeyNotFound";
}

/**
 * Writes the key and returns what was there before, as a copy, if the request asks for it.
 * Precondition: `checkPut` found nothing, and a write transaction of the store is open.
 */
export function executePut(store: KvStore, request: PutRequestView): Uint8Array | undefined {
  const { buffer, keyStart, keyEnd, valueStart, valueEnd } = request;
  if (!request.prevKv && !request.ignoreValue && !request.ignoreLease) {
    store.put(buffer, keyStart, keyEnd, valueStart, valueEnd, request.lease);
    return undefined;
  }
  if (!findPrevious(store, request)) {
    assert(!request.ignoreValue && !request.ignoreLease, "a checked put lost its key");
    store.put(buffer, keyStart, keyEnd, valueStart, valueEnd, request.lease);
    return undefined;
  }
  // A copy: the store may move its bytes when it takes the new ones.
  const before = cloneBytes(previous.buffer, previousStart, previousEnd);
  previous.decode(before, 0, before.length);
  const lease = request.ignoreLease ? previous.lease : request.lease;
  if (request.ignoreValue) {
    store.putValue(buffer, keyStart, keyEnd, before, previous.valueStart, previous.valueEnd, lease);
  } else {
    store.put(buffer, keyStart, keyEnd, valueStart, valueEnd, lease);
  }
  return request.prevKv ? before : undefined;
}

let previousStart = 0;
let previousEnd = 0;

/** Leaves the current KeyValue of the request's key in `previous`. */
function findPrevious(store: KvStore, request: PutRequestView): boolean {
  const place = store.get(request.buffer, request.keyStart, request.keyEnd);
  if (place === undefined) return false;
  previous.decode(place.bytes, place.start, place.end);
  previousStart = place.start;
  previousEnd = place.end;
  return true;
}
