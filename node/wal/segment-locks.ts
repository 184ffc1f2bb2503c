/**
 * The locks on a log's segments: they keep a second process, ours or a real etcd, from a log in use (server/storage/wal/wal.go takes
 * the same ones). A segment that is no longer needed is unlocked: then, and only then, it may be removed.
 */
import type { FileLock, Fs } from "../lib/ports.ts";
import { listSegments } from "./segment-name.ts";

export class SegmentLocks {
  private readonly held = new Map<string, FileLock>();

  /** Locks all segments of a directory, or throws an Error that names the one that is taken. */
  static async take(fs: Fs, dir: string): Promise<SegmentLocks> {
    const locks = new SegmentLocks();
    try {
      // The newest first: it is the one that is surely locked when the log is in use.
      for (const { name } of (await listSegments(fs, dir)).reverse()) {
        await locks.add(fs, `${dir}/${name}`, name);
      }
    } catch (error) {
      await locks.releaseAll();
      throw error;
    }
    return locks;
  }

  /** Locks the file at `path`, known as the segment `name` from now on. */
  async add(fs: Fs, path: string, name: string): Promise<void> {
    const lock = await fs.tryLock(path);
    if (lock === undefined) throw new Error(`wal: ${inUse(path)}`);
    this.held.set(name, lock);
  }

  async release(name: string): Promise<void> {
    const lock = this.held.get(name);
    this.held.delete(name);
    await lock?.release();
  }

  async releaseAll(): Promise<void> {
    for (const name of [...this.held.keys()]) await this.release(name);
  }
}

const inUse = (path: string): string =>
  `${path} is locked: another member works on this log; stop that one, or give this one a --data-dir and a --wal-dir of its own`;
