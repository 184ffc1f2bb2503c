/**
 * Work on whole segment files off the hot path: filling one with zeros, so that its space is really reserved and a
 * durable write into it changes no file metadata, and mending the last one after a power cut.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import { parentDir } from "../lib/durable-dir.ts";
import type { DurableFile, Fs, Logger } from "../lib/ports.ts";
import type { Tail } from "./segment-reader.ts";

/** Zeros are written in slices of this size, each made durable before the next, so that log writes get in between. */
const sliceBytes = 1024 * 1024;

/** Creates `path` with `bytes` zeros, durable but for its name. `pause` runs between slices; false from it gives up. */
export async function createZeroed(
  fs: Fs,
  path: string,
  bytes: number,
  pause?: () => Promise<boolean>,
): Promise<void> {
  if (await fs.exists(path)) await fs.remove(path);
  const file = await fs.open(path, "create");
  try {
    const zeros = Buffer.alloc(Math.min(sliceBytes, bytes));
    for (let at = 0; at < bytes; at += sliceBytes) {
      if (at > 0 && pause !== undefined && !(await pause())) return;
      const count = Math.min(sliceBytes, bytes - at);
      await file.write(count === zeros.length ? zeros : zeros.subarray(0, count), at);
      await file.datasync();
    }
  } finally {
    await file.close();
  }
}

/** Cuts the file at `length`, durably: a file that others follow ends with its last record. */
export async function truncateDurably(fs: Fs, path: string, length: number): Promise<void> {
  const file = await fs.open(path, "readWrite");
  try {
    await file.truncate(length);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * A last file that is shorter than it was made: entries are gone, and nothing in it says how many. No power cut does that, as a
 * file has its full size, durably, before its name. Only a repair does (wal/repair.go), which leaves a copy beside it.
 */
export async function checkWhole(
  context: { readonly fs: Fs; readonly segmentBytes: number },
  { path, fileBytes }: Tail,
): Promise<void> {
  const { fs, segmentBytes } = context;
  const brokenPath = brokenPathOf(path);
  const isRepaired = await fs.exists(brokenPath);
  if (fileBytes >= segmentBytes) {
    // A repair of the past must not excuse a cut of the future.
    if (isRepaired) await fs.rename(brokenPath, `${brokenPath}.old`);
    return;
  }
  if (isRepaired) return;
  throw new CorruptionError(
    `wal: ${path} has ${fileBytes} bytes, but was made with ${segmentBytes}: it was cut short at offset ${fileBytes}, and may have ` +
      "lost acknowledged writes. Nothing was changed. Put the whole file back, restore the member from a backup, or remove it " +
      "from the cluster and add it anew",
  );
}

const brokenPathOf = (path: string): string => `${path}.broken`;

/**
 * Makes the last file ready for appending at `tail.end`: what an interrupted write left behind is zeroed, after the file was copied
 * to `<name>.broken` if that begins a record (wal/repair.go), and the file gets its full size. It is never made shorter.
 */
export async function mendTail(
  context: { readonly fs: Fs; readonly logger: Logger; readonly segmentBytes: number },
  tail: Tail,
): Promise<void> {
  const { fs, logger, segmentBytes } = context;
  const { path, end, dataEnd, fileBytes } = tail;
  if (tail.isTorn) {
    const brokenPath = brokenPathOf(path);
    await copyFile(fs, path, brokenPath);
    logger.warn("repaired the log: took out a record that a crash left incomplete", {
      path,
      offset: end,
      "cut-bytes": dataEnd - end,
      "copy-path": brokenPath,
    });
  } else if (dataEnd > end) {
    logger.warn("zeroing the rest of a write that a crash interrupted", {
      path,
      offset: end,
      "data-end": dataEnd,
    });
  }
  await zeroRange(fs, path, end, Math.max(end, dataEnd));
  await zeroRange(fs, path, fileBytes, Math.max(fileBytes, segmentBytes));
  await syncFile(fs, path);
}

/**
 * A killed process leaves its last write in the page cache: it was read as part of the log, so it must be durable before
 * the member tells anybody about it.
 */
async function syncFile(fs: Fs, path: string): Promise<void> {
  const file = await fs.open(path, "readWrite");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function zeroRange(fs: Fs, path: string, start: number, end: number): Promise<void> {
  if (start >= end) return;
  const file = await fs.open(path, "readWrite");
  try {
    const zeros = Buffer.alloc(Math.min(sliceBytes, end - start));
    for (let at = start; at < end; at += zeros.length) {
      await file.write(zeros.subarray(0, Math.min(zeros.length, end - at)), at);
    }
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function copyFile(fs: Fs, from: string, to: string): Promise<void> {
  const bytes = await fs.readFile(from);
  if (await fs.exists(to)) await fs.remove(to);
  const file = await fs.open(to, "create");
  try {
    await file.write(bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.syncDir(parentDir(to));
}

/** Removes the files in a directory that an interrupted creation left; the directory itself may stay. */
export async function emptyDir(fs: Fs, dir: string): Promise<void> {
  if (!(await fs.exists(dir))) return;
  for (const name of await fs.readDir(dir)) await fs.remove(`${dir}/${name}`);
}

/** The first bytes of a new segment. */
export function writeDurably(file: DurableFile, bytes: Uint8Array, length: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(bytes, length, 0, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
