/**
 * Keys that wait for work (client-go's workqueue). A key stands in it once however often it is added; a key that is being worked on is
 * not given out again before it is done, and then comes back if it was added meanwhile. What a key means is read anew by the worker.
 *
 *     add ─▸ waiting ─take─▸ in work ─done─▸ gone
 *      ▴                      └─ added meanwhile: waiting again
 *      └── addAfter, retry: delayed
 */
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import type { Ports, Timer } from "./ports.ts";

const defaultBackoff: BackoffOptions = { baseMs: 100, maxMs: 300_000 };

export class WorkQueue {
  private readonly ports: Ports;
  private readonly backoff: BackoffOptions;
  /** In order of arrival, so that no key starves. Disjoint from `inWork`. */
  private readonly waiting = new Set<string>();
  private readonly inWork = new Set<string>();
  /** Subset of `inWork`: added again while somebody works on it. */
  private readonly again = new Set<string>();
  private readonly delayed = new Map<string, { readonly dueMs: number; readonly timer: Timer }>();
  private readonly failures = new Map<string, number>();
  private readonly takers: ((key: string | undefined) => void)[] = [];
  private isShutDown = false;

  constructor(ports: Ports, backoff: BackoffOptions = defaultBackoff) {
    this.ports = ports;
    this.backoff = backoff;
  }

  /** Keys that wait to be taken. */
  get depth(): number {
    return this.waiting.size;
  }

  add(key: string): void {
    if (this.isShutDown) return;
    if (this.inWork.has(key)) {
      this.again.add(key);
      return;
    }
    this.waiting.add(key);
    this.handOut();
  }

  /** Adds the key when `delayMs` have passed; of several times the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.isShutDown) return;
    const dueMs = this.ports.clock.monotonicMs() + delayMs;
    const earlier = this.delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return;
    earlier?.timer.cancel();
    const timer = this.ports.timers.after(delayMs, () => {
      this.delayed.delete(key);
      this.add(key);
    });
    this.delayed.set(key, { dueMs, timer });
  }

  /** Adds the key after a wait that doubles with each call until `forget`. Gives the wait back. */
  addAfterFailure(key: string): number {
    const failures = (this.failures.get(key) ?? 0) + 1;
    this.failures.set(key, failures);
    const waitMs = backoffMs(this.backoff, failures, this.ports.random);
    this.addAfter(key, waitMs);
    return waitMs;
  }

  /** The key's last work was a success: its next failure waits the shortest time again. */
  forget(key: string): void {
    this.failures.delete(key);
  }

  /** The next key, as soon as there is one; `done` must follow. Undefined when the queue is shut down. */
  take(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.takers.push(resolve);
      this.handOut();
    });
  }

  /** The worker of this key has ended, well or not. */
  done(key: string): void {
    this.inWork.delete(key);
    if (this.again.delete(key)) this.add(key);
  }

  /** Nothing is given out or taken in any more; work under way goes on. */
  shutDown(): void {
    this.isShutDown = true;
    for (const { timer } of this.delayed.values()) timer.cancel();
    this.delayed.clear();
    this.waiting.clear();
    this.again.clear();
    this.handOut();
  }

  private handOut(): void {
    while (this.takers.length > 0) {
      if (this.isShutDown) {
        this.takers.shift()?.(undefined);
        continue;
      }
      const [key] = this.waiting;
      if (key === undefined) return;
      this.waiting.delete(key);
      this.inWork.add(key);
      this.takers.shift()?.(key);
    }
  }
}
