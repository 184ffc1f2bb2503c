/** What clients have seen in a run: every write's outcome, and what else they met. */

/** Why a write need not have been acknowledged: the test itself had closed a connection that it was on. */
export type Excuse = "its connection was cut" | "the members' connections were cut";

export interface SlowestWrite {
  readonly millis: number;
  readonly during: string;
}

export class Tally {
  /** What the run does at the moment. */
  during = "start";
  acknowledged = 0;
  /** Connections opened, the first ones too, and of those that were given up: cut with a write under way. */
  connects = 0;
  cuts = 0;
  slowest: SlowestWrite = { millis: 0, during: "" };
  readonly excused = new Map<Excuse, number>();
  /** By what went wrong; must stay empty. */
  readonly failures = new Map<string, number>();
  readonly #millis: number[] = [];

  wrote(millis: number): void {
    this.acknowledged += 1;
    this.#millis.push(millis);
    if (millis > this.slowest.millis) this.slowest = { millis, during: this.during };
  }

  excuse(excuse: Excuse): void {
    this.excused.set(excuse, (this.excused.get(excuse) ?? 0) + 1);
  }

  fail(kind: "connect" | "write" | "connection lost", reason: unknown): void {
    const text = reason instanceof Error ? reason.message : String(reason);
    const key = `${kind}: ${text} (during ${this.during})`;
    this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
  }

  get failureCount(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Of the acknowledged writes, in milliseconds; 0 where there are none. */
  quantile(part: number): number {
    const sorted = Float64Array.from(this.#millis).sort();
    return sorted[Math.floor((sorted.length - 1) * part)] ?? 0;
  }
}
