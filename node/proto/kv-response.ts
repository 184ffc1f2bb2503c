/**
 * The KV service's answers, appended field by field to a Writer in the order Go's encoder keeps: by field number. Each
 * begins with the header (response-header.ts); key-values are passed as bytes of an encoded mvccpb.KeyValue.
 *
 *   PutResponse          header, [appendPutPrevKv]
 *   RangeResponse        header, appendRangeKv*, finishRange
 *   DeleteRangeResponse  header, appendDeleted, appendDeletedPrevKv*
 *   TxnResponse          header, appendTxnSucceeded, (beginResponseOp, one of these four messages, endResponseOp)*
 */
import { tagOf, type Writer, wireType } from "./wire.ts";

/** Field numbers of ResponseOp's members, which are RequestOp's too. */
export const responseOp = { range: 1, put: 2, deleteRange: 3, txn: 4 } as const;
export type ResponseOpField = (typeof responseOp)[keyof typeof responseOp];

export function appendPutPrevKv(
  writer: Writer,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  writer.bytesField(2, source, start, end);
}

export function appendRangeKv(
  writer: Writer,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  writer.bytesField(2, source, start, end);
}

/** `count` is the number of keys in the range before limit and filters. */
export function finishRange(writer: Writer, more: boolean, count: number): void {
  writer.boolField(3, more);
  writer.numberField(4, count);
}

export function appendDeleted(writer: Writer, deleted: number): void {
  writer.numberField(2, deleted);
}

export function appendDeletedPrevKv(
  writer: Writer,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  writer.bytesField(3, source, start, end);
}

export function appendTxnSucceeded(writer: Writer, succeeded: boolean): void {
  writer.boolField(2, succeeded);
}

const txnResponsesField = 3;
/** Bytes between the two marks of `beginResponseOp`: the inner tag and its length byte. */
const innerPrefixBytes = 2;

/** Opens the next of TxnResponse.responses and in it the answer of one operation; close it with `endResponseOp(mark)`. */
export function beginResponseOp(writer: Writer, field: ResponseOpField): number {
  writer.beginMessage(txnResponsesField);
  return writer.beginMessage(field);
}

export function endResponseOp(writer: Writer, mark: number): void {
  writer.endMessage(mark);
  writer.endMessage(mark - innerPrefixBytes);
}

/** Appends one of TxnResponse.responses without an answer: what a RequestOp without an operation gets. */
export function appendEmptyResponseOp(writer: Writer): void {
  writer.byte(tagOf(txnResponsesField, wireType.bytes));
  writer.byte(0);
}
