/** The data directory: locked, made durable, and refused when it is another program's. */
import { makeDirDurable } from "./lib/durable-dir.ts";
import type { FileLock, Fs } from "./lib/ports.ts";

export interface DataDir {
  readonly backend: string;
  readonly snap: string;
  /** Held as long as the member lives. */
  readonly lock: FileLock;
}

/** Prepares `member/` below the data directory for this process alone. Errors name the flag and what to do. */
export async function prepareDataDir(fs: Fs, dataDir: string): Promise<DataDir> {
  const member = `${dataDir}/member`;
  const [backend, snap] = [`${member}/backend`, `${member}/snap`];
  try {
    // Its log would be replayed into an empty backend, beside a database that then stays behind.
    const isOurs = await fs.exists(`${backend}/CURRENT`);
    if (!isOurs && (await fs.exists(`${snap}/db`))) throw new RefusedError(etcdsDatabase);
    for (const dir of [backend, snap]) await makeDirDurable(fs, dir);
    const lock = await lockDir(fs, member);
    if (lock === undefined) throw new RefusedError(inUse);
    return { backend, snap, lock };
  } catch (error) {
    throw dirError("--data-dir", dataDir, error);
  }
}

/** Sees that the log's directory, if it is there, is one, and may be written. Changes nothing. */
export async function checkWalDir(fs: Fs, walDir: string): Promise<void> {
  try {
    if (await fs.exists(walDir)) await fs.readDir(walDir);
  } catch (error) {
    throw dirError("--wal-dir", walDir, error);
  }
}

class RefusedError extends Error {}

const etcdsDatabase =
  "holds the database of a real etcd (member/snap/db), which this version cannot take over; " +
  "use another directory, and copy the keys with etcdctl";
const inUse =
  "is in use: another member runs on it; stop that one, or give this one a directory of its own";

async function lockDir(fs: Fs, member: string): Promise<FileLock | undefined> {
  const path = `${member}/lock`;
  if (!(await fs.exists(path))) {
    try {
      await (await fs.open(path, "create")).close();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    }
  }
  return fs.tryLock(path);
}

const reasons: Readonly<Record<string, string>> = {
  ENOTDIR: "is not a directory, or lies below a file",
  EEXIST: "is not a directory, or lies below a file",
  EACCES: "may not be read and written by this user: give it the right, or use another directory",
  EPERM: "may not be read and written by this user: give it the right, or use another directory",
  EROFS: "lies on a file system that is mounted read-only",
  ENOSPC: "lies on a file system that is full: make room on it, then start the member again",
};

function dirError(flag: string, dir: string, error: unknown): Error {
  if (error instanceof RefusedError) return new Error(`${flag} ${dir} ${error.message}`);
  const reason = reasons[String((error as { code?: unknown }).code)] ?? "cannot be used";
  return new Error(`${flag} ${dir} ${reason}`, { cause: error });
}
