/** Time and a log under the hand of a test, for code that talks over real connections. */
import type { LogFields, Logger, Timer, Timers } from "../../../node/lib/ports.ts";

export const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** Time that passes when the test says so; the end of a turn is the real one. */
export class HandTimers implements Timers {
  private readonly waiting = new Map<symbol, { delayMs: number; run: () => void }>();
  private readonly periodic = new Set<() => void>();

  after(delayMs: number, run: () => void): Timer {
    const key = Symbol();
    this.waiting.set(key, { delayMs, run });
    return { cancel: () => this.waiting.delete(key) };
  }

  every(_periodMs: number, run: () => void): Timer {
    this.periodic.add(run);
    return { cancel: () => this.periodic.delete(run) };
  }

  /** A period is over. */
  tick(): void {
    for (const run of [...this.periodic]) run();
  }

  endOfTurn(run: () => void): void {
    setImmediate(run);
  }

  /** Runs what waits for so long or less. */
  pass(ms: number): void {
    for (const [key, { delayMs, run }] of [...this.waiting]) {
      if (delayMs > ms) continue;
      this.waiting.delete(key);
      run();
    }
  }

  get waits(): number[] {
    return [...this.waiting.values()].map(({ delayMs }) => delayMs);
  }
}

/** A log that a test reads. */
export class KeptLog implements Logger {
  readonly lines: { readonly message: string; readonly fields: LogFields }[] = [];

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ message, fields });
  }

  count(message: string): number {
    return this.lines.filter((line) => line.message === message).length;
  }
}
