/** Homes of a backend, of either kind, that can hand states to one another. */
import { readdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { BackendHome } from "../../node/backend/backend-snapshot.ts";
import { LevelHome } from "../../node/backend/level-home.ts";
import { MemoryDisks, MemoryHome } from "../../node/backend/memory-home.ts";
import { SystemTimers } from "../../node/lib/platform/clock.ts";
import { levelHome } from "../unit/backend/level-home.ts";

export interface TestHome {
  readonly home: BackendHome;
  /** The next process on the same disk; the one before has ended in order. */
  again(): BackendHome;
  /** Names of what lies beside the live backend. */
  beside(): Promise<string[]>;
  dispose(): Promise<void>;
}

export type HomeKind = "LevelDB" | "memory";

export async function makeHome(kind: HomeKind): Promise<TestHome> {
  if (kind === "memory") {
    const disks = new MemoryDisks();
    const again = (): BackendHome => new MemoryHome(disks, { timers: new SystemTimers() });
    const beside = async (): Promise<string[]> =>
      [...disks.received.keys()].map((index) => `backend.received-${index}`);
    return { home: again(), again, beside, dispose: async () => {} };
  }
  const { dir, options, dispose } = await levelHome();
  const again = (): BackendHome => new LevelHome({ dir, ...options });
  const beside = async (): Promise<string[]> =>
    (await readdir(dirname(dir))).filter((name) => name !== "backend");
  return { home: again(), again, beside, dispose };
}
