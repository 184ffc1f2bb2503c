/** The clock of one machine: it runs a little fast or slow, and its date is wrong and jumps; only its monotonic part can be trusted. */
import type { Clock } from "../../node/lib/ports.ts";
import type { World } from "./world.ts";

const epochMs = 1_700_000_000_000;

export interface ClockOptions {
  /** Local milliseconds per simulated one. */
  readonly rate: number;
  /** How far the date is off at the start. */
  readonly dateOffsetMs: number;
  /** What the monotonic clock shows at the start of the run. */
  readonly startMs: number;
}

export class SimClock implements Clock {
  /** Local milliseconds per simulated one. */
  readonly rate: number;
  private readonly world: World;
  private readonly startMs: number;
  private dateOffsetMs: number;

  constructor(world: World, options: ClockOptions) {
    this.world = world;
    this.rate = options.rate;
    this.startMs = options.startMs;
    this.dateOffsetMs = options.dateOffsetMs;
  }

  monotonicMs(): number {
    return this.startMs + this.world.nowMs * this.rate;
  }

  unixMs(): number {
    return Math.max(0, Math.floor(epochMs + this.dateOffsetMs + this.world.nowMs * this.rate));
  }

  /** Somebody sets the date. */
  jump(byMs: number): void {
    this.dateOffsetMs += byMs;
  }

  /** What this clock shows at a moment of simulated time. */
  monotonicAt(worldMs: number): number {
    return this.startMs + worldMs * this.rate;
  }
}
