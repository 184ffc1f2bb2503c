/** The real clock, timers and randomness. */
import { randomFillSync } from "node:crypto";
import type { Clock, Random, Timer, Timers } from "../ports.ts";

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

/** Node.js's timers know whole milliseconds, and may run that much early. */
const earlyMsMax = 2;

/**
 * How long to wait for the next multiple of the period. What was missed is not made up for, but one that was late does not cost the next; one that
 * came a little early is taken for the multiple before which it came.
 */
export function delayToBeat(passedMs: number, periodMs: number): number {
  const early = Math.min(earlyMsMax, periodMs / 4);
  return (Math.floor((passedMs + early) / periodMs) + 1) * periodMs - passedMs;
}

/**
 * Timers over Node's event loop. The end of a turn is the check phase (`setImmediate`), which follows the poll phase where
 * sockets and files report. One immediate drains the whole queue, so that what the member does at the end of a turn and
 * the flush of the answers it made share that turn.
 */
export class SystemTimers implements Timers {
  private readonly queue: (() => void)[] = [];
  private isScheduled = false;

  private readonly drain = (): void => {
    const { queue } = this;
    // `queue` may grow while it runs: added functions still belong to this turn.
    for (let at = 0; at < queue.length; at++) (queue[at] as () => void)();
    queue.length = 0;
    this.isScheduled = false;
  };

  after(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(handle) };
  }

  /** Keeps its beat: being late once does not move what follows, as it does with `setInterval`, whose ticks of 10 ms take 11. */
  every(periodMs: number, run: () => void): Timer {
    const beganMs = performance.now();
    let handle: NodeJS.Timeout;
    const wait = (): void => {
      handle = setTimeout(beat, delayToBeat(performance.now() - beganMs, periodMs));
    };
    const beat = (): void => {
      wait();
      run();
    };
    wait();
    return { cancel: () => clearTimeout(handle) };
  }

  endOfTurn(run: () => void): void {
    this.queue.push(run);
    if (!this.isScheduled) {
      this.isScheduled = true;
      setImmediate(this.drain);
    }
  }
}

/** Unpredictable numbers, drawn from the system in blocks. */
export class SystemRandom implements Random {
  private readonly block = new Uint32Array(64);
  private used = this.block.length;

  uint32(): number {
    if (this.used === this.block.length) {
      randomFillSync(this.block);
      this.used = 0;
    }
    return this.block[this.used++] as number;
  }
}
