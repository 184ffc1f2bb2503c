/** Directories that are still there after a power cut. */
import type { Fs } from "./ports.ts";

/**
 * Creates `path` and its missing parents, and makes all their names durable: each directory's entry lies in its parent, and only
 * a sync of the parent keeps it (a simulated power cut between the two lost a whole log). Those that were there already are
 * synced too: an earlier process may have been killed right after making them.
 */
export async function makeDirDurable(fs: Fs, path: string): Promise<void> {
  await fs.makeDir(path);
  let dir = path;
  while (parentDir(dir) !== dir) {
    dir = parentDir(dir);
    try {
      await fs.syncDir(dir);
    } catch (error) {
      // A directory that we may not even open is not one that this program, or one like it, has made something in.
      if ((error as { code?: unknown }).code !== "EACCES") throw error;
    }
  }
}

/** "/" is its own parent, and so is ".". */
export function parentDir(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
