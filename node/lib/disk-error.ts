/**
 * The disk did not take what must be written: always the end of the member, never retried (a second fsync may succeed although
 * the first one dropped data). The message names the file and says what to do; the system's own words are its cause.
 */
export class DiskError extends Error {
  override readonly name = "DiskError";
  /** The system's code, such as ENOSPC. */
  readonly code: string | undefined;

  constructor(what: string, code: string | undefined, cause: unknown) {
    super(`${what}; ${adviceFor(code)}`, { cause });
    this.code = code;
  }
}

/** The system's code (ENOSPC, EIO ...) of the error, or of what caused it. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  // LevelDB tells the system's error by its text alone.
  if (/: No space left on device$/i.test(error.message)) return "ENOSPC";
  return systemCode(error.cause);
}

export const isSystemError = (error: unknown): boolean => systemCode(error) !== undefined;

/** `what`: the sentence "cannot write <path>" or the like. A DiskError stays as it is: the innermost one knows the file. */
export function diskError(what: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause;
  return new DiskError(what, systemCode(cause), cause);
}

const kept = "nothing acknowledged is lost";

function adviceFor(code: string | undefined): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return `the file system is full: make room on it, then start the member again (${kept})`;
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return `give the member the right to write there, then start it again (${kept})`;
    case "EBUSY":
    case "EXDEV":
      return "a directory that is a mount point itself cannot be used: name one below it";
    case "ENOTDIR":
    case "EEXIST":
      return "a file stands where a directory is needed: name another directory";
    default:
      return (
        "the disk or its file system has failed: look into the system's log, mend it and start the member again, " +
        "or remove the member from the cluster and add it anew on another disk"
      );
  }
}
