/** Directories that are still there after a power cut. */
import type { Fs } from "./ports.ts";

/**
 * Creates `path` and its missing parents, and makes their names durable: each directory's entry lies in its parent, and only a sync
 * of the parent keeps it (a simulated power cut between the two lost a whole log).
 */
export async function makeDirDurable(fs: Fs, path: string): Promise<void> {
  const missing: string[] = [];
  let existing = path;
  while (!(await fs.exists(existing))) {
    missing.push(existing);
    existing = parentDir(existing);
  }
  if (missing.length === 0) return;
  await fs.makeDir(path);
  for (const dir of missing.reverse()) await fs.syncDir(parentDir(dir));
}

export function parentDir(path: string): string {
  const slash = path.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : path.slice(0, slash);
}
