/** How long to wait after a failure, and waiting itself. */
import type { Random, Timers } from "./ports.ts";

export interface BackoffOptions {
  /** Wait after the first failure, before jitter. */
  readonly baseMs: number;
  /** Wait that is never exceeded. */
  readonly maxMs: number;
}

/** Beyond this the doubling has met every maximum, and 2 ** failures stays exact. */
const doublingsMax = 30;

/** A number in [0, 1). */
export function fraction(random: Random): number {
  return random.uint32() / 2 ** 32;
}

/** Doubles per failure; the upper half is luck, so that many who failed together do not come back together. */
export function backoffMs(options: BackoffOptions, failures: number, random: Random): number {
  const doublings = Math.min(Math.max(failures - 1, 0), doublingsMax);
  const ceiling = Math.min(options.baseMs * 2 ** doublings, options.maxMs);
  return ceiling * (0.5 + 0.5 * fraction(random));
}

/** Counts failures in a row. */
export class Backoff {
  private readonly options: BackoffOptions;
  private readonly random: Random;
  private failures = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.options = options;
    this.random = random;
  }

  /** Counts one more failure; the wait that follows it. */
  nextMs(): number {
    this.failures += 1;
    return backoffMs(this.options, this.failures, this.random);
  }

  reset(): void {
    this.failures = 0;
  }
}

/** The signal's state now: read through the property, the compiler would remember what it was before an await. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Resolves after `delayMs`, or as soon as `signal` aborts: the caller looks at the signal. */
export function sleep(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = timers.after(delayMs, wake);
    signal.addEventListener("abort", wake, { once: true });
  });
}
