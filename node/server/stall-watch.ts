/**
 * Watches the event loop: raft's timers, the sockets and the log's answers all live on it, so a stall is an outage of this member (DESIGN
 * section 4, decision 4). A timer tells how late it was.
 */
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import type { Clock, Logger, Timer, Timers } from "../lib/ports.ts";

const periodMs = 20;
/** Worth a line in the log: a tick of raft's clock is lost. */
const warnMs = 100;

export interface StallWatchPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

export class StallWatch {
  /** How late the loop came to a timer, in seconds. */
  readonly delaySeconds = new Histogram(exponentialBuckets(0.001, 2, 14));
  private readonly ports: StallWatchPorts;
  private readonly timer: Timer;
  private lastMs: number;

  constructor(ports: StallWatchPorts) {
    this.ports = ports;
    this.lastMs = ports.clock.monotonicMs();
    this.timer = ports.timers.every(periodMs, () => this.look());
  }

  stop(): void {
    this.timer.cancel();
  }

  private look(): void {
    const nowMs = this.ports.clock.monotonicMs();
    const delayMs = Math.max(0, nowMs - this.lastMs - periodMs);
    this.lastMs = nowMs;
    this.delaySeconds.observe(delayMs / 1000);
    if (delayMs < warnMs) return;
    this.ports.logger.warn("the event loop stood still", {
      took: `${Math.round(delayMs)}ms`,
      "expected-duration": `${warnMs}ms`,
    });
  }
}
