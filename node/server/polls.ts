/** Conditions that are looked at once a tick, until they hold or their time is over. */
import type { Clock } from "../lib/ports.ts";

export interface Poll {
  /** True when there is nothing left to wait for; it has told who waits then. */
  check(): boolean;
  /** The time is over, or the member stops. */
  end(why: "timeout" | "stopped"): void;
}

export class Polls {
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  private waiting: { readonly poll: Poll; readonly deadlineMs: number }[] = [];

  constructor(options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.clock = options.clock;
    this.timeoutMs = options.timeoutMs;
  }

  /** Looks at once. `timeoutMs` when this one waits for another time than the others. */
  add(poll: Poll, timeoutMs = this.timeoutMs): void {
    if (poll.check()) return;
    this.waiting.push({ poll, deadlineMs: this.clock.monotonicMs() + timeoutMs });
  }

  tick(): void {
    const nowMs = this.clock.monotonicMs();
    const all = this.waiting;
    this.waiting = [];
    for (const one of all) {
      if (one.poll.check()) continue;
      if (one.deadlineMs > nowMs) this.waiting.push(one);
      else one.poll.end("timeout");
    }
  }

  endAll(): void {
    for (const { poll } of this.waiting.splice(0)) poll.end("stopped");
  }
}
