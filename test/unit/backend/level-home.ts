/** A directory for a LevelDB backend under test, and the options to open it with. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LevelBackendOptions } from "../../../node/backend/level-backend.ts";
import { SystemTimers } from "../../../node/lib/platform/clock.ts";
import { SystemFs } from "../../../node/lib/platform/fs.ts";
import type { Logger } from "../../../node/lib/ports.ts";

const ignore = (): void => {};
export const quietLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export async function levelHome(): Promise<{
  dir: string;
  options: LevelBackendOptions;
  dispose: () => Promise<void>;
}> {
  const parent = await mkdtemp(join(tmpdir(), "etcd-ts-backend-"));
  return {
    dir: join(parent, "backend"),
    options: { fs: new SystemFs(), timers: new SystemTimers(), logger: quietLogger },
    dispose: () => rm(parent, { recursive: true, force: true }),
  };
}
