/**
 * ext4 on a loop device, for tests that cut the power: makes image files, mounts them, and runs the user-space disk of
 * test/power/disk-process.ts below a mounted one. Needs root, /dev/fuse, loop devices and mkfs.ext4; `missingForDisks`
 * says in words what is not there.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync } from "node:fs";
import { mkdir, open, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type CutMode, type CutResult, sectorBytes } from "../power/disk-image.ts";

const run = promisify(execFile);

/** Mounted and not yet unmounted, in order: what an interrupted run must still let go of. */
const mounted = new Set<string>();
process.once("exit", () => {
  for (const directory of [...mounted].reverse()) {
    try {
      execFileSync("umount", ["--lazy", directory], { stdio: "ignore" });
    } catch {
      // Unmounted by somebody else.
    }
  }
});

async function unmount(directory: string): Promise<void> {
  await run("umount", [directory]);
  mounted.delete(directory);
}

/** Undefined when power cuts can be run here, otherwise what is missing. */
export function missingForDisks(): string | undefined {
  if (process.getuid?.() !== 0) return "power cuts need root (mount, losetup)";
  for (const device of ["/dev/fuse", "/dev/loop-control"]) {
    try {
      accessSync(device, constants.R_OK | constants.W_OK);
    } catch {
      return `power cuts need ${device}`;
    }
  }
  for (const tool of ["mkfs.ext4", "losetup", "mount"]) {
    try {
      execFileSync("sh", ["-c", `command -v ${tool}`], { stdio: "ignore" });
    } catch {
      return `power cuts need the program ${tool}`;
    }
  }
  return undefined;
}

/** An empty ext4 in a sparse file. */
export async function makeImage(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, "w");
  await file.truncate(mebibytes * 1024 * 1024);
  await file.close();
  await run("mkfs.ext4", ["-q", "-F", "-b", "4096", "-m", "0", path]);
}

export interface MountedImage {
  readonly directory: string;
  /** Nothing may be open in the directory. */
  unmount(): Promise<void>;
}

/** Mounts an image file; ext4 replays its journal as after a power cut. */
export async function mountImage(image: string, directory: string): Promise<MountedImage> {
  await mkdir(directory, { recursive: true });
  const { stdout } = await run("losetup", [
    "--find",
    "--show",
    "--sector-size",
    String(sectorBytes),
    image,
  ]);
  const device = stdout.trim();
  try {
    await run("mount", ["-t", "ext4", "-o", "noatime", device, directory]);
    mounted.add(directory);
  } finally {
    // Detached when the mount ends, or now if there was none.
    await run("losetup", ["--detach", device]);
  }
  return {
    directory,
    async unmount() {
      await unmount(directory);
      await rmdir(directory);
    },
  };
}

/** A mounted ext4 whose disk is ours, so that the power can be cut while it is in use. */
export interface CuttableDisk {
  readonly directory: string;
  /**
   * Leaves in `path` what a power cut would leave. Whatever was durable before the call is in it; the disk and everything
   * on it go on. `flushes` 0: at once; n: just before the n-th flush from now, or at once when none comes for a while.
   */
  cut(path: string, how: { mode: CutMode; seed: number; flushes: number }): Promise<CutResult>;
  /** Writes back and flushes all that is in the page cache. */
  sync(): Promise<void>;
  /** Unmounts and ends the disk. Nothing may be open in the directory. */
  close(): Promise<void>;
}

/** Starts a disk with the content of `image` (which itself stays as it is) and mounts it below `workDirectory`. */
export async function startDisk(image: string, workDirectory: string): Promise<CuttableDisk> {
  const fuseDirectory = join(workDirectory, "disk");
  await mkdir(fuseDirectory, { recursive: true });
  const disk = await mountFuse(image, fuseDirectory);
  const ended = new Promise<void>((resolve) => disk.once("exit", () => resolve()));
  const releaseFuse = async (): Promise<void> => {
    await unmount(fuseDirectory).catch(() => disk.kill("SIGKILL"));
    await ended;
  };
  let files: MountedImage;
  try {
    files = await mountImage(join(fuseDirectory, "image"), join(workDirectory, "live"));
  } catch (error) {
    await releaseFuse();
    throw error;
  }
  return {
    directory: files.directory,
    cut: (path, how) => cutThrough(join(fuseDirectory, "control"), path, how),
    async sync() {
      await run("sync", ["--file-system", files.directory]);
    },
    async close() {
      await files.unmount();
      await releaseFuse();
    },
  };
}

async function mountFuse(image: string, directory: string): Promise<ChildProcess> {
  const device = openSync("/dev/fuse", "r+");
  try {
    const program = join(import.meta.dirname, "../power/disk-process.ts");
    const disk = spawn(process.execPath, [program, image], {
      stdio: ["ignore", "inherit", "inherit", device],
    });
    const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
    const mount = spawn(
      "mount",
      ["--internal-only", "-t", "fuse", "-o", options, "etcd-power-disk", directory],
      {
        stdio: ["ignore", "inherit", "inherit", device],
      },
    );
    const code = await new Promise((resolve) => mount.once("exit", resolve));
    if (code === 0) {
      mounted.add(directory);
      return disk;
    }
    disk.kill("SIGKILL");
    throw new Error(`mount of the FUSE disk ended with code ${String(code)}`);
  } finally {
    closeSync(device);
  }
}

const flushWaitMs = 3000;

async function cutThrough(
  control: string,
  path: string,
  how: { mode: CutMode; seed: number; flushes: number },
): Promise<CutResult> {
  const file = await open(control, "r+");
  const answerBytes = Buffer.alloc(4096);
  const ask = async (flushes: number): Promise<CutResult | undefined> => {
    await file.write(JSON.stringify({ cut: { ...how, path, flushes } }), 0);
    const deadline = performance.now() + flushWaitMs;
    while (performance.now() < deadline) {
      await sleep(2);
      const { bytesRead } = await file.read(answerBytes, 0, answerBytes.length, 0);
      if (bytesRead === 0) continue;
      const answer = JSON.parse(answerBytes.toString("utf8", 0, bytesRead)) as
        | CutResult
        | { error: string };
      if ("error" in answer) throw new Error(`the disk refused: ${answer.error}`);
      return answer;
    }
    return undefined;
  };
  try {
    const result = (await ask(how.flushes)) ?? (await ask(0));
    if (result === undefined) throw new Error("the disk does not answer");
    return result;
  } finally {
    await file.close();
  }
}
