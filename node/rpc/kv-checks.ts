/** What the KV service refuses before anything is proposed (etcd server/etcdserver/api/v3rpc/key.go). */
import { compareBytes } from "../lib/bytes.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import type { PutRequestView } from "../proto/put-request.ts";
import { type RangeRequestView, sortOrder, sortTarget } from "../proto/range-request.ts";
import type { RequestOp, TxnRequest } from "../proto/txn-request.ts";

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
    checkBranch(request.success).error ??
    checkBranch(request.failure).error
  );
}

function checkTxnShape(request: TxnRequest, opsMax: number): EtcdErrorKind | undefined {
  const { compare, success, failure } = request;
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > opsMax) return "TooManyOps";
  if (compare.some(({ key }) => key.length === 0)) return "EmptyKey";
  for (const op of [...success, ...failure]) {
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

/** Keys that a branch writes; as latin1 text, so that a Set compares their bytes. */
interface Written {
  readonly puts: Set<string>;
  /** Each [key, end): what it deletes. */
  readonly deletes: { readonly key: Uint8Array; readonly end: Uint8Array }[];
  readonly error?: EtcdErrorKind;
}

const keyText = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const duplicate = (written: Written): Written => ({ ...written, error: "DuplicateKey" });

/**
 * Refuses two puts of a key, and a put inside a deleted range, among operations that may both be done. The two branches of an
 * inner transaction exclude each other, so they may overlap.
 */
function checkBranch(ops: readonly RequestOp[]): Written {
  const written: Written = { puts: new Set(), deletes: ops.flatMap(deletedBy) };
  for (const op of ops) {
    if (op.kind !== "txn") continue;
    const success = checkBranch(op.request.success);
    if (success.error !== undefined) return success;
    const failure = checkBranch(op.request.failure);
    if (failure.error !== undefined) return failure;
    for (const key of new Set([...success.puts, ...failure.puts])) {
      if (!addPut(written, key)) return duplicate(written);
    }
    written.deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const op of ops) {
    if (op.kind !== "put") continue;
    const { buffer, keyStart, keyEnd } = op.request;
    if (!addPut(written, keyText(buffer.subarray(keyStart, keyEnd)))) return duplicate(written);
  }
  return written;
}

function addPut(written: Written, key: string): boolean {
  if (written.puts.has(key)) return false;
  const bytes = Buffer.from(key, "latin1");
  const isDeleted = written.deletes.some(
    (range) => compareBytes(range.key, bytes) <= 0 && compareBytes(bytes, range.end) < 0,
  );
  if (isDeleted) return false;
  written.puts.add(key);
  return true;
}

function deletedBy(op: RequestOp): Written["deletes"] {
  if (op.kind !== "deleteRange") return [];
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = op.request;
  const key = buffer.subarray(keyStart, keyEnd);
  // A single key is the range up to its successor, the key with a zero byte behind it.
  const end =
    rangeEndEnd > rangeEndStart
      ? buffer.subarray(rangeEndStart, rangeEndEnd)
      : Buffer.concat([key, Buffer.alloc(1)]);
  return [{ key, end }];
}
