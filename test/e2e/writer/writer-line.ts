/** What a writer prints. */
export interface Verdict {
  /** What is wrong, a line each: a lost write, a history that is not linearizable, members that differ. */
  readonly problems: readonly string[];
  /** `unknown`: writes that were not answered, and may have been done. `failed`: nothing was done, or a read that was not answered. */
  readonly counts: Readonly<Record<"acknowledged" | "unknown" | "failed", number>>;
  /** Keys that were written once and found again at the end, on every member. */
  readonly ledger: number;
  /** Operations whose history was judged. */
  readonly events: number;
  /** The longest time without an acknowledged write, of whichever client. */
  readonly writeGapMs: number;
  /** Writes over a connection of their own. */
  readonly fresh: { readonly done: number; readonly failures: readonly string[] };
  readonly certificateChanges: number;
  /** The first errors of the workload, with their times since the start. */
  readonly errors: readonly string[];
}

export type WriterLine =
  | { readonly progress: { readonly acknowledged: number; readonly fresh: number } }
  /** It has its last answer. */
  | { readonly resting: true }
  | { readonly verdict: Verdict };
