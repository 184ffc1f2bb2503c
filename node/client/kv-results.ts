/** From the generated messages of the KV service to the client's plain objects. */
import type { etcdserverpb, mvccpb } from "../proto/generated/messages.js";
import { longToBigint, longToNumber } from "../proto/long.ts";
import type {
  DeleteResult,
  Header,
  KeyValue,
  OpResult,
  PutResult,
  RangeChunk,
  RangeResult,
  TxnResult,
} from "./kv-types.ts";

export function header(
  message: etcdserverpb.ResponseHeader.$Properties | null | undefined,
): Header {
  return {
    clusterId: longToBigint(message?.clusterId),
    memberId: longToBigint(message?.memberId),
    revision: longToNumber(message?.revision),
    raftTerm: longToNumber(message?.raftTerm),
  };
}

export function keyValue(message: mvccpb.KeyValue.$Properties): KeyValue {
  return {
    // Copies: a view would keep the whole answer in memory.
    key: new Uint8Array(message.key ?? []),
    value: new Uint8Array(message.value ?? []),
    createRevision: longToNumber(message.createRevision),
    modRevision: longToNumber(message.modRevision),
    version: longToNumber(message.version),
    lease: longToBigint(message.lease),
  };
}

export function rangeResult(message: etcdserverpb.RangeResponse.$Properties): RangeResult {
  return {
    header: header(message.header),
    kvs: (message.kvs ?? []).map(keyValue),
    more: message.more ?? false,
    count: longToNumber(message.count),
  };
}

/** What comes with the last chunk only is undefined in the others. */
export function rangeChunk(message: etcdserverpb.RangeResponse.$Properties): RangeChunk {
  const { kvs, ...end } = rangeResult(message);
  return { kvs, end: message.header ? end : undefined };
}

export function putResult(message: etcdserverpb.PutResponse.$Properties): PutResult {
  const prevKv = message.prevKv ?? undefined;
  return { header: header(message.header), prevKv: prevKv && keyValue(prevKv) };
}

export function deleteResult(message: etcdserverpb.DeleteRangeResponse.$Properties): DeleteResult {
  return {
    header: header(message.header),
    deleted: longToNumber(message.deleted),
    prevKvs: (message.prevKvs ?? []).map(keyValue),
  };
}

export function txnResult(message: etcdserverpb.TxnResponse.$Properties): TxnResult {
  return {
    header: header(message.header),
    succeeded: message.succeeded ?? false,
    responses: (message.responses ?? []).map(opResult),
  };
}

function opResult(message: etcdserverpb.ResponseOp.$Properties): OpResult {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = message;
  if (responsePut) return { type: "put", ...putResult(responsePut) };
  if (responseDeleteRange) return { type: "delete", ...deleteResult(responseDeleteRange) };
  if (responseTxn) return { type: "txn", ...txnResult(responseTxn) };
  return { type: "range", ...rangeResult(responseRange ?? {}) };
}
