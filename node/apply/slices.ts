/**
 * Work on one entry that may take several turns: it pauses when a slice's budget is used up. The budget counts keys and bytes, never time, and it
 * decides only where the pauses are, not what is done: members with other budgets hold the same state.
 */

/** Each `next` does a slice; the value stands in the last one. */
export type Slices<Result> = Generator<undefined, Result, undefined>;

/** Keys of a slice: two to eight milliseconds, depending on how many values must be fetched. */
export const sliceKeysDefault = 1000;

/** Bytes that cost as much as a key. */
const keyWorthBytes = 4096;

export class SliceBudget {
  private readonly keysMax: number;
  private keysLeft: number;

  constructor(keysMax: number) {
    this.keysMax = keysMax;
    this.keysLeft = keysMax;
  }

  /** Keys that the slice may still look at, at least one. */
  get left(): number {
    return Math.max(1, Math.ceil(this.keysLeft));
  }

  get isSpent(): boolean {
    return this.keysLeft <= 0;
  }

  spend(keys: number): void {
    this.keysLeft -= keys;
  }

  spendBytes(bytes: number): void {
    this.keysLeft -= bytes / keyWorthBytes;
  }

  /** A new slice begins. */
  renew(): void {
    this.keysLeft = this.keysMax;
  }
}
