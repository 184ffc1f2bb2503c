/** Removes a directory with everything in it. Not durable until its parent is synced; an interrupted removal is to be done again. */
import type { Fs } from "../lib/ports.ts";

export async function removeTree(fs: Fs, path: string): Promise<void> {
  for (const name of await fs.readDir(path)) {
    const inside = `${path}/${name}`;
    try {
      await fs.remove(inside);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
      await removeTree(fs, inside);
    }
  }
  await fs.remove(path);
}
