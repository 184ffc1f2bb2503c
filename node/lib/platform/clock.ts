/** The real clock, timers and randomness. */
import { randomFillSync } from "node:crypto";
import type { Clock, Random, Timer, Timers } from "../ports.ts";

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
};

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

  every(periodMs: number, run: () => void): Timer {
    const handle = setInterval(run, periodMs);
    return { cancel: () => clearInterval(handle) };
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
