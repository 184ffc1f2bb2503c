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

  /** `firstBytes`: those that were read before it was given up. */
  rejected(remoteAddress: string, firstBytes: Uint8Array): void {
    this.untold += 1;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.toldMs < periodMs) return;
    this.logger.warn("rejected connection", {
      "remote-addr": remoteAddress,
      error: isTls(firstBytes)
        ? "a TLS handshake where no TLS is spoken: the URL of this port is one of http"
        : "its first bytes are neither HTTP/2 nor HTTP/1",
      rejected: this.untold,
    });
    this.toldMs = nowMs;
    this.untold = 0;
  }
}

/** A record of the type "handshake" of any version since SSL 3.0. */
const isTls = ([type, major]: Uint8Array): boolean => type === 0x16 && major === 3;
