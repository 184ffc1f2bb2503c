/** The data directory: made durable, and refused when it is another program's. */
import { makeDirDurable } from "./lib/durable-dir.ts";
import type { Fs } from "./lib/ports.ts";

/** Prepares `member/backend` below the data directory and returns its path. Errors name the flag and what to do. */
export async function prepareDataDir(fs: Fs, dataDir: string): Promise<string> {
  const backendDir = `${dataDir}/member/backend`;
  // Its log would be replayed into an empty backend, beside a database that then stays behind.
  if (await fs.exists(`${dataDir}/member/snap/db`)) {
    throw new Error(
      `--data-dir ${dataDir} holds the database of a real etcd (member/snap/db), which this version cannot take over; ` +
        "use another directory, and copy the keys with etcdctl",
    );
  }
  try {
    await makeDirDurable(fs, backendDir);
  } catch (error) {
    throw new Error(`--data-dir ${dataDir} cannot be used`, { cause: error });
  }
  return backendDir;
}
