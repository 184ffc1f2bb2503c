/** From the client's plain objects to the generated messages of the KV service. */
import { cloneBytes, fromText } from "../lib/bytes.ts";
import { etcdserverpb } from "../proto/generated/messages.js";
import { int64Long, type Long, numberLong } from "../proto/long.ts";
import type {
  Bytes,
  Compare,
  DeleteOptions,
  Op,
  PutOptions,
  RangeOptions,
  TxnRequest,
} from "./kv-types.ts";

type RangeRequest = etcdserverpb.RangeRequest.$Properties;
type PutRequest = etcdserverpb.PutRequest.$Properties;
type DeleteRangeRequest = etcdserverpb.DeleteRangeRequest.$Properties;

const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? fromText(bytes) : bytes);
const toLong = (value: number | bigint): Long =>
  typeof value === "bigint" ? int64Long(value) : numberLong(value);

/** The first key behind all keys with this prefix; "\0", no end, when there is none. */
function prefixEnd(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return new Uint8Array(1);
  const end = cloneBytes(prefix, 0, length);
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}

/** Key and end; the empty prefix means all keys, which etcd spells "\0". */
export function keyRange(
  key: Bytes,
  options: { rangeEnd?: Bytes; isPrefix?: boolean },
): { key: Uint8Array; rangeEnd?: Uint8Array } {
  const start = toBytes(key);
  if (options.isPrefix === true) {
    return { key: start.length === 0 ? new Uint8Array(1) : start, rangeEnd: prefixEnd(start) };
  }
  return options.rangeEnd === undefined
    ? { key: start }
    : { key: start, rangeEnd: toBytes(options.rangeEnd) };
}

const { SortOrder, SortTarget } = etcdserverpb.RangeRequest;
const sortOrders = {
  none: SortOrder.NONE,
  ascend: SortOrder.ASCEND,
  descend: SortOrder.DESCEND,
} as const;
const sortTargets = {
  key: SortTarget.KEY,
  version: SortTarget.VERSION,
  create: SortTarget.CREATE,
  mod: SortTarget.MOD,
  value: SortTarget.VALUE,
} as const;

export function rangeRequest(key: Bytes, options: RangeOptions): RangeRequest {
  return {
    ...keyRange(key, options),
    limit: toLong(options.limit ?? 0),
    revision: toLong(options.revision ?? 0),
    sortOrder: sortOrders[options.sortOrder ?? "none"],
    sortTarget: sortTargets[options.sortTarget ?? "key"],
    serializable: options.serializable ?? false,
    keysOnly: options.keysOnly ?? false,
    countOnly: options.countOnly ?? false,
    minModRevision: toLong(options.minModRevision ?? 0),
    maxModRevision: toLong(options.maxModRevision ?? 0),
    minCreateRevision: toLong(options.minCreateRevision ?? 0),
    maxCreateRevision: toLong(options.maxCreateRevision ?? 0),
  };
}

export function putRequest(key: Bytes, value: Bytes, options: PutOptions): PutRequest {
  return {
    key: toBytes(key),
    value: toBytes(value),
    lease: toLong(options.lease ?? 0n),
    prevKv: options.prevKv ?? false,
    ignoreValue: options.ignoreValue ?? false,
    ignoreLease: options.ignoreLease ?? false,
  };
}

export function deleteRequest(key: Bytes, options: DeleteOptions): DeleteRangeRequest {
  return { ...keyRange(key, options), prevKv: options.prevKv ?? false };
}

export function txnRequest(txn: TxnRequest): etcdserverpb.TxnRequest.$Properties {
  return {
    compare: (txn.compare ?? []).map(compareMessage),
    success: (txn.success ?? []).map(requestOp),
    failure: (txn.failure ?? []).map(requestOp),
  };
}

function requestOp(op: Op): etcdserverpb.RequestOp.$Properties {
  switch (op.type) {
    case "range":
      return { requestRange: rangeRequest(op.key, op) };
    case "put":
      return { requestPut: putRequest(op.key, op.value, op) };
    case "delete":
      return { requestDeleteRange: deleteRequest(op.key, op) };
    case "txn":
      return { requestTxn: txnRequest(op) };
  }
}

const { CompareResult, CompareTarget } = etcdserverpb.Compare;
const compareResults = {
  equal: CompareResult.EQUAL,
  greater: CompareResult.GREATER,
  less: CompareResult.LESS,
  notEqual: CompareResult.NOT_EQUAL,
} as const;

function compareMessage({
  key,
  rangeEnd,
  result,
  target,
}: Compare): etcdserverpb.Compare.$Properties {
  return {
    key: toBytes(key),
    ...(rangeEnd === undefined ? {} : { rangeEnd: toBytes(rangeEnd) }),
    result: compareResults[result],
    ...targetFields(target),
  };
}

function targetFields(target: Compare["target"]): etcdserverpb.Compare.$Properties {
  if ("version" in target)
    return { target: CompareTarget.VERSION, version: toLong(target.version) };
  if ("createRevision" in target) {
    return { target: CompareTarget.CREATE, createRevision: toLong(target.createRevision) };
  }
  if ("modRevision" in target)
    return { target: CompareTarget.MOD, modRevision: toLong(target.modRevision) };
  if ("lease" in target) return { target: CompareTarget.LEASE, lease: toLong(target.lease) };
  return { target: CompareTarget.VALUE, value: toBytes(target.value) };
}
