/** Tells of connections that speak neither HTTP/2 nor HTTP/1: a line at once, and under a flood of them a line a second with their number. */
import type { Clock, Logger } from "../lib/ports.ts";

const periodMs = 1_000;

export class StrangerLog {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private toldMs = -Infinity;
  private untold = 0;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.clock = clock;
    this.logger = logger;
  }

  rejected(remoteAddress: string): void {
    this.untold += 1;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.toldMs < periodMs) return;
    this.logger.warn("rejected connection", {
      "remote-addr": remoteAddress,
      error: "its first bytes are neither HTTP/2 nor HTTP/1",
      rejected: this.untold,
    });
    this.toldMs = nowMs;
    this.untold = 0;
  }
}
