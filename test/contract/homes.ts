/** The disks that the backend contract runs over. */
import { readdirSync, statSync } from "node:fs";
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { LevelBackend } from "../../node/backend/level-backend.ts";
import { MemoryBackend } from "../../node/backend/memory-backend.ts";
import { MemoryDisk } from "../../node/backend/memory-disk.ts";
import { SystemTimers } from "../../node/lib/platform/clock.ts";
import { levelHome } from "../unit/backend/level-home.ts";
import type { BackendHome } from "./backend.ts";

const timers = new SystemTimers();

/** A crash is a copy of the files as they are at a moment, in which some of what was not synced is missing. */
export async function levelDbHome(writeBufferBytes?: number): Promise<BackendHome> {
  const { dir: firstDir, options: common, dispose } = await levelHome();
  const options = { ...common, ...(writeBufferBytes === undefined ? {} : { writeBufferBytes }) };
  let life = 0;
  let dir = firstDir;
  /** Sizes of LevelDB's logs when the last commit completed: so much of them is synced. */
  let synced: ReadonlyMap<string, number> = new Map();
  return {
    async open() {
      const backend = await LevelBackend.open(dir, options);
      synced = logSizes(dir);
      const begin = backend.commit.bind(backend);
      backend.commit = (position, done) =>
        begin(position, (error) => {
          if (error === null) synced = logSizes(dir);
          done(error);
        });
      return backend;
    },
    async crash(backend, luck = 0) {
      const next = `${firstDir}-${++life}`;
      const syncedBytes = synced;
      await copyAtOneMoment(dir, next);
      for (const name of logSizes(next).keys())
        await loseUnsynced(join(next, name), syncedBytes.get(name) ?? 0, luck);
      await backend.close();
      await rm(dir, { recursive: true, force: true });
      dir = next;
    },
    async wipe() {
      dir = `${firstDir}-${++life}`;
      await rm(dir, { recursive: true, force: true });
    },
    dispose,
  };
}

function logSizes(dir: string): ReadonlyMap<string, number> {
  const names = readdirSync(dir).filter((file) => file.endsWith(".log"));
  return new Map(names.map((name) => [name, statSync(join(dir, name)).size]));
}

/** Up to a luck of 0.5 the file ends somewhere behind its synced bytes; above, one sector of them did not arrive. */
async function loseUnsynced(path: string, syncedBytes: number, luck: number): Promise<void> {
  const bytes = await readFile(path);
  const unsynced = bytes.length - syncedBytes;
  if (luck <= 0.5) {
    await truncate(path, bytes.length - Math.floor(unsynced * luck * 2));
    return;
  }
  const sector = Math.floor((syncedBytes + unsynced * (luck - 0.5) * 2) / 512) * 512;
  bytes.subarray(Math.max(sector, syncedBytes), Math.max(sector + 512, syncedBytes)).fill(0);
  await writeFile(path, bytes);
}

/** LevelDB may work in the background: copies again until nothing was created or deleted meanwhile. */
async function copyAtOneMoment(from: string, to: string): Promise<void> {
  for (;;) {
    await rm(to, { recursive: true, force: true });
    await mkdir(to);
    const before = await state(from);
    try {
      for (const name of await readdir(from)) await copyFile(join(from, name), join(to, name));
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error;
      continue;
    }
    if (before === (await state(from))) return;
  }
}

async function state(dir: string): Promise<string> {
  const names = await readdir(dir);
  const current = (await readFile(join(dir, "CURRENT"), "utf8")).trim();
  return `${names.join(" ")} ${(await stat(join(dir, current))).size}`;
}

export async function memoryHome(commitDelayMs?: () => number): Promise<BackendHome> {
  let disk = new MemoryDisk();
  return {
    open: async () =>
      new MemoryBackend(disk, {
        timers,
        ...(commitDelayMs === undefined ? {} : { commitDelayMs }),
      }),
    async crash(_backend, luck = 0) {
      disk.crash(luck < 0.5 ? "durable" : "lost");
    },
    async wipe() {
      disk = new MemoryDisk();
    },
    dispose: async () => {},
  };
}
