/**
 * LevelDB as an ordered store of bytes: the only importer of `level`. Owns opening a directory safely, translating
 * LevelDB's errors, and reading ranges in slices. Knows no record, seal or bucket.
 */
import { Level } from "level";
import type { Fs } from "../lib/ports.ts";
import { damaged } from "./damage.ts";
import { tableFault } from "./table-check.ts";

export interface LevelStoreOptions {
  readonly writeBufferBytes: number;
  readonly blockCacheBytes: number;
}

/** Operations that LevelDB will write as one; copies keys and values as they are added. */
export interface WriteBatch {
  put(key: Uint8Array, value: Uint8Array): unknown;
  del(key: Uint8Array): unknown;
  write(options: { sync: boolean }): Promise<void>;
}

/** Entries of a slice. At about 1.5 µs each, and 3 to 5 with the visitor's work, a slice stays below 5 ms. */
const sliceEntriesMax = 1000;
const sliceBytesMax = 1 << 20;
/** Tables that LevelDB makes by merging; those it flushes have the size of the write buffer. */
const tableBytesMax = 16 << 20;

export class LevelStore {
  readonly dir: string;
  private readonly level: Level<Uint8Array, Uint8Array>;

  private constructor(dir: string, level: Level<Uint8Array, Uint8Array>) {
    this.dir = dir;
    this.level = level;
  }

  /**
   * Opens or creates. LevelDB takes a directory without its CURRENT file for a new one and deletes every table in it, so it
   * may create only where nothing of its own lies. All tables are checked before it reads them; they are not compressed, as
   * the check reads no Snappy. Errors: CorruptionError; an Error that says when another process has it.
   */
  static async open(dir: string, fs: Fs, options: LevelStoreOptions): Promise<LevelStore> {
    await fs.makeDir(dir);
    const createIfMissing = await isUnused(dir, fs);
    const faults = await tableFaults(dir, fs, await fs.readDir(dir));
    const level = new Level<Uint8Array, Uint8Array>(dir, {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing,
      compression: false,
      cacheSize: options.blockCacheBytes,
      writeBufferSize: options.writeBufferBytes,
      maxFileSize: tableBytesMax,
    });
    try {
      await level.open();
    } catch (error) {
      throw openError(dir, error);
    }
    const store = new LevelStore(dir, level);
    if (faults.size > 0) await store.throwIfStillFaulty(fs, faults);
    return store;
  }

  /**
   * A crash may leave a table half written, of which LevelDB's manifest knows nothing: opening has deleted it. One that is
   * still there, and still faulty, is damaged.
   */
  private async throwIfStillFaulty(fs: Fs, before: ReadonlyMap<string, string>): Promise<void> {
    const names = (await fs.readDir(this.dir)).filter((name) => before.has(name));
    for (const [name, fault] of await tableFaults(this.dir, fs, names)) {
      await this.level.close();
      throw damaged(this.dir, `table ${name}: ${fault}`);
    }
  }

  batch(): WriteBatch {
    return this.level.batch();
  }

  /** The stored value, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.level.getSync(key);
    } catch (error) {
      throw damaged(this.dir, "LevelDB could not read a value", error);
    }
  }

  /** The last entry of a range of ASCII keys. */
  async last(range: {
    readonly gte: string;
    readonly lt: string;
  }): Promise<[string, Uint8Array] | undefined> {
    const iterator = this.level.iterator<string, Uint8Array>({
      ...range,
      reverse: true,
      limit: 1,
      keyEncoding: "utf8",
      valueEncoding: "view",
    });
    try {
      return await iterator.next();
    } catch (error) {
      throw damaged(this.dir, "LevelDB could not read its last entry", error);
    } finally {
      await iterator.close();
    }
  }

  /** All entries of a small range. */
  async all(range: {
    readonly gte: Uint8Array;
    readonly lt: Uint8Array;
  }): Promise<[Uint8Array, Uint8Array][]> {
    try {
      return await this.level.iterator(range).all();
    } catch (error) {
      throw damaged(this.dir, "LevelDB could not read the buckets", error);
    }
  }

  /**
   * Hands over a range of ASCII keys in order, slice by slice, with a turn of the event loop between two of them. The
   * thread pool reads the next slice while `visit` works on this one. What `visit` throws ends the reading.
   */
  async readSlices(
    range: { readonly gte: string; readonly lt: string },
    visit: (entries: readonly [string, Uint8Array][]) => void,
  ): Promise<void> {
    const iterator = this.level.iterator<string, Uint8Array>({
      ...range,
      keyEncoding: "utf8",
      valueEncoding: "view",
      fillCache: false,
      highWaterMarkBytes: sliceBytesMax,
    });
    // Never rejects, so that nothing is left unhandled when `visit` throws while the next slice is on its way.
    const nextSlice = (): Promise<readonly [string, Uint8Array][] | Error> =>
      iterator
        .nextv(sliceEntriesMax)
        .catch((error: unknown) => damaged(this.dir, "LevelDB could not read on", error));
    try {
      let coming = nextSlice();
      for (;;) {
        const entries = await coming;
        if (entries instanceof Error) throw entries;
        if (entries.length === 0) return;
        coming = nextSlice();
        visit(entries);
      }
    } finally {
      await iterator.close();
    }
  }

  /** Lets running operations end first; batches that were not written are dropped. */
  close(): Promise<void> {
    return this.level.close();
  }
}

/** True for a directory in which LevelDB has lost nothing: a creation that a crash cut short leaves no log and no table. */
async function isUnused(dir: string, fs: Fs): Promise<boolean> {
  const names = await fs.readDir(dir);
  if (names.includes("CURRENT")) return false;
  const left = names.find((name) => /\.(?:log|ldb|sst)$/.test(name));
  if (left !== undefined) throw damaged(dir, `the file CURRENT is missing but ${left} is there`);
  return true;
}

/** Faulty tables by name, with what is wrong. */
async function tableFaults(
  dir: string,
  fs: Fs,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const faults = new Map<string, string>();
  for (const name of names) {
    if (!/\.(?:ldb|sst)$/.test(name)) continue;
    const bytes = await fs.readFile(`${dir}/${name}`).catch((error: unknown) => {
      // Another process that has this backend open may delete it; opening will say so.
      if (codeOf(error) === "ENOENT") return undefined;
      throw damaged(dir, `table ${name} cannot be read`, error);
    });
    const fault = bytes === undefined ? undefined : tableFault(bytes);
    if (fault !== undefined) faults.set(name, fault);
  }
  return faults;
}

function openError(dir: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === "LEVEL_LOCKED")
    return new Error(`backend ${dir} is in use by another process`, { cause });
  if (code === "LEVEL_CORRUPTION") return damaged(dir, `LevelDB found it damaged (${text})`, cause);
  return new Error(`backend ${dir} cannot be opened`, { cause });
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
