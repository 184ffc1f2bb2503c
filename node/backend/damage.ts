/** The one text for a damaged backend: which directory, which place in it, and what the operator can do. */
import { CorruptionError } from "../lib/corruption-error.ts";

export function damaged(dir: string, what: string, cause?: unknown): CorruptionError {
  return new CorruptionError(
    `backend ${dir}: ${what}; restore the member from a snapshot, or remove it and add it anew`,
    cause === undefined ? undefined : { cause },
  );
}
