/**
 * A disk with a volatile write cache, in memory: what has been written, what has been flushed, and the pictures a power
 * cut at this very moment could leave. Owns no I/O besides reading and writing image files.
 *
 *   write ──▶ cache (`unflushed`, in order) ──flush──▶ `durable`
 *   read  ◀── `current` = durable with all of the cache on top
 *
 * A real disk may carry out any part of its cache, in any order, in units of a sector. So each of these is a lawful picture:
 *   flushed  nothing of the cache survived
 *   issued   all of it did (what a plain copy of the image file shows)
 *   prefix   the first n sectors did
 *   subset   any of them, each with the same chance
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

export type CutMode = "flushed" | "issued" | "prefix" | "subset";
export const cutModes: readonly CutMode[] = ["subset", "flushed", "prefix", "issued"];

export interface CutResult {
  readonly mode: CutMode;
  /** Sectors in the cache at the cut, and how many of them the picture has. */
  readonly unflushedSectors: number;
  readonly keptSectors: number;
  readonly writes: number;
  readonly flushes: number;
  /** The moment of the cut in milliseconds of the machine's monotonic clock, which all processes share (`machineMs`). */
  readonly atMs: number;
}

/** Monotonic milliseconds with one origin for all processes of the machine, unlike performance.now. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The unit that is written whole or not at all. The loop device is told the same, so ext4 relies on no smaller one. */
export const sectorBytes = 4096;
const chunkBytes = 64 * 1024;
/** A cache has an end: beyond this the oldest writes go to the platter by themselves. */
const cacheBytesMax = 32 * 1024 * 1024;

interface CachedWrite {
  readonly offset: number;
  readonly data: Buffer;
}

/** A small seeded generator (mulberry32): the same seed gives the same picture. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class DiskImage {
  readonly size: number;
  readonly #current: Buffer;
  readonly #durable: Buffer;
  /** Chunks that were ever not zero, so that pictures stay sparse and quick. */
  readonly #touched: Uint8Array;
  #unflushed: CachedWrite[] = [];
  #unflushedBytes = 0;
  #writes = 0;
  #flushes = 0;

  private constructor(size: number) {
    this.size = size;
    this.#current = Buffer.alloc(size);
    this.#durable = Buffer.alloc(size);
    this.#touched = new Uint8Array(Math.ceil(size / chunkBytes));
  }

  static load(path: string): DiskImage {
    const file = openSync(path, "r");
    try {
      const image = new DiskImage(fstatSync(file).size);
      const chunk = Buffer.alloc(chunkBytes);
      const zeros = Buffer.alloc(chunkBytes);
      for (let offset = 0; offset < image.size; offset += chunkBytes) {
        const length = readSync(file, chunk, 0, chunkBytes, offset);
        const bytes = chunk.subarray(0, length);
        if (bytes.equals(zeros.subarray(0, length))) continue;
        image.#touch(offset, length);
        image.#current.set(bytes, offset);
        image.#durable.set(bytes, offset);
      }
      return image;
    } finally {
      closeSync(file);
    }
  }

  /** A view that is valid until the next write. */
  read(offset: number, size: number): Buffer {
    return this.#current.subarray(offset, Math.min(offset + size, this.size));
  }

  write(offset: number, data: Uint8Array): void {
    this.#writes += 1;
    this.#touch(offset, data.length);
    this.#current.set(data, offset);
    this.#unflushed.push({ offset, data: Buffer.from(data) });
    this.#unflushedBytes += data.length;
    while (this.#unflushedBytes > cacheBytesMax) {
      const oldest = this.#unflushed.shift();
      if (oldest === undefined) break;
      this.#unflushedBytes -= oldest.data.length;
      this.#durable.set(oldest.data, oldest.offset);
    }
  }

  /** Every write that came before is durable from here on. */
  flush(): void {
    this.#flushes += 1;
    for (const write of this.#unflushed) this.#durable.set(write.data, write.offset);
    this.#unflushed = [];
    this.#unflushedBytes = 0;
  }

  /** Writes to `path` what a power cut now could leave. The disk itself goes on untouched. */
  cut(path: string, mode: CutMode, seed: number): CutResult {
    const atMs = machineMs();
    const random = seededRandom(seed);
    const sectors = this.#unflushed.flatMap(splitIntoSectors);
    const prefixLength = Math.floor(random() * (sectors.length + 1));
    const share = random();
    const kept = sectors.filter((_, position) => {
      if (mode === "prefix") return position < prefixLength;
      return mode === "issued" || (mode === "subset" && random() < share);
    });
    const file = openSync(path, "w");
    try {
      ftruncateSync(file, this.size);
      for (let chunk = 0; chunk < this.#touched.length; chunk += 1) {
        if (this.#touched[chunk] === 0) continue;
        const offset = chunk * chunkBytes;
        writeSync(file, this.#durable, offset, Math.min(chunkBytes, this.size - offset), offset);
      }
      for (const sector of kept) writeSync(file, sector.data, 0, sector.data.length, sector.offset);
    } finally {
      closeSync(file);
    }
    const counts = { unflushedSectors: sectors.length, keptSectors: kept.length };
    return { mode, ...counts, writes: this.#writes, flushes: this.#flushes, atMs };
  }

  #touch(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / chunkBytes);
    for (let chunk = Math.floor(offset / chunkBytes); chunk <= last; chunk += 1)
      this.#touched[chunk] = 1;
  }
}

function splitIntoSectors(write: CachedWrite): CachedWrite[] {
  const sectors: CachedWrite[] = [];
  let from = 0;
  while (from < write.data.length) {
    const offset = write.offset + from;
    const end = Math.min(write.data.length, from + sectorBytes - (offset % sectorBytes));
    sectors.push({ offset, data: write.data.subarray(from, end) });
    from = end;
  }
  return sectors;
}
