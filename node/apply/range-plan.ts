/**
 * What a Range request asks of the store, and what is to be done with what the store finds (etcd server/etcdserver/txn/range.go).
 * A plan is a copy of the request's numbers; key and range end stay views of its buffer.
 */
import type { RangeQuery } from "../mvcc/kv-range.ts";
import { type RangeRequestView, sortOrder, sortTarget } from "../proto/range-request.ts";

export interface RangePlan extends RangeQuery {
  readonly keysOnly: boolean;
  /** KeyValues answered at most; 0 for no limit. The store may be asked for more, to sort or filter them. */
  readonly limitAsked: number;
  /** True: what the store finds is the answer as it stands. */
  readonly isPlain: boolean;
  readonly isWithoutValues: boolean;
  readonly sortTarget: number;
  readonly isDescending: boolean;
  /** Each 0 for none. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export function planRange(request: RangeRequestView): RangePlan {
  const { buffer, sortTarget: target, keysOnly } = request;
  const isInKeyOrder = isDefaultOrdering(request) && !hasRevisionFilters(request);
  const isPlain = isInKeyOrder && target === sortTarget.key;
  const limitAsked = Math.max(request.limit, 0);
  return {
    key: buffer.subarray(request.keyStart, request.keyEnd),
    rangeEnd:
      request.rangeEndEnd > request.rangeEndStart
        ? buffer.subarray(request.rangeEndStart, request.rangeEndEnd)
        : undefined,
    revision: Math.max(request.revision, 0),
    limit: isPlain || limitAsked === 0 ? limitAsked : fetchLimit(limitAsked, isInKeyOrder),
    countOnly: request.countOnly,
    // etcd 3.7 answers from its index, unless values are what it sorts by.
    keysOnly: keysOnly && target !== sortTarget.value,
    limitAsked,
    isPlain,
    isWithoutValues: keysOnly,
    sortTarget: target,
    isDescending: request.sortOrder === sortOrder.descend,
    minModRevision: request.minModRevision,
    maxModRevision: request.maxModRevision,
    minCreateRevision: request.minCreateRevision,
    maxCreateRevision: request.maxCreateRevision,
  };
}

/** With order NONE etcd fetches the first limit + 1 keys by key, and sorts those; with any other it fetches all. */
const fetchLimit = (limitAsked: number, isInKeyOrder: boolean): number =>
  isInKeyOrder ? limitAsked + 1 : 0;

/** True for an order in which the store returns keys anyway; NONE counts as one whatever the target. */
export function isDefaultOrdering(request: RangeRequestView): boolean {
  const { sortTarget: target, sortOrder: order } = request;
  return order === sortOrder.none || (target === sortTarget.key && order === sortOrder.ascend);
}

export function hasRevisionFilters(request: RangeRequestView): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}
