/**
 * The Txn request (etcd server/etcdserver/txn/txn.go): first all compares decide the path through nested transactions, then every
 * operation on it is checked, and only then is anything done: a refused transaction changed nothing.
 */

import { assert } from "../lib/assert.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import {
  appendDeleted,
  appendDeletedPrevKv,
  appendEmptyResponseOp,
  appendPutPrevKv,
  appendTxnSucceeded,
  beginResponseOp,
  endResponseOp,
  finishRange,
  responseOp,
} from "../proto/kv-response.ts";
import type { PutRequestView } from "../proto/put-request.ts";
import type { RangeRequestView } from "../proto/range-request.ts";
import { writeRevisionHeader } from "../proto/response-header.ts";
import type { RequestOp, TxnRequest } from "../proto/txn-request.ts";
import { Writer } from "../proto/wire.ts";
import { compareAll } from "./compare.ts";
import { deletionOf, executeDeleteRange } from "./delete-range.ts";
import { firstDeleted } from "./deletions.ts";
import { checkPut, executePut, type LeaseLookup } from "./put.ts";
import { writeRange } from "./range.ts";
import type { TxnResult } from "./result.ts";

/** A transaction with its compares decided: what will be done, in order. */
export interface DecidedTxn {
  readonly succeeded: boolean;
  readonly ops: readonly DecidedOp[];
}

export type DecidedOp =
  | Exclude<RequestOp, { readonly kind: "txn" }>
  | { readonly kind: "txn"; readonly txn: DecidedTxn };

/** True if no branch of the transaction writes: it needs no entry in the log. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => {
    if (op.kind === "txn") return isReadOnlyTxn(op.request);
    return op.kind === "range" || op.kind === "none";
  });
}

/** True if every read of a read-only transaction may be served without asking the leader. */
export function isSerializableTxn(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    (op) => op.kind === "range" && op.request.serializable,
  );
}

const writer = new Writer(4096);

/** What will be done, after all compares and checks. Changes nothing. */
export function decideTxn(
  store: KvStore,
  leases: LeaseLookup,
  request: TxnRequest,
): DecidedTxn | EtcdErrorKind {
  const decided = decide(store, request);
  return checkTxn(store, leases, decided.ops) ?? decided;
}

/** Does what was decided, in one go. */
export function executeTxn(store: KvStore, { succeeded, ops }: DecidedTxn): TxnResult {
  writer.reset();
  store.begin();
  executeOps(store, ops, writer);
  const revision = store.end();
  return { kind: "txn", revision, succeeded, responses: writer.finish() };
}

function decide(store: KvStore, request: TxnRequest): DecidedTxn {
  const succeeded = compareAll(store, request.compare);
  const ops = (succeeded ? request.success : request.failure).map(
    (op): DecidedOp => (op.kind === "txn" ? { kind: "txn", txn: decide(store, op.request) } : op),
  );
  return { succeeded, ops };
}

/** What the check of a transaction meets on its way, in the order of execution. */
interface CheckedSoFar {
  readonly leases: LeaseLookup;
  place: number;
  readonly deletions: { readonly request: DeleteRangeRequestView; readonly place: number }[];
  /** Puts that keep the value or the lease of their key. */
  readonly keeping: { readonly request: PutRequestView; readonly place: number }[];
}

function checkTxn(
  store: KvStore,
  leases: LeaseLookup,
  ops: readonly DecidedOp[],
): EtcdErrorKind | undefined {
  const soFar: CheckedSoFar = { leases, place: 0, deletions: [], keeping: [] };
  const error = checkOps(store, ops, soFar);
  return losesKept(soFar) ? "KeyNotFound" : error;
}

function checkOps(
  store: KvStore,
  ops: readonly DecidedOp[],
  soFar: CheckedSoFar,
): EtcdErrorKind | undefined {
  for (const op of ops) {
    soFar.place += 1;
    const error = checkOp(store, op, soFar);
    if (error !== undefined) return error;
  }
  return undefined;
}

function checkOp(store: KvStore, op: DecidedOp, soFar: CheckedSoFar): EtcdErrorKind | undefined {
  const { place, deletions, keeping } = soFar;
  switch (op.kind) {
    case "range":
      return checkRange(store, op.request);
    case "put": {
      const { request } = op;
      const error = checkPut(store, soFar.leases, request);
      if (error === undefined && (request.ignoreValue || request.ignoreLease))
        keeping.push({ request, place });
      return error;
    }
    case "txn":
      return checkOps(store, op.txn.ops, soFar);
    case "deleteRange":
      deletions.push({ request: op.request, place });
      return undefined;
    case "none":
      return undefined;
  }
}

/**
 * True for a put that keeps the value or the lease of a key which the transaction has deleted before. etcd's check of overlaps does not
 * see deletes with an open end, and the member panics at such a put, again at every start; here it is refused.
 */
function losesKept({ deletions, keeping }: CheckedSoFar): boolean {
  if (deletions.length === 0 || keeping.length === 0) return false;
  const places = keeping.map(({ request: { buffer, keyStart, keyEnd }, place }) => ({
    key: buffer.subarray(keyStart, keyEnd),
    place,
  }));
  return firstDeleted(places, deletions.map(deletionOf)) !== undefined;
}

function checkRange(store: KvStore, { revision }: RangeRequestView): EtcdErrorKind | undefined {
  if (revision === 0) return undefined;
  if (revision > store.currentRevision) return "FutureRev";
  // A store that was never compacted begins at -1 on etcd, so that -1 asks for the newest like 0.
  return revision < (store.compactRevision === 0 ? -1 : store.compactRevision)
    ? "Compacted"
    : undefined;
}

function executeOps(store: KvStore, ops: readonly DecidedOp[], writer: Writer): void {
  for (const op of ops) executeOp(store, op, writer);
}

/** Appends one of TxnResponse.responses; its header tells the revision that the operation saw or made. */
export function executeOp(store: KvStore, op: DecidedOp, writer: Writer): void {
  switch (op.kind) {
    case "range": {
      const mark = beginResponseOp(writer, responseOp.range);
      writeRevisionHeader(writer, store.txnRevision);
      const outcome = writeRange(store, op.request, writer);
      assert(outcome.kind === "ok", "a checked range was refused");
      finishRange(writer, outcome.more, outcome.count);
      endResponseOp(writer, mark);
      return;
    }
    case "put": {
      const prevKv = executePut(store, op.request);
      const mark = beginResponseOp(writer, responseOp.put);
      writeRevisionHeader(writer, store.txnRevision);
      if (prevKv !== undefined) appendPutPrevKv(writer, prevKv, 0, prevKv.length);
      endResponseOp(writer, mark);
      return;
    }
    case "deleteRange": {
      const { deleted, prevKvs } = executeDeleteRange(store, op.request);
      const mark = beginResponseOp(writer, responseOp.deleteRange);
      writeRevisionHeader(writer, store.txnRevision);
      appendDeleted(writer, deleted);
      for (const prevKv of prevKvs) appendDeletedPrevKv(writer, prevKv, 0, prevKv.length);
      endResponseOp(writer, mark);
      return;
    }
    case "txn": {
      const mark = beginResponseOp(writer, responseOp.txn);
      // An inner transaction's header is there and empty, as etcd sends it.
      writeRevisionHeader(writer, 0);
      appendTxnSucceeded(writer, op.txn.succeeded);
      executeOps(store, op.txn.ops, writer);
      endResponseOp(writer, mark);
      return;
    }
    case "none":
      appendEmptyResponseOp(writer);
  }
}
