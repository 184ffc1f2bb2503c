/**
 * etcdserverpb.TxnRequest of the hot path: plain objects, whose keys, values and operations are places in the buffer
 * the message arrived in. Unlike the views of single requests they are made anew for each message.
 */
import { emptyBytes } from "../lib/bytes.ts";
import { DeleteRangeRequestView } from "./delete-range-request.ts";
import { readEnum, readInt64 } from "./int64.ts";
import { PutRequestView } from "./put-request.ts";
import { RangeRequestView } from "./range-request.ts";
import { Reader, WireError } from "./wire.ts";

/** Compare.CompareResult. */
export const compareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
/** Compare.CompareTarget. */
export const compareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** Deeper nesting than any `--max-txn-ops` in use lets through, and far from the end of the JavaScript stack. */
const nestingMax = 1000;

export interface Compare {
  /** May hold a value without a name, and so may `target`: etcd lets them through to apply/. */
  result: number;
  target: number;
  /** Views of the message's buffer. */
  key: Uint8Array;
  rangeEnd: Uint8Array;
  /** Right-hand side for version, create, mod and lease; 0n when the message carries none that fits the target. */
  operand: bigint;
  /** Right-hand side for value; empty when the message carries none. */
  value: Uint8Array;
}

export type RequestOp =
  | { readonly kind: "range"; readonly request: RangeRequestView }
  | { readonly kind: "put"; readonly request: PutRequestView }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequestView }
  | { readonly kind: "txn"; readonly request: TxnRequest }
  /** No operation set; etcd answers "key not found". */
  | { readonly kind: "none" };

export interface TxnRequest {
  readonly compare: Compare[];
  readonly success: RequestOp[];
  readonly failure: RequestOp[];
}

/** Throws WireError when buffer[start, end) is malformed or nested deeper than 1,000 transactions. */
export function decodeTxnRequest(buffer: Uint8Array, start: number, end: number): TxnRequest {
  const txn: TxnRequest = { compare: [], success: [], failure: [] };
  mergeTxn(txn, new Reader(buffer, start, end), 0);
  return txn;
}

function mergeTxn(txn: TxnRequest, reader: Reader, depth: number): void {
  if (depth > nestingMax) throw new WireError("proto: exceeded maximum recursion depth");
  while (!reader.isDone) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        reader.bytes();
        txn.compare.push(decodeCompare(reader.buffer, reader.start, reader.stop));
        break;
      case 0x12:
        reader.bytes();
        txn.success.push(decodeRequestOp(reader.buffer, reader.start, reader.stop, depth));
        break;
      case 0x1a:
        reader.bytes();
        txn.failure.push(decodeRequestOp(reader.buffer, reader.start, reader.stop, depth));
        break;
      default:
        reader.skip(tag);
    }
  }
}

/** Field numbers of Compare.target_union, at the place of the target they serve. */
const operandFieldOfTarget = [4, 5, 6, 7, 8];

const compareReader = new Reader(emptyBytes);

function decodeCompare(buffer: Uint8Array, start: number, end: number): Compare {
  const compare: Compare = {
    result: 0,
    target: 0,
    key: emptyBytes,
    rangeEnd: emptyBytes,
    operand: 0n,
    value: emptyBytes,
  };
  const reader = compareReader;
  reader.reset(buffer, start, end);
  let operandField = 0;
  while (!reader.isDone) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        compare.result = readEnum(reader);
        break;
      case 0x10:
        compare.target = readEnum(reader);
        break;
      case 0x1a:
        compare.key = reader.view();
        break;
      case 0x20:
      case 0x28:
      case 0x30:
      case 0x40:
        compare.operand = readInt64(reader);
        operandField = tag >>> 3;
        break;
      case 0x3a:
        compare.value = reader.view();
        operandField = 7;
        break;
      case 0x202:
        compare.rangeEnd = reader.view();
        break;
      default:
        reader.skip(tag);
    }
  }
  const fits = operandFieldOfTarget[compare.target] === operandField;
  if (!fits || operandField === 7) compare.operand = 0n;
  if (!fits || operandField !== 7) compare.value = emptyBytes;
  return compare;
}

/** The last operation wins; the same one twice is merged, as protobuf does with a oneof. */
function decodeRequestOp(buffer: Uint8Array, start: number, end: number, depth: number): RequestOp {
  const reader = new Reader(buffer, start, end);
  let op: RequestOp = { kind: "none" };
  while (!reader.isDone) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        if (op.kind !== "range") op = { kind: "range", request: new RangeRequestView() };
        break;
      case 0x12:
        if (op.kind !== "put") op = { kind: "put", request: new PutRequestView() };
        break;
      case 0x1a:
        if (op.kind !== "deleteRange")
          op = { kind: "deleteRange", request: new DeleteRangeRequestView() };
        break;
      case 0x22:
        if (op.kind !== "txn")
          op = { kind: "txn", request: { compare: [], success: [], failure: [] } };
        break;
      default:
        reader.skip(tag);
        continue;
    }
    reader.bytes();
    mergeRequest(op, reader, depth);
  }
  return op;
}

/** Reads the field that `reader` has just stepped over into `op`. */
function mergeRequest(op: RequestOp, reader: Reader, depth: number): void {
  if (op.kind === "txn") {
    mergeTxn(op.request, new Reader(reader.buffer, reader.start, reader.stop), depth + 1);
  } else if (op.kind !== "none") {
    op.request.merge(reader.buffer, reader.start, reader.stop);
  }
}
