/**
 * Time that tests move by hand. One base time; each process sees it through a view of its own, which can stall (nothing of the process
 * runs, its clocks go on), sleep (the monotonic clock stands still too), run fast or slow, and have its wall clock set.
 */
import type { Clock, Logger, Ports, Timer, Timers } from "../../operator/kernel/ports.ts";
import { SeededRandom } from "../support/seeded-random.ts";

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

const startUnixMs = Date.UTC(2026, 0, 1);

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Lets everything run that has been promised: one turn of the real event loop empties all microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isSooner(left: Due, right: Due): boolean {
  return left.atMs === right.atMs ? left.order < right.order : left.atMs < right.atMs;
}

export class VirtualTime implements Clock, Timers {
  private nowMs = 0;
  private order = 0;
  /** A heap: each entry is due before the two at twice its place and one more. */
  private readonly due: Due[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  unixMs(): number {
    return startUnixMs + this.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    this.order += 1;
    const atMs = this.nowMs + Math.max(delayMs, 0);
    const entry: Due = { atMs, order: this.order, run, isCancelled: false };
    this.push(entry);
    return {
      cancel: () => {
        entry.isCancelled = true;
      },
    };
  }

  /** Runs what falls due within the next `ms`, in order, and `each` after every step. */
  async advance(ms: number, each: () => void = () => undefined): Promise<void> {
    const endMs = this.nowMs + ms;
    await settle();
    for (;;) {
      const [next] = this.due;
      if (next === undefined || next.atMs > endMs) break;
      this.pop();
      if (next.isCancelled) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      each();
      next.run();
      await settle();
      each();
    }
    this.nowMs = endMs;
    each();
  }

  private push(entry: Due): void {
    const { due } = this;
    let at = due.push(entry) - 1;
    for (let parent = (at - 1) >> 1; at > 0; parent = (at - 1) >> 1) {
      const above = due[parent] as Due;
      if (!isSooner(entry, above)) break;
      due[at] = above;
      at = parent;
    }
    due[at] = entry;
  }

  private pop(): void {
    const { due } = this;
    const entry = due.pop();
    if (entry === undefined || due.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [due[child], due[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isSooner(right, left)) child += 1;
      const below = due[child] as Due;
      if (!isSooner(below, entry)) break;
      due[at] = below;
      at = child;
    }
    due[at] = entry;
  }

  /** The ports of one process. */
  process(seed = 1, logger: Logger = silentLogger): ProcessView {
    return new ProcessView(this, seed, logger);
  }
}

export class ProcessView implements Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: SeededRandom;
  readonly logger: Logger;
  private readonly base: VirtualTime;
  /** Speed of its clocks: 1.01 gains one percent. */
  private rate = 1;
  private rateSinceMs = 0;
  private monotonicAtMs = 0;
  private wallOffsetMs = 0;
  private asleepMs = 0;
  private stalledUntilMs = 0;
  private isDead = false;

  constructor(base: VirtualTime, seed: number, logger: Logger) {
    this.base = base;
    this.random = new SeededRandom(seed);
    this.logger = logger;
    this.clock = {
      monotonicMs: () => this.runMs() - this.asleepMs,
      unixMs: () => startUnixMs + this.runMs() + this.wallOffsetMs,
    };
    this.timers = {
      after: (delayMs, run) => {
        let timer = this.base.after(delayMs / this.rate, () => fire());
        const fire = (): void => {
          if (this.isDead) return;
          const waitMs = this.stalledUntilMs - this.base.monotonicMs();
          if (waitMs > 0) timer = this.base.after(waitMs, fire);
          else run();
        };
        return { cancel: () => timer.cancel() };
      },
    };
  }

  setRate(rate: number): void {
    this.monotonicAtMs = this.runMs();
    this.rateSinceMs = this.base.monotonicMs();
    this.rate = rate;
  }

  /** Nothing of this process runs for so long, as when it is starved or busy; its clocks go on. */
  stall(ms: number): void {
    this.stalledUntilMs = Math.max(this.stalledUntilMs, this.base.monotonicMs() + ms);
  }

  /** The machine sleeps: a stall during which CLOCK_MONOTONIC stands still, and the wall clock does not. */
  suspend(ms: number): void {
    const before = Math.max(this.stalledUntilMs, this.base.monotonicMs());
    this.stall(ms);
    this.asleepMs += Math.max(this.stalledUntilMs - before, 0) * this.rate;
  }

  jumpWallClock(ms: number): void {
    this.wallOffsetMs += ms;
  }

  /** No timer of this process fires any more. */
  kill(): void {
    this.isDead = true;
  }

  get hasEnded(): boolean {
    return this.isDead;
  }

  private runMs(): number {
    return this.monotonicAtMs + (this.base.monotonicMs() - this.rateSinceMs) * this.rate;
  }
}
