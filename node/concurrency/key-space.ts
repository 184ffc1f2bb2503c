/**
 * What locks and elections are built on: the key space, as they need it. A member's services and a client's commands each bring their own,
 * so that both follow the same rules (etcd client/v3/concurrency, which etcd's server runs through a client inside of the process).
 */
import { cloneBytes, fromText } from "../lib/bytes.ts";
import { etcdserverpb, type mvccpb } from "../proto/generated/messages.js";
import { numberLong } from "../proto/long.ts";

export type Header = etcdserverpb.ResponseHeader.$Properties;

export interface WatchedKeys {
  readonly key: Uint8Array;
  /** Exclusive; undefined watches the one key. */
  readonly rangeEnd?: Uint8Array;
  readonly startRevision: number;
  /** Events that are not wanted. */
  readonly without: "puts" | "deletions" | "nothing";
}

export interface WatchedEvents {
  readonly header: Header;
  /** At least one; in order. */
  readonly events: readonly mvccpb.Event.$Properties[];
}

/** Reads are linearizable. What is refused rejects with ConcurrencyError. */
export interface KeySpace {
  txn(request: etcdserverpb.TxnRequest.$Properties): Promise<etcdserverpb.TxnResponse.$Properties>;
  range(
    request: etcdserverpb.RangeRequest.$Properties,
  ): Promise<etcdserverpb.RangeResponse.$Properties>;
  deleteRange(
    request: etcdserverpb.DeleteRangeRequest.$Properties,
  ): Promise<etcdserverpb.DeleteRangeResponse.$Properties>;
  /**
   * Every event from the start on, each once. Ends when the signal is aborted, or when the next event may have been compacted: whoever
   * watches looks at the keys again then.
   */
  watch(watched: WatchedKeys, signal: AbortSignal): AsyncIterable<WatchedEvents>;
}

/** A lock or an election was refused. */
export class ConcurrencyError extends Error {
  override readonly name = "ConcurrencyError";
  /** gRPC status code; 2, Unknown, for everything that etcd's services pass on from their inner client or find themselves. */
  readonly code: number;

  constructor(text: string, code = 2) {
    super(text);
    this.code = code;
  }
}

const { SortOrder, SortTarget } = etcdserverpb.RangeRequest;
const { CompareResult, CompareTarget } = etcdserverpb.Compare;

/** The keys of all who want the same lock or office begin with "name/". */
export interface Contenders {
  readonly prefix: Uint8Array;
  /** Exclusive end of the keys with that prefix. */
  readonly end: Uint8Array;
}

const slash = 0x2f;

export function contendersOf(name: Uint8Array): Contenders {
  const prefix = new Uint8Array(name.length + 1);
  prefix.set(name);
  const end = cloneBytes(prefix);
  prefix[name.length] = slash;
  end[name.length] = slash + 1;
  return { prefix, end };
}

/** "name/<lease>", the lease as Go prints an int64 in hexadecimal. */
export function contenderKey({ prefix }: Contenders, lease: bigint): Uint8Array {
  const hex = fromText(lease.toString(16));
  const key = new Uint8Array(prefix.length + hex.length);
  key.set(prefix);
  key.set(hex, prefix.length);
  return key;
}

/** The oldest of them: who holds the lock, or leads. */
export const oldestOf = ({ prefix, end }: Contenders): etcdserverpb.RangeRequest.$Properties => ({
  key: prefix,
  rangeEnd: end,
  sortTarget: SortTarget.CREATE,
  sortOrder: SortOrder.ASCEND,
  limit: numberLong(1),
});

/** The youngest of them that was created at `revision` or before. */
export const youngestOf = (
  { prefix, end }: Contenders,
  revision: number,
): etcdserverpb.RangeRequest.$Properties => ({
  key: prefix,
  rangeEnd: end,
  sortTarget: SortTarget.CREATE,
  sortOrder: SortOrder.DESCEND,
  limit: numberLong(1),
  maxCreateRevision: numberLong(revision),
});

/** "The key was created at `revision`"; at 0, "there is no such key". */
export const createdAt = (key: Uint8Array, revision: number): etcdserverpb.Compare.$Properties => ({
  key,
  target: CompareTarget.CREATE,
  result: CompareResult.EQUAL,
  createRevision: numberLong(revision),
});
