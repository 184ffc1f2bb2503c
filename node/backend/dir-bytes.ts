/** The size of a directory's files, while others write in it. */
import type { Fs } from "../lib/ports.ts";

export async function dirBytes(fs: Fs, dir: string): Promise<number> {
  let bytes = 0;
  for (const name of await fs.readDir(dir)) {
    try {
      const file = await fs.open(`${dir}/${name}`, "read");
      bytes += await file.size().finally(() => file.close());
    } catch (error) {
      // LevelDB has removed it meanwhile.
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
    }
  }
  return bytes;
}
