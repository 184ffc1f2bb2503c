/**
 * What clients are promised of leases, in simulated true time: one that was kept alive does not end before its time to live has passed since
 * the last acknowledged renewal was sent; one that nobody renews is gone soon after its time, as long as the cluster can work.
 */
import type { ModelLease, TrueHistory } from "./true-history.ts";

export interface LeaseCheckerOptions {
  readonly nowMs: () => number;
  /** Clocks run so much too fast or too slow, at most. */
  readonly clockDriftMax: number;
  readonly electionTimeoutMs: number;
  readonly onViolation: (text: string) => void;
}

interface KnownLease {
  /** When the newest acknowledged grant or renewal was sent, and for how long it is. */
  sentMs: number;
  ttlMs: number;
  /** Nothing that its client has sent and does not wait for can renew it after this. */
  quietMs: number;
  /** A grant or renewal has no answer yet. */
  isWaiting: boolean;
  /** Somebody has asked for its end. */
  isGivenUp: boolean;
}

/**
 * What the end of a lease may take beyond its time: the leader looks every half second, and after a proposal that came to nothing again after a
 * request's time, 5 s and two elections (node/server/lease-keeper.ts).
 */
const graceMs = 8000;

export class LeaseChecker {
  /** Leases whose end was judged. */
  judged = 0;
  private readonly options: LeaseCheckerOptions;
  private readonly known = new Map<bigint, KnownLease>();
  private readonly told = new Set<bigint>();

  constructor(options: LeaseCheckerOptions) {
    this.options = options;
  }

  /** A grant or renewal was sent, and may have its effect at any time until `ended` says otherwise. */
  began(id: bigint): void {
    this.of(id).isWaiting = true;
  }

  /** What was sent has its answer, or can have no effect from `quietMs` on. */
  ended(id: bigint, quietMs: number): void {
    const lease = this.of(id);
    lease.isWaiting = false;
    lease.quietMs = Math.max(lease.quietMs, quietMs);
  }

  /** The grant or renewal that was sent at `sentMs` was acknowledged. */
  renewed(id: bigint, sentMs: number, ttlSeconds: number): void {
    const lease = this.of(id);
    lease.sentMs = sentMs;
    lease.ttlMs = ttlSeconds * 1000;
  }

  /** Its end was asked for. */
  givenUp(id: bigint): void {
    this.of(id).isGivenUp = true;
  }

  /** A client is told that there is no such lease any more. */
  toldGone(id: bigint): void {
    this.mustHaveEnded(id, "a client is told that it is gone");
  }

  /** A committed entry has ended it. */
  revoked({ id }: ModelLease, isByClient: boolean): void {
    this.judged += 1;
    if (!isByClient) this.mustHaveEnded(id, "it is revoked");
  }

  /** A client is told what is left of a living lease. */
  toldRemaining(id: bigint, remainingSeconds: number, grantedSeconds: number): void {
    const { nowMs, clockDriftMax, electionTimeoutMs } = this.options;
    const { sentMs, ttlMs } = this.of(id);
    const leastMs = (sentMs + ttlMs / (1 + clockDriftMax) - nowMs()) * (1 - clockDriftMax);
    const mostMs = grantedSeconds * 1000 + electionTimeoutMs;
    // Whole seconds are told, and the answer was some time on its way.
    if (remainingSeconds * 1000 < leastMs - 1000 || remainingSeconds * 1000 > mostMs)
      this.violate(id, `${remainingSeconds} s are said to be left, of ${grantedSeconds}`);
  }

  /** Looks for leases that should have ended. `stableSinceMs`: since when the cluster has had one leader and has been able to commit. */
  look(history: TrueHistory, stableSinceMs: number): void {
    const { nowMs, clockDriftMax, electionTimeoutMs } = this.options;
    for (const { id, ttlSeconds, grantedMs } of history.leases.values()) {
      const { quietMs, isWaiting } = this.of(id);
      if (isWaiting) continue;
      const fromMs = Math.max(stableSinceMs, quietMs, grantedMs);
      const longestMs = (ttlSeconds * 1000 + electionTimeoutMs) / (1 - clockDriftMax) + graceMs;
      if (nowMs() <= fromMs + longestMs || this.told.has(id)) continue;
      this.told.add(id);
      this.violate(id, `nobody has renewed it since ${fromMs.toFixed(0)}, and it is still there`);
    }
  }

  private mustHaveEnded(id: bigint, what: string): void {
    const { nowMs, clockDriftMax } = this.options;
    const { sentMs, ttlMs, isGivenUp } = this.of(id);
    const endMs = sentMs + ttlMs / (1 + clockDriftMax);
    if (isGivenUp || nowMs() >= endMs) return;
    this.violate(id, `${what} ${(endMs - nowMs()).toFixed(0)} ms before its time`);
  }

  private of(id: bigint): KnownLease {
    let lease = this.known.get(id);
    if (lease === undefined) {
      lease = { sentMs: 0, ttlMs: 0, quietMs: 0, isWaiting: false, isGivenUp: false };
      this.known.set(id, lease);
    }
    return lease;
  }

  private violate(id: bigint, text: string): void {
    this.options.onViolation(`lease ${id}: ${text} (now ${this.options.nowMs().toFixed(0)})`);
  }
}
