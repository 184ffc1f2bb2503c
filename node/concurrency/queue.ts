/** The queue of contenders: to join it with a key that lives as long as a lease, and to wait until one is its oldest. */
import { emptyBytes } from "../lib/bytes.ts";
import type { etcdserverpb, mvccpb } from "../proto/generated/messages.js";
import { int64Long, longToNumber } from "../proto/long.ts";
import {
  type Contenders,
  contenderKey,
  createdAt,
  type Header,
  type KeySpace,
  oldestOf,
  youngestOf,
} from "./key-space.ts";

export interface Place {
  readonly key: Uint8Array;
  /** Create revision of the key: the smaller, the earlier. */
  readonly revision: number;
  readonly header: Header;
  /** The key as it was found, if it was there already: the same lease has joined before. */
  readonly found: mvccpb.KeyValue.$Properties | undefined;
  /** Of all who wait, the first one. */
  readonly isFirst: boolean;
}

export interface Joining {
  readonly contenders: Contenders;
  readonly lease: bigint;
  readonly value?: Uint8Array;
}

/** One transaction: creates the key or finds it, and looks who is the first. */
export async function join(keys: KeySpace, joining: Joining): Promise<Place> {
  const { contenders, lease, value = emptyBytes } = joining;
  const key = contenderKey(contenders, lease);
  const first = { requestRange: oldestOf(contenders) };
  const answer = await keys.txn({
    compare: [createdAt(key, 0)],
    success: [{ requestPut: { key, value, lease: int64Long(lease) } }, first],
    failure: [{ requestRange: { key } }, first],
  });
  const found = answer.succeeded === true ? undefined : onlyKv(answer.responses?.[0]);
  const owner = onlyKv(answer.responses?.[1]);
  const header = answer.header ?? {};
  const revision = longToNumber(found?.createRevision ?? header.revision);
  const isFirst = owner === undefined || longToNumber(owner.createRevision) === revision;
  return { key, revision, header, found, isFirst };
}

const onlyKv = (
  response: etcdserverpb.ResponseOp.$Properties | undefined,
): mvccpb.KeyValue.$Properties | undefined => response?.responseRange?.kvs?.[0];

/**
 * Waits until no key older than `revision` is left, always for the youngest of them only: of many who wait, the end of one key wakes one.
 * Rejects with the signal's reason when it is aborted.
 */
export async function waitForTurn(
  keys: KeySpace,
  contenders: Contenders,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { kvs = [], header } = await keys.range(youngestOf(contenders, revision - 1));
    // Whoever went away while this was read has no turn.
    signal.throwIfAborted();
    const key = kvs?.[0]?.key;
    if (key === undefined || key === null) return;
    const startRevision = longToNumber(header?.revision) + 1;
    const watched = { key, startRevision, without: "puts" } as const;
    await firstOf(keys.watch(watched, signal));
  }
}

/** Of many deletions one is enough; and if the watch ends without one, the keys are looked at again. */
async function firstOf(watch: AsyncIterable<unknown>): Promise<void> {
  const iterator = watch[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
}
