/**
 * LevelDB as an ordered store of bytes: the only importer of `level`. Owns opening a directory safely, translating
 * LevelDB's errors, and reading ranges in slices. Knows no record, seal or bucket.
 */
import { Level } from "level";
import type { Fs } from "../lib/ports.ts";
import { damaged } from "./damage.ts";
import type { KeyRange } from "./layout.ts";
import { levelFault } from "./level-files.ts";
import type { RewrittenStore } from "./level-rewrite.ts";

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

/** What the typings of `level` leave out, as browsers lack it. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>;
}

type LevelSnapshot = ReturnType<Level<Uint8Array, Uint8Array>["snapshot"]>;

/** A snapshot of the store for several readers. */
export class SharedSnapshot {
  readonly snapshot: LevelSnapshot;
  private users = 1;

  constructor(snapshot: LevelSnapshot) {
    this.snapshot = snapshot;
  }

  share(): this {
    this.users++;
    return this;
  }

  release(): void {
    this.users--;
    // It cannot fail: closing frees memory only. Closing the store closes it too.
    if (this.users === 0) void this.snapshot.close();
  }
}

/** Entries of a slice. At about 1 µs each, and 0.5 to 5 more with the visitor's work, a slice stays below 5 ms. */
const sliceEntriesMax = 500;
const sliceBytesMax = 1 << 20;
/** Tables that LevelDB makes by merging; those it flushes have the size of the write buffer. */
const tableBytesMax = 16 << 20;

export class LevelStore implements RewrittenStore {
  readonly dir: string;
  private readonly level: Level<Uint8Array, Uint8Array>;

  private constructor(dir: string, level: Level<Uint8Array, Uint8Array>) {
    this.dir = dir;
    this.level = level;
  }

  /**
   * Opens or creates. LevelDB takes a directory without its CURRENT file for a new one and deletes every table in it, so it
   * may create only where nothing of its own lies. All files are checked before it reads them; tables are not compressed, as
   * the check reads no Snappy. Errors: CorruptionError; an Error that says when another process has it.
   */
  static async open(dir: string, fs: Fs, options: LevelStoreOptions): Promise<LevelStore> {
    await fs.makeDir(dir);
    await checkFiles(dir, fs);
    const level = new Level<Uint8Array, Uint8Array>(dir, {
      keyEncoding: "view",
      valueEncoding: "view",
      createIfMissing: !(await fs.exists(`${dir}/CURRENT`)),
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
    return new LevelStore(dir, level);
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
  async last(range: KeyRange): Promise<[string, Uint8Array] | undefined> {
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

  /** Hands over a range of any keys in order, as they are now or as in a snapshot, in slices with a turn of the event loop between. */
  async readAll(
    range: { readonly gte: Uint8Array; readonly lt: Uint8Array },
    visit: (key: Uint8Array, value: Uint8Array) => void,
    shared?: SharedSnapshot,
  ): Promise<void> {
    const iterator = this.level.iterator({
      ...range,
      ...(shared === undefined ? {} : { snapshot: shared.snapshot }),
      highWaterMarkBytes: sliceBytesMax,
    });
    try {
      for (;;) {
        const entries = await iterator.nextv(sliceEntriesMax).catch((error: unknown) => {
          throw damaged(this.dir, "LevelDB could not read on", error);
        });
        if (entries.length === 0) return;
        for (const [key, value] of entries) visit(key, value);
      }
    } finally {
      await iterator.close();
    }
  }

  /** The state as it is now, until the last user releases it. */
  snapshot(): SharedSnapshot {
    return new SharedSnapshot(this.level.snapshot());
  }

  /**
   * Hands over a range of ASCII keys in order as they are now, or as in `snapshot`, slice by slice, with a turn of the event loop
   * between two of them. The thread pool reads the next slice while `visit` works on this one. What `visit` throws ends the
   * reading; so does `isStopped`, with an Error.
   */
  async readSlices(
    range: KeyRange,
    visit: (entries: readonly [string, Uint8Array][]) => void,
    options: {
      readonly snapshot?: SharedSnapshot | undefined;
      /** False: keys only. */
      readonly values?: boolean;
      /** Waited for behind each slice, for reading that has time. */
      readonly pause?: () => Promise<void>;
      readonly isStopped: () => boolean;
    },
  ): Promise<void> {
    const iterator = this.level.iterator<string, Uint8Array>({
      ...range,
      ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot.snapshot }),
      keyEncoding: "utf8",
      valueEncoding: "view",
      values: options.values ?? true,
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
        if (options.isStopped()) throw new Error(`backend ${this.dir} was closed during a scan`);
        if (entries instanceof Error) throw entries;
        if (entries.length === 0) return;
        coming = nextSlice();
        visit(entries);
        await options.pause?.();
      }
    } finally {
      await iterator.close();
    }
  }

  /**
   * The same for a reader that asks for each slice; the thread pool reads one ahead. The store's closing ends it as `isStopped` does.
   */
  async *slices(
    range: KeyRange,
    shared: SharedSnapshot,
    isStopped: () => boolean,
  ): AsyncGenerator<readonly [string, Uint8Array][]> {
    const snapshot = shared.share();
    const iterator = this.level.iterator<string, Uint8Array>({
      ...range,
      snapshot: snapshot.snapshot,
      keyEncoding: "utf8",
      valueEncoding: "view",
      fillCache: false,
      highWaterMarkBytes: sliceBytesMax,
    });
    const nextSlice = (): Promise<readonly [string, Uint8Array][] | Error> =>
      iterator
        .nextv(sliceEntriesMax)
        .catch((error: unknown) => damaged(this.dir, "LevelDB could not read on", error));
    try {
      let coming = nextSlice();
      for (;;) {
        const entries = await coming;
        if (isStopped()) throw new Error(`backend ${this.dir} was closed during a scan`);
        if (entries instanceof Error) throw entries;
        if (entries.length === 0) return;
        coming = nextSlice();
        yield entries;
      }
    } finally {
      await iterator.close();
      snapshot.release();
    }
  }

  async flush(): Promise<void> {
    // LevelDB flushes before it looks for tables that hold the key.
    const nothing = Uint8Array.of(0x00);
    await this.merge(nothing, nothing);
  }

  tableBytes(start: Uint8Array, end: Uint8Array): Promise<number> {
    return this.compactable.approximateSize(start, end);
  }

  async deleteNothing(keys: readonly Uint8Array[]): Promise<void> {
    const batch = this.batch();
    for (const key of keys) batch.del(key);
    await batch.write({ sync: false });
  }

  /** Merges the tables with keys in [start, end]. Runs on LevelDB's thread; writes go on meanwhile. */
  merge(start: Uint8Array, end: Uint8Array): Promise<void> {
    return this.compactable.compactRange(start, end);
  }

  private get compactable(): Compactable {
    return this.level as unknown as Compactable;
  }

  /** Lets running operations end first; batches that were not written are dropped. */
  close(): Promise<void> {
    return this.level.close();
  }
}

/** Files that another process writes to may look damaged: only a fault that stands while nobody has the lock is one. */
async function checkFiles(dir: string, fs: Fs): Promise<void> {
  const first = await faultOf(dir, fs);
  if (first === undefined) return;
  await checkLock(dir);
  const second = await faultOf(dir, fs);
  if (second !== undefined) throw damaged(dir, second.what, second.cause);
}

async function faultOf(
  dir: string,
  fs: Fs,
): Promise<{ readonly what: string; readonly cause?: unknown } | undefined> {
  try {
    const what = await levelFault(fs, dir);
    return what === undefined ? undefined : { what };
  } catch (cause) {
    return { what: "a file cannot be read", cause };
  }
}

/**
 * Throws when another process has the directory. Asked to open a store that must not exist, LevelDB takes the lock, finds that it
 * does exist, lets the lock go and has touched nothing.
 */
async function checkLock(dir: string): Promise<void> {
  const probe = new Level(dir, { errorIfExists: true, createIfMissing: false });
  try {
    await probe.open();
  } catch (error) {
    if (codeOf(causeOf(error)) === "LEVEL_LOCKED") throw openError(dir, error);
  }
  await probe.close();
}

function openError(dir: string, error: unknown): Error {
  const cause = causeOf(error);
  const code = codeOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === "LEVEL_LOCKED")
    return new Error(`backend ${dir} is in use by another process`, { cause });
  if (code === "LEVEL_CORRUPTION") return damaged(dir, `LevelDB found it damaged (${text})`, cause);
  return new Error(`backend ${dir} cannot be opened`, { cause });
}

/** `level` wraps what LevelDB says. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
