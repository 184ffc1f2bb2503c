/**
 * One term of leadership, and the answer to "may I still change something?". It errs on the side of no:
 *
 * 1. Time counts from before the renewal was sent, while the others count from when they saw it: they wait longer than we lead.
 * 2. It ends after the renew deadline; the others wait the whole lease. The difference is for requests under way and for clocks that
 *    run at different speeds.
 * 3. Both clocks count. The monotonic one stands still while a machine sleeps, the wall clock can be set back; only both at once would
 *    go unnoticed.
 * 4. Over is over: no clock that jumps back and no late renewal brings a term back.
 *
 * This is check-then-act nevertheless: a request can be delayed in the network. What must not happen twice needs a precondition at the
 * server besides.
 */
import { NotLeadingError } from "./api-error.ts";
import type { MutationGuard } from "./exchange.ts";
import type { Clock } from "./ports.ts";

/** A moment on both clocks. */
export interface Moment {
  readonly monotonicMs: number;
  readonly unixMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), unixMs: clock.unixMs() };
}

export class Leadership implements MutationGuard {
  /** Grows with each change of holder: the fencing token (spec.leaseTransitions). */
  readonly term: number;
  private readonly clock: Clock;
  private readonly leaseDurationMs: number;
  private readonly renewDeadlineMs: number;
  private renewedAt: Moment;
  private isOver = false;

  constructor(
    clock: Clock,
    limits: { readonly leaseDurationMs: number; readonly renewDeadlineMs: number },
    won: { readonly term: number; readonly sentAt: Moment },
  ) {
    this.clock = clock;
    this.leaseDurationMs = limits.leaseDurationMs;
    this.renewDeadlineMs = limits.renewDeadlineMs;
    this.term = won.term;
    this.renewedAt = won.sentAt;
  }

  isLeading(): boolean {
    if (!this.isOver && this.elapsedMs() >= this.renewDeadlineMs) this.isOver = true;
    return !this.isOver;
  }

  check(): void {
    if (!this.isLeading()) throw new NotLeadingError(`term ${this.term} is over`);
  }

  remainingMs(): number {
    return this.isLeading() ? this.leaseDurationMs - this.elapsedMs() : 0;
  }

  /** A renewal that was sent at `sentAt` succeeded. Without effect when the term was over before. */
  renewed(sentAt: Moment): void {
    if (this.isLeading()) this.renewedAt = sentAt;
  }

  end(): void {
    this.isOver = true;
  }

  private elapsedMs(): number {
    return Math.max(
      this.clock.monotonicMs() - this.renewedAt.monotonicMs,
      this.clock.unixMs() - this.renewedAt.unixMs,
    );
  }
}
