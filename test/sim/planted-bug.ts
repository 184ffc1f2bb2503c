/** What a planted bug is: changes to our own source. */

/** One place in the source: `find` stands there exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly put: string;
}

export interface PlantedBug {
  readonly name: string;
  /** What the sweep must be told, so that the bug has its chance. */
  readonly flags?: readonly string[];
  /** Changes that break nothing and bring about more often what the bug needs; `plant.ts --control` makes these alone. */
  readonly eases?: readonly Edit[];
  readonly edits: readonly Edit[];
}

/** `find` is replaced by `put`. */
export const edit = (file: string, find: string, put: string): Edit => ({ file, find, put });
