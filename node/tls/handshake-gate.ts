/**
 * How many TLS handshakes begin in one turn of the event loop, over all listeners of the process (DESIGN 4.4). Raft's timers live on the same loop, and a
 * thousand clients that come back at once would hold it for a second.
 *
 * One handshake with certificates on both ends costs the loop 0.6–0.9 ms in OpenSSL (Node.js 24; P-256 and RSA-2048, TLS 1.2 and 1.3; 0.2–0.4 ms
 * resumed), and 1.0–1.4 ms with everything from accept() to admission. A half of it is due when the client's first bytes are answered: that waits here. When
 * the other half is due, as the client's certificate arrives, the client decides; so the number of those that may come at once is bounded, too.
 */
import type { Clock, Timers } from "../lib/ports.ts";

export interface GateLimits {
  /** Handshakes begun in one turn: 2 ms. */
  readonly perTurn: number;
  /** Handshakes under way that were begun within `youngMs`, whose ends may come together: at most 8 ms. */
  readonly youngMax: number;
  /** Who takes longer than this does not hold a place any more: slow ones must not keep others out. */
  readonly youngMs: number;
  /** How many wait, for each endpoint. At a thousand a second no client would wait for the last of them. */
  readonly waitingMax: number;
}

export const gateLimits: GateLimits = {
  perTurn: 4,
  youngMax: 16,
  youngMs: 20,
  waitingMax: 4096,
};

/** A connection whose first bytes have come. */
export interface WaitingHandshake {
  /** It ended while it waited. */
  readonly isOver: boolean;
  begin(): void;
}

export class HandshakeGate {
  private readonly limits: GateLimits;
  private readonly clock: Clock;
  private readonly timers: Timers;
  /** By endpoint: they take turns, so that a flood of clients does not keep the peers out. */
  private readonly lines = new Map<string, WaitingHandshake[]>();
  /** Those under way, by when they were begun, the oldest first. */
  private readonly young = new Map<WaitingHandshake, number>();
  private begunInTurn = 0;
  private isScheduled = false;

  constructor({
    clock,
    timers,
    limits = gateLimits,
  }: {
    readonly clock: Clock;
    readonly timers: Timers;
    readonly limits?: GateLimits;
  }) {
    this.clock = clock;
    this.timers = timers;
    this.limits = limits;
  }

  /** Begins it, now or in a later turn. False when too many wait already: it will not be begun. */
  enter(endpoint: string, handshake: WaitingHandshake): boolean {
    if (this.lines.size === 0 && this.hasRoom()) {
      this.begin(handshake);
      return true;
    }
    const line = this.lines.get(endpoint) ?? [];
    if (line.length >= this.limits.waitingMax) return false;
    line.push(handshake);
    this.lines.set(endpoint, line);
    this.schedule();
    return true;
  }

  /** Its costs are behind us. To be called for every one that was begun. */
  finished(handshake: WaitingHandshake): void {
    this.young.delete(handshake);
  }

  private hasRoom(): boolean {
    if (this.begunInTurn >= this.limits.perTurn) return false;
    const oldestMs = this.clock.monotonicMs() - this.limits.youngMs;
    for (const [handshake, begunMs] of this.young) {
      if (begunMs > oldestMs) break;
      this.young.delete(handshake);
    }
    return this.young.size < this.limits.youngMax;
  }

  private begin(handshake: WaitingHandshake): void {
    this.begunInTurn += 1;
    this.young.set(handshake, this.clock.monotonicMs());
    this.schedule();
    handshake.begin();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    // A timer that was set at the end of a turn runs in a later one; timers that set timers may all run in the same.
    this.timers.endOfTurn(() => this.timers.after(0, () => this.nextTurn()));
  }

  private nextTurn(): void {
    this.isScheduled = false;
    this.begunInTurn = 0;
    this.forgetGone();
    while (this.lines.size > 0 && this.hasRoom()) {
      const next = this.next();
      if (next?.isOver === false) this.begin(next);
    }
    if (this.lines.size > 0) this.schedule();
  }

  /** A line whose clients have all gone is none, also while nobody can be begun. */
  private forgetGone(): void {
    for (const [endpoint, line] of this.lines) {
      while (line[0]?.isOver === true) line.shift();
      if (line.length === 0) this.lines.delete(endpoint);
    }
  }

  /** The first of the endpoint whose turn it is, which goes to the end of the round, or out of it. */
  private next(): WaitingHandshake | undefined {
    for (const [endpoint, line] of this.lines) {
      const first = line.shift();
      this.lines.delete(endpoint);
      if (line.length > 0) this.lines.set(endpoint, line);
      return first;
    }
    return undefined;
  }
}
