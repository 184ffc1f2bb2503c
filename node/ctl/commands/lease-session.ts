/** The lease that a lock or an office hangs on, kept alive for as long as the command runs (client/v3/concurrency/session.go). */
import { ConcurrencyError } from "../../concurrency/key-space.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { Session } from "../session.ts";

const standardTtlSeconds = 60;
/** Whoever wants to end is not kept: the lease ends by itself. */
const revokeMs = 1000;

export interface LeaseSession {
  readonly lease: bigint;
  /** Aborted when the lease has ended, or must be taken to have. */
  readonly lost: AbortSignal;
  /** Ends the lease. Never rejects. */
  close(): Promise<void>;
}

/** A TTL of 0 or less means the standard one, as with etcdctl. Rejects with CtlError. */
export async function openLease(session: Session, ttlSeconds: number): Promise<LeaseSession> {
  const ttl = ttlSeconds > 0 ? ttlSeconds : standardTtlSeconds;
  const { id } = await session.ask((client, options) => client.leaseGrant(ttl, options));
  const keeper = session.client.leaseKeepAlive(id);
  const lost = new AbortController();
  void keeper.ended.then(
    () => lost.abort(),
    () => lost.abort(),
  );
  return {
    lease: id,
    lost: lost.signal,
    async close() {
      keeper.stop();
      await session
        .during((client) => client.leaseRevoke(id, { deadlineMs: revokeMs }))
        .catch(() => undefined);
    },
  };
}

/** Gives what a lock or an election is refused with as etcdctl's error. Throws everything else. */
export function refusalOf(error: unknown): CtlError {
  if (error instanceof ConcurrencyError) return new CtlError(exitCode.error, error.message);
  throw error;
}

/** Resolves when one of them is aborted. */
export function abortOf(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  return new Promise((resolve) => {
    if (any.aborted) resolve();
    else any.addEventListener("abort", () => resolve(), { once: true });
  });
}
