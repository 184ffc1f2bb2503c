/**
 * The Range request in one go, for one key and for reads inside a transaction (etcd server/etcdserver/txn/range.go): by key order
 * straight from the store into the answer, or, with another order or revision filters, by way of a list. RangeRead does the same in slices.
 */
import type { KvStore } from "../mvcc/kv-store.ts";
import { appendRangeKv } from "../proto/kv-response.ts";
import type { RangeRequestView } from "../proto/range-request.ts";
import type { Writer } from "../proto/wire.ts";
import { OrderedKeyValues } from "./range-order.ts";
import { planRange, type RangePlan } from "./range-plan.ts";
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
  const plan = planRange(request);
  return plan.isPlain
    ? writePlainRange(store, plan, writer)
    : writeOrderedRange(store, plan, writer);
}

function writePlainRange(store: KvStore, plan: RangePlan, writer: Writer): RangeDone | Refused {
  const outcome = store.range(plan, (bytes, start, end) =>
    appendRangeKv(writer, bytes, start, end),
  );
  if (outcome.kind !== "ok") return refuseRange(outcome.kind);
  const more = plan.limit > 0 && !plan.countOnly && outcome.count > plan.limit;
  return { kind: "ok", more, count: outcome.count };
}

function writeOrderedRange(store: KvStore, plan: RangePlan, writer: Writer): RangeDone | Refused {
  const found = new OrderedKeyValues(plan);
  const outcome = store.range(plan, (bytes, start, end) => found.add(bytes, start, end));
  if (outcome.kind !== "ok") return refuseRange(outcome.kind);
  const more = plan.limitAsked > 0 && found.size > plan.limitAsked;
  for (let left = more ? plan.limitAsked : found.size; left > 0; left--) found.appendNext(writer);
  return { kind: "ok", more, count: outcome.count };
}

export const refuseRange = (kind: "compacted" | "futureRevision"): Refused =>
  refuse(kind === "compacted" ? "Compacted" : "FutureRev");
