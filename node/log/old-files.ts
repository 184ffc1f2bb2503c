/**
 * What is left of a rotated log file: "etcd-2026-11-28T20-00-00.000.log" beside "etcd.log", compressed with ".gz" behind it. Names, and which of them go, are
 * lumberjack's (gopkg.in/natefinch/lumberjack.v2), so that tools and a real etcd in the same directory agree. The npm package rotating-file-stream has neither
 * synchronous writes, which a crash needs, nor an age in days, nor these names together with its clean-up.
 */
import { createReadStream, createWriteStream, existsSync, renameSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { LogRotation } from "./settings.ts";

const compressedEnd = ".gz";
const msPerDay = 24 * 60 * 60 * 1000;

interface OldFile {
  readonly name: string;
  readonly timeMs: number;
}

export class OldFiles {
  private readonly path: string;
  private readonly rotation: LogRotation;
  private readonly unixMs: () => number;
  private tidying: Promise<void> | undefined;
  private isTidyWanted = false;

  constructor(path: string, rotation: LogRotation, unixMs: () => number) {
    this.path = path;
    this.rotation = rotation;
    this.unixMs = unixMs;
  }

  /** Gives the log file the name of an old one. A log file that is gone is fine. */
  setAside(): void {
    let timeMs = this.unixMs();
    // Two rotations in a millisecond: nothing is overwritten.
    while (existsSync(this.nameAt(timeMs)) || existsSync(this.nameAt(timeMs) + compressedEnd)) {
      timeMs += 1;
    }
    try {
      renameSync(this.path, this.nameAt(timeMs));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }

  /** Removes and compresses in the background, one run at a time. What fails is tried again at the next rotation. */
  tidy(): void {
    const { maxBackups, maxAgeDays, compresses } = this.rotation;
    if (maxBackups === 0 && maxAgeDays === 0 && !compresses) return;
    if (this.tidying !== undefined) {
      this.isTidyWanted = true;
      return;
    }
    this.tidying = this.tidyOnce()
      .catch(() => undefined)
      .finally(() => {
        this.tidying = undefined;
        if (!this.isTidyWanted) return;
        this.isTidyWanted = false;
        this.tidy();
      });
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    while (this.tidying !== undefined) await this.tidying;
  }

  private async tidyOnce(): Promise<void> {
    const { kept, surplus } = this.judge(await this.list());
    for (const name of surplus) await rm(join(dirname(this.path), name), { force: true });
    if (!this.rotation.compresses) return;
    for (const name of kept) {
      if (!name.endsWith(compressedEnd)) await compress(join(dirname(this.path), name));
    }
  }

  private judge(files: readonly OldFile[]): { kept: string[]; surplus: string[] } {
    const { maxBackups, maxAgeDays } = this.rotation;
    const oldestMs = maxAgeDays === 0 ? -Infinity : this.unixMs() - maxAgeDays * msPerDay;
    // A file and its compressed half-made twin are one.
    const seen = new Set<string>();
    const kept: string[] = [];
    const surplus: string[] = [];
    for (const { name, timeMs } of files) {
      seen.add(uncompressed(name));
      const isSurplus = (maxBackups > 0 && seen.size > maxBackups) || timeMs < oldestMs;
      (isSurplus ? surplus : kept).push(name);
    }
    return { kept, surplus };
  }

  /** Newest first. */
  private async list(): Promise<OldFile[]> {
    const files: OldFile[] = [];
    for (const name of await readdir(dirname(this.path))) {
      const timeMs = this.timeOf(name);
      if (timeMs !== undefined) files.push({ name, timeMs });
    }
    return files.sort((one, other) => other.timeMs - one.timeMs);
  }

  private nameAt(timeMs: number): string {
    const { prefix, extension } = this.nameParts();
    const time = new Date(timeMs);
    const shifted = this.rotation.usesLocalTime ? timeMs - offsetMs(time) : timeMs;
    const stamp = new Date(shifted).toISOString().slice(0, -1).replaceAll(":", "-");
    return join(dirname(this.path), `${prefix}${stamp}${extension}`);
  }

  /** Undefined for a name that is none of ours. */
  private timeOf(name: string): number | undefined {
    const { prefix, extension } = this.nameParts();
    const plain = uncompressed(name);
    if (!plain.startsWith(prefix) || !plain.endsWith(extension)) return undefined;
    const stamp = plain.slice(prefix.length, plain.length - extension.length);
    const [, date, hours, rest] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d-\d\d\.\d{3})$/.exec(stamp) ?? [];
    if (date === undefined || hours === undefined || rest === undefined) return undefined;
    const text = `${date}T${hours}:${rest.replace("-", ":")}`;
    const timeMs = Date.parse(this.rotation.usesLocalTime ? text : `${text}Z`);
    return Number.isNaN(timeMs) ? undefined : timeMs;
  }

  private nameParts(): { prefix: string; extension: string } {
    const extension = extname(this.path);
    return { prefix: `${basename(this.path, extension)}-`, extension };
  }
}

const offsetMs = (time: Date): number => time.getTimezoneOffset() * 60_000;

const uncompressed = (name: string): string =>
  name.endsWith(compressedEnd) ? name.slice(0, -compressedEnd.length) : name;

/** The file goes only when the compressed one is whole. */
async function compress(path: string): Promise<void> {
  const { mode } = await stat(path);
  const target = createWriteStream(`${path}${compressedEnd}`, { mode: mode & 0o777, flush: true });
  try {
    await pipeline(createReadStream(path), createGzip(), target);
  } catch (error) {
    await rm(`${path}${compressedEnd}`, { force: true });
    throw error;
  }
  await rm(path);
}
