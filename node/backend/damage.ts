/** The one text for a damaged backend: which directory, which place in it, and what the operator can do. */
import { CorruptionError } from "../lib/corruption-error.ts";

/** What a backend throws when its files are not what it wrote; told apart from a damaged log, which no rebuild can mend. */
export class BackendDamage extends CorruptionError {
  readonly dir: string;
  /** File or place, and what is wrong there. */
  readonly what: string;

  constructor(dir: string, what: string, options?: ErrorOptions) {
    super(
      `backend ${dir}: ${what}; restore the member from a snapshot, or remove it and add it anew`,
      options,
    );
    this.dir = dir;
    this.what = what;
  }
}

export function damaged(dir: string, what: string, cause?: unknown): BackendDamage {
  return new BackendDamage(dir, what, cause === undefined ? undefined : { cause });
}
