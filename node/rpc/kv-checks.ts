/** What the KV service refuses before anything is proposed (etcd server/etcdserver/api/v3rpc/key.go). */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import type { PutRequestView } from "../proto/put-request.ts";
import { type RangeRequestView, sortOrder, sortTarget } from "../proto/range-request.ts";
import type { RequestOp, TxnRequest } from "../proto/txn-request.ts";
import { writesTwice } from "./write-overlaps.ts";

export function checkRangeRequest(request: RangeRequestView): EtcdErrorKind | undefined {
  if (request.keyStart === request.keyEnd) return "EmptyKey";
  const { sortOrder: order, sortTarget: target } = request;
  if (order < sortOrder.none || order > sortOrder.descend) return "InvalidSortOption";
  if (target < sortTarget.key || target > sortTarget.value) return "InvalidSortOption";
  return undefined;
}

export function checkPutRequest(request: PutRequestView): EtcdErrorKind | undefined {
  if (request.keyStart === request.keyEnd) return "EmptyKey";
  if (request.ignoreValue && request.valueStart !== request.valueEnd) return "ValueProvided";
  if (request.ignoreLease && request.lease !== 0n) return "LeaseProvided";
  return undefined;
}

export function checkDeleteRangeRequest(
  request: DeleteRangeRequestView,
): EtcdErrorKind | undefined {
  return request.keyStart === request.keyEnd ? "EmptyKey" : undefined;
}

/** `opsMax` is `--max-txn-ops`; a nested transaction has what its outer one left of it. */
export function checkTxnRequest(request: TxnRequest, opsMax: number): EtcdErrorKind | undefined {
  return (
    checkTxnShape(request, opsMax) ??
    (writesTwice(request.success) || writesTwice(request.failure) ? "DuplicateKey" : undefined)
  );
}

function checkTxnShape(request: TxnRequest, opsMax: number): EtcdErrorKind | undefined {
  const { compare, success, failure } = request;
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > opsMax) return "TooManyOps";
  if (compare.some(({ key }) => key.length === 0)) return "EmptyKey";
  for (const op of success.concat(failure)) {
    const error = checkRequestOp(op, opsMax - count);
    if (error !== undefined) return error;
  }
  return undefined;
}

function checkRequestOp(op: RequestOp, opsMax: number): EtcdErrorKind | undefined {
  switch (op.kind) {
    case "range":
      return checkRangeRequest(op.request);
    case "put":
      return checkPutRequest(op.request);
    case "deleteRange":
      return checkDeleteRangeRequest(op.request);
    case "txn":
      return checkTxnShape(op.request, opsMax);
    case "none":
      return "KeyNotFound";
  }
}
