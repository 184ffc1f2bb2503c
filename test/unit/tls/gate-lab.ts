/** What the tests of the handshake gate share: its turns, and those who pass it. */
import type { Clock, Timer } from "../../../node/lib/ports.ts";
import {
  type GateLimits,
  gateLimits,
  HandshakeGate,
  type WaitingHandshake,
} from "../../../node/tls/handshake-gate.ts";

/** Turns and time by hand: a turn runs the timers that are due, then what the test does, then what waits for its end. */
export class Turns {
  nowMs = 0;
  private readonly timers: { atMs: number; run: () => void }[] = [];
  private ends: (() => void)[] = [];

  readonly clock: Clock = { monotonicMs: () => this.nowMs, unixMs: () => this.nowMs };

  after(delayMs: number, run: () => void): Timer {
    // As Node.js: a millisecond at least.
    this.timers.push({ atMs: this.nowMs + Math.max(1, delayMs), run });
    return { cancel: () => undefined };
  }

  every(): Timer {
    throw new Error("nothing here is periodic");
  }

  endOfTurn(run: () => void): void {
    this.ends.push(run);
  }

  turn(act: () => void = () => undefined): void {
    this.nowMs += 1;
    for (;;) {
      // Node.js runs those too that became due in the meantime.
      const at = this.timers.findIndex(({ atMs }) => atMs <= this.nowMs);
      if (at === -1) break;
      const [due] = this.timers.splice(at, 1);
      due?.run();
      // What handshakes cost.
      this.nowMs += 2;
    }
    act();
    for (const run of this.ends) run();
    this.ends = [];
  }

  get isIdle(): boolean {
    return this.timers.length === 0 && this.ends.length === 0;
  }
}

export class Client implements WaitingHandshake {
  isBegun = false;
  evictedFor: string | undefined;
  readonly remoteIp: string;
  private readonly onBegin: (client: Client) => void;

  constructor(remoteIp = "10.0.0.1", onBegin: (client: Client) => void = () => undefined) {
    this.remoteIp = remoteIp;
    this.onBegin = onBegin;
  }

  begin(): void {
    this.isBegun = true;
    this.onBegin(this);
  }

  evict(error: string): void {
    this.evictedFor = error;
  }
}

export const gateWith = (turns: Turns, limits: Partial<GateLimits> = {}): HandshakeGate =>
  new HandshakeGate({ clock: turns.clock, timers: turns, limits: { ...gateLimits, ...limits } });
