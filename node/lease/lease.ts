/** A lease: replicated are its id, its time to live and what a checkpoint said of it; when it ends is known to the leader alone. */

/** etcd's MaxLeaseTTL (lease/lessor.go). */
export const maxTtlSeconds = 9_000_000_000;

export interface Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** What the last checkpoint said is left; 0 for the whole ttl. */
  remainingSeconds: number;
  /** Monotonic. Infinity where this member is not the primary: a follower knows of no renewals. */
  expiresAtMs: number;
  /** The leader has asked for its revocation, and looks again at this time. 0: it has not. */
  revokedUntilMs: number;
  /** Index of the last entry in which this leader told what was left of the lease; 0 when it has not. */
  checkpointIndex: number;
}

/** What is left when the member becomes the primary. */
export function ttlAtPromotionSeconds({ ttlSeconds, remainingSeconds }: Lease): number {
  return remainingSeconds > 0 ? remainingSeconds : ttlSeconds;
}
