/**
 * The Range request (etcd server/etcdserver/txn/range.go): by key order straight from the store into the answer, or, with another
 * order or revision filters, by way of a sorted list.
 */

import { cloneBytes, compareBytes } from "../lib/bytes.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { KeyValueView, writeKeyValue } from "../proto/key-value.ts";
import { appendRangeKv } from "../proto/kv-response.ts";
import { type RangeRequestView, sortOrder, sortTarget } from "../proto/range-request.ts";
import { Writer } from "../proto/wire.ts";
import { type Refused, refuse } from "./result.ts";

export interface RangeDone {
  readonly kind: "ok";
  /** There are more keys than the limit let through. */
  readonly more: boolean;
  /** Keys in the range, before limit and filters. */
  readonly count: number;
}

/** Appends the `kvs` fields of RangeResponse to `writer`. */
export function writeRange(
  store: KvStore,
  request: RangeRequestView,
  writer: Writer,
): RangeDone | Refused {
  const byKey = isKeyOrder(request.sortTarget, request.sortOrder);
  const filtered = hasRevisionFilters(request);
  const plain = byKey && !filtered && request.sortTarget === sortTarget.key;
  return plain
    ? writePlainRange(store, request, writer)
    : writeSortedRange(store, request, writer, byKey && !filtered);
}

/** True for an order in which the store returns keys anyway; NONE counts as one whatever the target. */
function isKeyOrder(target: number, order: number): boolean {
  return order === sortOrder.none || (target === sortTarget.key && order === sortOrder.ascend);
}

function hasRevisionFilters(request: RangeRequestView): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

function queryOf(request: RangeRequestView, limit: number, keysOnly: boolean) {
  const { buffer } = request;
  return {
    key: buffer.subarray(request.keyStart, request.keyEnd),
    rangeEnd:
      request.rangeEndEnd > request.rangeEndStart
        ? buffer.subarray(request.rangeEndStart, request.rangeEndEnd)
        : undefined,
    revision: Math.max(request.revision, 0),
    limit,
    countOnly: request.countOnly,
    keysOnly,
  };
}

function writePlainRange(
  store: KvStore,
  request: RangeRequestView,
  writer: Writer,
): RangeDone | Refused {
  const limit = Math.max(request.limit, 0);
  const outcome = store.range(queryOf(request, limit, request.keysOnly), (bytes, start, end) =>
    appendRangeKv(writer, bytes, start, end),
  );
  if (outcome.kind !== "ok")
    return refuse(outcome.kind === "compacted" ? "Compacted" : "FutureRev");
  const more = limit > 0 && !request.countOnly && outcome.count > limit;
  return { kind: "ok", more, count: outcome.count };
}

function writeSortedRange(
  store: KvStore,
  request: RangeRequestView,
  writer: Writer,
  isLimitedByKey: boolean,
): RangeDone | Refused {
  // With order NONE etcd fetches the first limit + 1 keys by key, and sorts those.
  const limit = Math.max(request.limit, 0);
  const fetch = isLimitedByKey && limit > 0 ? limit + 1 : 0;
  const fromIndex = request.keysOnly && request.sortTarget !== sortTarget.value;
  const found: KeyValueView[] = [];
  const outcome = store.range(queryOf(request, fetch, fromIndex), (bytes, start, end) => {
    const keyValue = new KeyValueView();
    keyValue.decode(cloneBytes(bytes, start, end), 0, end - start);
    if (passesFilters(request, keyValue)) found.push(keyValue);
  });
  if (outcome.kind !== "ok")
    return refuse(outcome.kind === "compacted" ? "Compacted" : "FutureRev");
  sortKeyValues(found, request);
  const more = limit > 0 && found.length > limit;
  if (more) found.length = limit;
  for (const keyValue of found) appendKeyValue(writer, keyValue, request.keysOnly);
  return { kind: "ok", more, count: outcome.count };
}

function passesFilters(request: RangeRequestView, keyValue: KeyValueView): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const { modRevision, createRevision } = keyValue;
  return (
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision)
  );
}

type Comparison = (a: KeyValueView, b: KeyValueView) => number;

const keyOf = (kv: KeyValueView): Uint8Array => kv.buffer.subarray(kv.keyStart, kv.keyEnd);
const valueOf = (kv: KeyValueView): Uint8Array => kv.buffer.subarray(kv.valueStart, kv.valueEnd);

const comparisons: Readonly<Record<number, Comparison>> = {
  [sortTarget.key]: (a, b) => compareBytes(keyOf(a), keyOf(b)),
  [sortTarget.version]: (a, b) => a.version - b.version,
  [sortTarget.create]: (a, b) => a.createRevision - b.createRevision,
  [sortTarget.mod]: (a, b) => a.modRevision - b.modRevision,
  [sortTarget.value]: (a, b) => compareBytes(valueOf(a), valueOf(b)),
};

/** Order NONE with a target other than the key means ascending. */
function sortKeyValues(found: KeyValueView[], request: RangeRequestView): void {
  const compare = comparisons[request.sortTarget];
  if (compare === undefined) return;
  if (request.sortOrder === sortOrder.descend) found.sort((a, b) => compare(b, a));
  else if (request.sortTarget !== sortTarget.key) found.sort(compare);
}

const scratch = new Writer(1024);

function appendKeyValue(writer: Writer, keyValue: KeyValueView, keysOnly: boolean): void {
  if (!keysOnly) {
    appendRangeKv(writer, keyValue.buffer, 0, keyValue.buffer.length);
    return;
  }
  const { buffer, keyStart, keyEnd } = keyValue;
  scratch.reset();
  writeKeyValue(
    scratch,
    { buffer, start: keyStart, end: keyEnd },
    { buffer, start: 0, end: 0 },
    keyValue,
  );
  appendRangeKv(writer, scratch.buffer, 0, scratch.position);
}
