/** The backend contract over both implementations. */

import { LevelBackend } from "../../node/backend/level-backend.ts";
import { MemoryBackend } from "../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../node/backend/memory-disk.ts";
import { SystemTimers } from "../../node/lib/platform/clock.ts";
import { levelHome } from "../unit/backend/level-home.ts";
import { backendContract } from "./backend.ts";

const timers = new SystemTimers();

backendContract("LevelDB", async () => {
  const { dir, options, dispose } = await levelHome();
  return { open: () => LevelBackend.open(dir, options), dispose };
});

backendContract("memory", async () => {
  const disk = new MemoryDisk();
  return { open: async () => new MemoryBackend(disk, { timers }), dispose: async () => {} };
});

backendContract("memory with slow commits", async () => {
  const disk = new MemoryDisk();
  return {
    open: async () => new MemoryBackend(disk, { timers, commitDelayMs: () => 2 }),
    dispose: async () => {},
  };
});
