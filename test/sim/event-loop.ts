/**
 * The event loop of one process: what Node runs for a member. Events of the world are handed in; they run at once, or, while the loop is
 * held up, wait and then run in order as one turn. The end of the turn comes behind them all. A loop that is killed runs nothing more.
 */
import type { Timer, Timers } from "../../node/lib/ports.ts";
import type { SimClock } from "./sim-clock.ts";
import type { World } from "./world.ts";

export interface EventLoopOptions {
  readonly world: World;
  readonly clock: SimClock;
  /** Drawn for each turn: simulated milliseconds for which the loop is busy, and gathers what comes in. */
  readonly busyMs: () => number;
  /** Runs at the very end of each turn: for who watches. */
  readonly onTurn: () => void;
  /** Something that ran threw, and nobody caught it: the process should end. */
  readonly onUncaught: (error: Error) => void;
}

export class EventLoop implements Timers {
  private readonly options: EventLoopOptions;
  private readonly endOfTurnQueue: (() => void)[] = [];
  private inbox: (() => void)[] = [];
  private busyUntilMs = 0;
  private isInTurn = false;
  private isWaking = false;
  private isDead = false;

  constructor(options: EventLoopOptions) {
    this.options = options;
  }

  /** Something for this process has happened: it runs as soon as the loop is free. */
  dispatch(run: () => void): void {
    if (this.isDead) return;
    const { world } = this.options;
    if (this.isInTurn || this.inbox.length > 0 || world.nowMs < this.busyUntilMs) {
      this.inbox.push(run);
      if (!this.isInTurn) this.wakeLater();
      return;
    }
    this.isInTurn = true;
    this.call(run);
    world.soonAfter(this.endTurn);
  }

  /** A long job, a page fault, a stopped process: nothing runs for so long. */
  stall(forMs: number): void {
    this.busyUntilMs = Math.max(this.busyUntilMs, this.options.world.nowMs + forMs);
  }

  /** It runs nothing before a later moment. */
  get isHeldUp(): boolean {
    return this.options.world.nowMs < this.busyUntilMs;
  }

  /** The stall is over at once. */
  resume(): void {
    this.busyUntilMs = this.options.world.nowMs;
    this.isWaking = false;
    if (this.inbox.length > 0) this.wakeLater();
  }

  kill(): void {
    this.isDead = true;
    this.inbox = [];
    this.endOfTurnQueue.length = 0;
  }

  after(delayMs: number, run: () => void): Timer {
    const { world } = this.options;
    return world.after(delayMs / this.options.clock.rate, () =>
      this.dispatch(() => {
        world.promised();
        run();
      }),
    );
  }

  /** As Node does: the next time is counted from when this one ran, so that nothing piles up in a stall. */
  every(periodMs: number, run: () => void): Timer {
    const { world, clock } = this.options;
    const periodSimMs = periodMs / clock.rate;
    let isCancelled = false;
    let isWaiting = false;
    const again = (): void => {
      if (isCancelled || this.isDead) return;
      if (isWaiting) return;
      isWaiting = true;
      this.dispatch(() => {
        isWaiting = false;
        if (isCancelled) return;
        world.after(periodSimMs, again);
        run();
      });
    };
    world.after(periodSimMs, again);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }

  endOfTurn(run: () => void): void {
    if (this.isDead) return;
    this.endOfTurnQueue.push(run);
    // From a promise that ran on behind its turn.
    if (!this.isInTurn) {
      this.isInTurn = true;
      this.options.world.soonAfter(this.endTurn);
    }
  }

  private readonly endTurn = (): void => {
    if (this.isDead) return;
    const { endOfTurnQueue, options } = this;
    if (endOfTurnQueue.length > 0) options.world.promised();
    // A function that kills the loop empties the queue; one that adds to it is followed by what it added.
    for (let at = 0; at < endOfTurnQueue.length; at++) (endOfTurnQueue[at] as () => void)();
    endOfTurnQueue.length = 0;
    this.isInTurn = false;
    options.onTurn();
    this.stall(options.busyMs());
    if (this.inbox.length > 0) this.wakeLater();
  };

  private call(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.options.onUncaught(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private wakeLater(): void {
    if (this.isWaking) return;
    this.isWaking = true;
    this.options.world.at(Math.max(this.busyUntilMs, this.options.world.nowMs), this.wake);
  }

  private readonly wake = (): void => {
    this.isWaking = false;
    const { world } = this.options;
    if (this.isDead || this.inbox.length === 0) return;
    // The loop was held up again meanwhile.
    if (world.nowMs < this.busyUntilMs || this.isInTurn) {
      this.wakeLater();
      return;
    }
    this.isInTurn = true;
    for (const run of this.inbox) {
      world.soonAfter(() => {
        if (!this.isDead) this.call(run);
      });
    }
    this.inbox = [];
    world.soonAfter(this.endTurn);
  };
}
