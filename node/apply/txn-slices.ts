/**
 * A transaction that deletes ranges, done in slices: its deletes pause, and so it does between its operations. All of it is one transaction of
 * the store, which stays open over the pauses; transactions without such deletes are done by executeTxn in one go.
 */
import type { KvStore } from "../mvcc/kv-store.ts";
import {
  appendDeleted,
  appendDeletedPrevKv,
  appendTxnSucceeded,
  beginResponseOp,
  endResponseOp,
  responseOp,
} from "../proto/kv-response.ts";
import { writeRevisionHeader } from "../proto/response-header.ts";
import { Writer } from "../proto/wire.ts";
import { type DeletedKeys, deleteRangeInSlices, deletesRange } from "./delete-range.ts";
import type { TxnResult } from "./result.ts";
import type { SliceBudget, Slices } from "./slices.ts";
import { type DecidedOp, type DecidedTxn, executeOp } from "./txn.ts";

/** Previous values that are written without a look at the budget: each may be as large as a request. */
const prevKvsAtOnceMax = 8;

/** Room for most answers; it grows. */
const answerBytes = 256;

export function deletesRanges({ ops }: DecidedTxn): boolean {
  for (const op of ops) {
    if (op.kind === "deleteRange" && deletesRange(op.request)) return true;
    if (op.kind === "txn" && deletesRanges(op.txn)) return true;
  }
  return false;
}

export function* executeTxnInSlices(
  store: KvStore,
  decided: DecidedTxn,
  budget: SliceBudget,
): Slices<TxnResult> {
  // Its own: other members of the process apply entries during the pauses.
  const writer = new Writer(answerBytes);
  store.begin();
  yield* executeOps(store, decided.ops, writer, budget);
  const revision = store.end();
  const responses = writer.buffer.subarray(0, writer.position);
  return { kind: "txn", revision, succeeded: decided.succeeded, responses };
}

function* executeOps(
  store: KvStore,
  ops: readonly DecidedOp[],
  writer: Writer,
  budget: SliceBudget,
): Slices<void> {
  for (const op of ops) {
    if (op.kind === "txn") {
      const mark = beginResponseOp(writer, responseOp.txn);
      writeRevisionHeader(writer, 0);
      appendTxnSucceeded(writer, op.txn.succeeded);
      yield* executeOps(store, op.txn.ops, writer, budget);
      endResponseOp(writer, mark);
    } else if (op.kind === "deleteRange" && deletesRange(op.request)) {
      const found = yield* deleteRangeInSlices(store, op.request, budget);
      if (found.prevKvs.length <= prevKvsAtOnceMax) writeDeleted(store, found, writer);
      else yield* writeDeletedInSlices(store, found, writer, budget);
    } else {
      const before = writer.position;
      executeOp(store, op, writer);
      budget.spend(1);
      budget.spendBytes(writer.position - before);
    }
    if (budget.isSpent) {
      yield;
      budget.renew();
    }
  }
}

function writeDeleted(store: KvStore, { deleted, prevKvs }: DeletedKeys, writer: Writer): void {
  const mark = beginDeleted(store, deleted, writer);
  for (const prevKv of prevKvs) appendDeletedPrevKv(writer, prevKv, 0, prevKv.length);
  endResponseOp(writer, mark);
}

function* writeDeletedInSlices(
  store: KvStore,
  { deleted, prevKvs }: DeletedKeys,
  writer: Writer,
  budget: SliceBudget,
): Slices<void> {
  const mark = beginDeleted(store, deleted, writer);
  for (const prevKv of prevKvs) {
    appendDeletedPrevKv(writer, prevKv, 0, prevKv.length);
    budget.spendBytes(prevKv.length);
    if (budget.isSpent) {
      yield;
      budget.renew();
    }
  }
  endResponseOp(writer, mark);
}

function beginDeleted(store: KvStore, deleted: number, writer: Writer): number {
  const mark = beginResponseOp(writer, responseOp.deleteRange);
  writeRevisionHeader(writer, store.txnRevision);
  appendDeleted(writer, deleted);
  return mark;
}
