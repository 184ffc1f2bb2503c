/** A rate with a burst: each `take` costs a token, tokens come back evenly. */
import type { Clock } from "./ports.ts";

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export class TokenBucket {
  private readonly clock: Clock;
  private readonly rate: Rate;
  private tokens: number;
  private countedAtMs: number;

  constructor(clock: Clock, rate: Rate) {
    this.clock = clock;
    this.rate = rate;
    this.tokens = rate.burst;
    this.countedAtMs = clock.monotonicMs();
  }

  /** False when there is no token: nothing is taken then. */
  take(): boolean {
    if (!this.has(1)) return false;
    this.tokens -= 1;
    return true;
  }

  has(tokens: number): boolean {
    this.refill();
    return this.tokens >= tokens;
  }

  /** How long until it has so many, when none is taken, rounded up; Infinity for more than the burst. */
  msUntil(tokens: number): number {
    if (this.has(tokens)) return 0;
    if (tokens > this.rate.burst) return Number.POSITIVE_INFINITY;
    return Math.ceil(((tokens - this.tokens) / this.rate.perSecond) * 1000);
  }

  private refill(): void {
    const nowMs = this.clock.monotonicMs();
    const gained = ((nowMs - this.countedAtMs) / 1000) * this.rate.perSecond;
    this.tokens = Math.min(this.rate.burst, this.tokens + gained);
    this.countedAtMs = nowMs;
  }
}
