/**
 * Simulated time: one queue of events for everything that happens in a run. A step takes the next event, runs it, and lets the
 * promises it settled run out, so that a seed decides the whole order of things.
 */
import { createHash } from "node:crypto";
import type { Clock, Timer, Timers } from "../../node/lib/ports.ts";
import { SeededRandom } from "../support/seeded-random.ts";

interface Event {
  readonly atMs: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export class World implements Clock, Timers {
  readonly random: SeededRandom;
  private readonly events: Event[] = [];
  private readonly endOfTurnQueue: (() => void)[] = [];
  private nowMs = 0;
  private readonly traceHash = createHash("sha256");
  private traceLines = 0;
  /** Gets each trace line; for a person who watches. */
  onTrace: ((line: string) => void) | undefined;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  unixMs(): number {
    return 1_700_000_000_000 + Math.floor(this.nowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.at(this.nowMs + delayMs, run);
  }

  /** At a moment that is not before now. Events of one moment keep the order in which they were made. */
  at(atMs: number, run: () => void): Timer {
    const event: Event = { atMs, run, isCancelled: false };
    // A sorted array: runs hold tens of events at a time, not thousands.
    let place = this.events.length;
    while (place > 0 && (this.events[place - 1] as Event).atMs > atMs) place -= 1;
    this.events.splice(place, 0, event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  every(periodMs: number, run: () => void): Timer {
    let isCancelled = false;
    const again = (): void => {
      if (isCancelled) return;
      run();
      this.after(periodMs, again);
    };
    this.after(periodMs, again);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }

  endOfTurn(run: () => void): void {
    this.endOfTurnQueue.push(run);
  }

  /** One line of what happened; runs of one seed must agree in all of them. */
  trace(line: string): void {
    const full = `${this.nowMs.toFixed(3)} ${line}`;
    this.traceHash.update(`${full}\n`);
    this.traceLines += 1;
    this.onTrace?.(full);
  }

  /** Sum and length of the trace so far. */
  get traceSum(): string {
    return `${this.traceHash.copy().digest("hex").slice(0, 16)} (${this.traceLines} lines)`;
  }

  /** Runs events until `isDone` says so, or none is left, or `untilMs` of simulated time have passed. */
  async run(isDone: () => boolean, untilMs: number): Promise<boolean> {
    while (!isDone()) {
      const event = this.events[0];
      if (event === undefined || event.atMs > untilMs) return false;
      this.events.shift();
      if (event.isCancelled) continue;
      this.nowMs = event.atMs;
      event.run();
      await this.settle();
    }
    return true;
  }

  /** Promises first, as they may add to the end of the turn; then the end of the turn; until neither has anything left. */
  private async settle(): Promise<void> {
    do {
      for (let at = 0; at < this.endOfTurnQueue.length; at++)
        (this.endOfTurnQueue[at] as () => void)();
      this.endOfTurnQueue.length = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (this.endOfTurnQueue.length > 0);
  }
}
