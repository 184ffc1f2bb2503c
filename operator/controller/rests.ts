/**
 * Clusters at rest: as they were when a whole look found that nothing is to be done and nothing to be written. As long as no watch tells of a change, the next look
 * asks etcd alone, and the API server nothing.
 *
 * Nothing is decided on it: a look at what is kept can only find, once more, that nothing is to be done. If it finds anything else it counts for nothing, and all is
 * read anew. A change that a watch missed is seen with the next whole look, after a few minutes.
 */
import type { Observed } from "../cluster/observed.ts";

/** A whole look follows after this time whatever the watches say. */
const restMs = 600_000;

interface Rest {
  readonly observed: Observed;
  readonly sinceMs: number;
}

export class Rests {
  private readonly kept = new Map<string, Rest>();
  /** How often something has happened to a cluster, while a look is under way. */
  private readonly stirs = new Map<string, number>();

  /** Of monotonic time. */
  find(key: string, nowMs: number): Observed | undefined {
    const rest = this.kept.get(key);
    return rest !== undefined && nowMs - rest.sinceMs < restMs ? rest.observed : undefined;
  }

  /** Something has happened to it, or may have. */
  stir(key: string): void {
    this.kept.delete(key);
    const before = this.stirs.get(key);
    if (before !== undefined) this.stirs.set(key, before + 1);
  }

  /** A whole look begins. */
  begin(key: string): void {
    this.kept.delete(key);
    this.stirs.set(key, 0);
  }

  /** It found rest: kept, unless something has happened since it began. */
  settle(key: string, observed: Observed, nowMs: number): void {
    if (this.stirs.get(key) === 0) this.kept.set(key, { observed, sinceMs: nowMs });
    this.stirs.delete(key);
  }

  forget(key: string): void {
    this.kept.delete(key);
    this.stirs.delete(key);
  }
}
