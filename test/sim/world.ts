/**
 * Simulated time: one queue of events for everything that happens in a run. A step takes the next event, runs it, and lets the
 * promises it settled run out, so that a seed decides the whole order of things.
 *
 * Most events settle no promise (a message, a tick, a log write), and then nothing is waited for: a turn of the real event loop
 * for each of them would cost more than the member's own work.
 */
import { SeededRandom } from "../support/seeded-random.ts";
import { EventHeap, type SimEvent } from "./event-heap.ts";
import { Trace } from "./trace.ts";

export interface WorldTimer {
  cancel(): void;
}

/** Spreads a seed and a name over 32 bits: each part of a run draws from numbers of its own. */
function mixed(seed: number, name: string): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  hash ^= Math.floor(seed / 2 ** 32);
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

export class World {
  readonly seed: number;
  readonly trace: Trace;
  /** For events per second: how many have run. */
  eventsRun = 0;
  private readonly events = new EventHeap();
  private readonly soon: (() => void)[] = [];
  private nowMsExact = 0;
  private nextOrder = 0;
  private hasPromises = false;

  constructor(seed: number, onLine?: (line: string) => void) {
    this.seed = seed;
    this.trace = new Trace(onLine);
  }

  /** Numbers of its own for the part of the run with this name. */
  randomFor(name: string): SeededRandom {
    return new SeededRandom(mixed(this.seed, name));
  }

  get nowMs(): number {
    return this.nowMsExact;
  }

  after(delayMs: number, run: () => void): WorldTimer {
    return this.at(this.nowMsExact + Math.max(0, delayMs), run);
  }

  /** At a moment that is not before now. */
  at(atMs: number, run: () => void): WorldTimer {
    const event: SimEvent = { atMs, order: this.nextOrder++, run, isCancelled: false };
    this.events.push(event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  /** After what runs now and its promises, before any other event; in the order of the calls. */
  soonAfter(run: () => void): void {
    this.soon.push(run);
  }

  /** What runs now settles a promise, or may: everything that follows from it runs before the next event. */
  promised(): void {
    this.hasPromises = true;
  }

  /** One line of what happened; runs of one seed must agree in all of them. */
  note(text: string): void {
    this.trace.line(this.nowMsExact, text);
  }

  /** Runs events until `isDone` says so, or none is left, or `untilMs` of simulated time have passed. */
  async run(isDone: () => boolean, untilMs: number): Promise<boolean> {
    const { events, soon } = this;
    while (!isDone()) {
      const event = events.peek();
      if (event === undefined || event.atMs > untilMs) return false;
      events.pop();
      if (event.isCancelled) continue;
      this.nowMsExact = event.atMs;
      this.eventsRun += 1;
      event.run();
      if (this.hasPromises) await this.settle();
      for (let at = 0; at < soon.length; at++) {
        (soon[at] as () => void)();
        if (this.hasPromises) await this.settle();
      }
      soon.length = 0;
    }
    return true;
  }

  private async settle(): Promise<void> {
    this.hasPromises = false;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
