/** The lock: whoever has the oldest key below its name holds it (etcd client/v3/concurrency/mutex.go, server api/v3lock). */
import { ConcurrencyError, contendersOf, type Header, type KeySpace } from "./key-space.ts";
import { join, type Place, waitForTurn } from "./queue.ts";

export interface LockWish {
  readonly name: Uint8Array;
  /** The lock is lost with it. */
  readonly lease: bigint;
  /** Gives the wish up. */
  readonly signal: AbortSignal;
}

export interface Lock {
  readonly header: Header;
  /** The lock is held as long as it exists. */
  readonly key: Uint8Array;
}

/**
 * Waits for the lock. A lease that holds it already gets it again. A wait that fails, or is given up, takes its key out of the queue. Rejects
 * with ConcurrencyError, or the signal's reason.
 */
export async function lock(keys: KeySpace, wish: LockWish): Promise<Lock> {
  const contenders = contendersOf(wish.name);
  const place = await join(keys, { contenders, lease: wish.lease });
  const { key, header } = place;
  if (place.isFirst) return { key, header };
  try {
    await waitForTurn(keys, contenders, place.revision, wish.signal);
    const lock = await held(keys, place);
    wish.signal.throwIfAborted();
    return lock;
  } catch (error) {
    if (error !== expired) await unlock(keys, key).catch(ignoreRefusal);
    throw error;
  }
}

/** The lock is free once the key is gone. A key that is not there is no mistake. */
export async function unlock(keys: KeySpace, key: Uint8Array): Promise<Header> {
  return (await keys.deleteRange({ key })).header ?? {};
}

const expired = new ConcurrencyError("mutex: session is expired");

/** The lease may have ended while its key waited. */
async function held(keys: KeySpace, { key }: Place): Promise<Lock> {
  const { header, kvs } = await keys.range({ key });
  if ((kvs?.length ?? 0) === 0) throw expired;
  return { key, header: header ?? {} };
}

/** What the tidying up meets is of no interest: the lease takes the key in the end. */
export function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ConcurrencyError)) throw error;
}
