/**
 * How much may be proposed while a follower has to gain on the writers: half of what it takes in. Before it takes anything in, while the
 * snapshot is on its way, there is a rate that falls the more is kept, to nothing at twice the bound, so that memory has a bound too.
 */
import type { MemberId } from "../lib/units.ts";

/** What a follower took in counts for about so long. */
const memoryMs = 10_000;
/** With this, the rate while nothing is taken in is 2 MiB/s at a bound of 128 MiB. */
const fillMs = 64_000;
/** A follower that stands still for a moment does not stop all writes. */
const leastShare = 1 / 8;
/** Unused allowance does not gather beyond this. */
const burstMs = 1000;

export class WriterBrake {
  isOn = false;
  private readonly bytesMax: number;
  /** Bytes a millisecond. */
  private rate = 0;
  private budget = 0;
  private atMs = 0;
  /** Whom `intake` is of. */
  private follower: MemberId | undefined;
  /** Bytes taken in, each counting less as it gets older. */
  private intake = 0;
  private intakeAtMs = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** The follower took in `bytes` of entries. */
  taken(follower: MemberId, bytes: number, nowMs: number): void {
    if (follower !== this.follower) {
      this.follower = follower;
      this.intake = 0;
      this.intakeAtMs = nowMs;
    }
    this.intake = this.intakeNow(nowMs) + bytes;
    this.intakeAtMs = nowMs;
  }

  /** So much is kept for the follower, which is taking entries in, or not yet. On above the bound, off below half of it. */
  set(
    keptBytes: number,
    follower: { readonly id: MemberId; readonly isMoving: boolean },
    nowMs: number,
  ): void {
    const { bytesMax } = this;
    if (keptBytes <= (this.isOn ? bytesMax / 2 : bytesMax)) {
      this.release();
      return;
    }
    if (!this.isOn) {
      this.isOn = true;
      this.budget = 0;
      this.atMs = nowMs;
    }
    this.refill(nowMs);
    const resting = Math.max(0, 2 * bytesMax - keptBytes) / fillMs;
    const isKnown = follower.isMoving && follower.id === this.follower;
    const intake = isKnown ? this.intakeNow(nowMs) / memoryMs : 0;
    this.rate = isKnown ? Math.max(intake / 2, resting * leastShare) : resting;
  }

  release(): void {
    this.isOn = false;
  }

  allowance(nowMs: number): number {
    if (!this.isOn) return Infinity;
    this.refill(nowMs);
    return this.budget;
  }

  proposed(bytes: number, nowMs: number): void {
    if (!this.isOn) return;
    this.refill(nowMs);
    this.budget -= bytes;
  }

  private refill(nowMs: number): void {
    this.budget = Math.min(this.budget + this.rate * (nowMs - this.atMs), this.rate * burstMs);
    this.atMs = nowMs;
  }

  private intakeNow(nowMs: number): number {
    return this.intake * Math.exp((this.intakeAtMs - nowMs) / memoryMs);
  }
}
