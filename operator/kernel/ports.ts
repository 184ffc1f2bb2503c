/**
 * Time, luck and words as the kernel sees them: tests replace all of them. The shapes are those of node/lib/ports.ts, which the
 * operator may not import: it is a program of its own.
 */

export interface Clock {
  /** Monotonic milliseconds with a fraction; never goes back, says nothing about the date, may stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch; may jump. */
  unixMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  after(delayMs: number, run: () => void): Timer;
}

export interface Random {
  /** A uniform unsigned 32-bit integer. */
  uint32(): number;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are constant texts; what varies stands in the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** What nearly every part of the kernel needs of the world. */
export interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}
