/**
 * Refuses transactions whose operations would write a key twice (etcd v3rpc/key.go, checkIntervals). A client decides how many
 * operations there are and how they overlap, so each level of nesting is checked by one sweep in key order.
 */
import { type Deletion, endBehind, firstDeleted, type KeyPlace } from "../apply/deletions.ts";
import type { DeleteRangeRequestView } from "../proto/delete-range-request.ts";
import type { RequestOp } from "../proto/txn-request.ts";

/** By latin1 text, which keeps bytes apart. */
type Puts = ReadonlyMap<string, KeyPlace>;

/** What one branch may write, nested transactions included. */
interface Written {
  readonly puts: Puts;
  readonly deletions: readonly Deletion[];
}

/**
 * True for two puts of a key, or a put inside a deleted range, among operations that may both be done. The two branches of an inner
 * transaction exclude each other, so they may overlap. A put in an inner transaction is held against the deletes of its own level and
 * of inner transactions before it, not of those behind it, as on etcd.
 */
export const writesTwice = (ops: readonly RequestOp[]): boolean => written(ops) === undefined;

/** Undefined when something is written twice. */
function written(ops: readonly RequestOp[]): Written | undefined {
  /** Those of inner transactions at their place, this level's own behind all. */
  const puts = new Map<string, KeyPlace>();
  const deletions: Deletion[] = [];
  for (const op of ops) if (op.kind === "deleteRange") deletions.push(deletionOf(op.request));
  for (const [place, op] of ops.entries()) {
    if (op.kind !== "txn") continue;
    const success = written(op.request.success);
    const failure = success && written(op.request.failure);
    if (success === undefined || failure === undefined) return undefined;
    for (const [text, { key }] of unionOf(success.puts, failure.puts)) {
      if (puts.has(text)) return undefined;
      puts.set(text, { key, place });
    }
    for (const { deletions: inner } of [success, failure])
      for (const { start, end } of inner) deletions.push({ start, end, place });
  }
  for (const op of ops) {
    if (op.kind !== "put") continue;
    const { buffer, keyStart, keyEnd } = op.request;
    const key = buffer.subarray(keyStart, keyEnd);
    const text = textOf(key);
    if (puts.has(text)) return undefined;
    puts.set(text, { key, place: ops.length });
  }
  if (firstDeleted([...puts.values()], deletions) !== undefined) return undefined;
  return { puts, deletions };
}

function unionOf(success: Puts, failure: Puts): Puts {
  if (failure.size === 0) return success;
  const union = new Map(success);
  for (const [text, put] of failure) union.set(text, put);
  return union;
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** A range with an open end ends, like on etcd, before every key: the check does not see it. */
function deletionOf(request: DeleteRangeRequestView): Deletion {
  const { buffer, keyStart, keyEnd, rangeEndStart, rangeEndEnd } = request;
  const start = buffer.subarray(keyStart, keyEnd);
  const end =
    rangeEndEnd > rangeEndStart ? buffer.subarray(rangeEndStart, rangeEndEnd) : endBehind(start);
  return { start, end, place: -1 };
}
