/**
 * How soon a cluster is looked at again. After a step at once, but a step that is asked for again and again although the API server took
 * it does not hold: something else undoes it, or it is a bug, and neither may keep the operator and the API server busy.
 */
import { fraction } from "../kernel/backoff.ts";
import type { Random } from "../kernel/ports.ts";

/** Something has to happen first, and not everything that happens makes an event. */
export const waitMs = 10_000;
/** Everything is as wanted, or nobody but a person can help: etcd is asked how it is. */
export const idleMs = 60_000;
/** Somebody else was faster. */
export const outdatedMs = 1_000;

/** Times in a row that one step is repeated without a wait: conflicts between two views are over by then. */
const freeRepeats = 3;
const slowestMs = 60_000;

export class Pace {
  private readonly random: Random;
  private readonly last = new Map<string, { readonly step: string; readonly repeats: number }>();

  constructor(random: Random) {
    this.random = random;
  }

  /** The wait after this step of this cluster. */
  afterStep(key: string, step: string): number {
    const before = this.last.get(key);
    const repeats = before?.step === step ? before.repeats + 1 : 0;
    this.last.set(key, { step, repeats });
    return repeats < freeRepeats ? 0 : Math.min(1_000 * 2 ** (repeats - freeRepeats), slowestMs);
  }

  /** The wait where there was no step: up to a tenth longer, so that clusters do not come all at once. */
  after(key: string, delayMs: number): number {
    this.last.delete(key);
    return delayMs * (1 + 0.1 * fraction(this.random));
  }

  forget(key: string): void {
    this.last.delete(key);
  }
}
