/**
 * The home of a member's backend on LevelDB: the live directory, and beside it, under names that begin with its own, what is received.
 *
 *     backend                        the live one
 *     backend.partial-<n>            being received, or being removed: worth nothing, gone at the next start. A file, the database as it comes in,
 *                                    or a directory, the backend that is made of it; together twice the room of the state
 *     backend.received-<index>       received whole, checked and synced
 *     backend.replaced-by-<index>    the live one of before, during an install
 *
 * An install is two renames, which the file system keeps in order: live to replaced-by-<index>, received-<index> to live. A start
 * that finds the first without the second makes the second, or, where the received one is gone, takes the first back.
 */
import { assert } from "../lib/assert.ts";
import { diskError, isSystemError } from "../lib/disk-error.ts";
import { parentDir } from "../lib/durable-dir.ts";
import type { Fs } from "../lib/ports.ts";
import { type LogIndex, logIndex } from "../lib/units.ts";
import type { BackendHome, SnapshotReceiver } from "./backend-snapshot.ts";
import { FileOnDisk } from "./bbolt/received-file.ts";
import { LevelBackend, type LevelBackendOptions } from "./level-backend.ts";
import { removeTree } from "./remove-tree.ts";
import { StateReceiver } from "./snapshot-receiver.ts";

export interface LevelHomeOptions extends LevelBackendOptions {
  readonly dir: string;
}

export class LevelHome implements BackendHome {
  private readonly options: LevelHomeOptions;
  private readonly dir: string;
  private readonly parent: string;
  private backend: LevelBackend | undefined;
  private readonly known = new Set<LogIndex>();
  private partials = 0;
  private isSettled = false;
  /** Changes of names happen one after the other. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(options: LevelHomeOptions) {
    this.options = options;
    this.dir = options.dir;
    this.parent = parentDir(options.dir);
  }

  /** Also ends what a crash has interrupted. */
  async open(): Promise<LevelBackend> {
    await this.received();
    this.backend = await LevelBackend.open(this.dir, this.options);
    return this.backend;
  }

  async receive(): Promise<SnapshotReceiver> {
    await this.received();
    const { fs, logger } = this.options;
    const dir = this.nextPartial();
    const path = this.nextPartial();
    const file = await FileOnDisk.create(fs, path).catch((error: unknown) => {
      throw diskError(`cannot make ${path} for a state from another member`, error);
    });
    return new StateReceiver({
      name: dir,
      file,
      openBackend: () => this.openPartial(dir),
      keep: ({ consistentIndex }) => this.inTurn("keep", () => this.keep(dir, consistentIndex)),
      removeBackend: () => this.inTurn("remove", () => removeTree(fs, dir)),
      ignored: (buckets) =>
        logger.warn("a state from another member has buckets that are not taken over", { buckets }),
    });
  }

  async received(): Promise<readonly LogIndex[]> {
    if (!this.isSettled) await this.inTurn("look through", () => this.settle());
    return [...this.known].sort((a, b) => a - b);
  }

  hasReceived(index: LogIndex): boolean {
    return this.known.has(index);
  }

  async install(index: LogIndex): Promise<LevelBackend> {
    await this.received();
    assert(this.backend?.isClosed !== false, "install beside an open backend", index);
    assert(this.known.has(index), "install of a state that was not received", index);
    await this.inTurn("exchange", () => this.exchange(index));
    await this.discardReceived(index);
    return this.open();
  }

  discardReceived(upTo: LogIndex = logIndex(Number.MAX_SAFE_INTEGER)): Promise<void> {
    return this.inTurn("remove", async () => {
      for (const index of [...this.known]) if (index <= upTo) await this.discard(index);
    });
  }

  /** Before anything else: what an earlier process left. */
  private async settle(): Promise<void> {
    if (this.isSettled) return;
    const { fs } = this.options;
    for (const [name, index] of await this.named("replaced-by-"))
      await this.finishExchange(name, index);
    for (const [name] of await this.named("partial-")) await removeFileOrTree(fs, name);
    for (const [, index] of await this.named("received-")) this.known.add(index);
    this.isSettled = true;
  }

  private async openPartial(dir: string): Promise<LevelBackend> {
    const { fs } = this.options;
    try {
      return await LevelBackend.open(dir, this.options);
    } catch (error) {
      await this.inTurn("remove", () => removeTree(fs, dir)).catch(() => undefined);
      throw diskError(`cannot make ${dir} for a state from another member`, error);
    }
  }

  private async finishExchange(replaced: string, index: LogIndex): Promise<void> {
    const { fs, logger } = this.options;
    if (!(await fs.exists(`${this.dir}/CURRENT`))) {
      // An empty directory may have been made in its place meanwhile.
      if (await fs.exists(this.dir)) await removeTree(fs, this.dir);
      const received = this.receivedPath(index);
      const isReceived = await fs.exists(received);
      await fs.rename(isReceived ? received : replaced, this.dir);
      await fs.syncDir(this.parent);
      logger.warn("finished an interrupted exchange of the backend", {
        path: this.dir,
        index,
        "is-new": isReceived,
      });
      if (!isReceived) return;
    }
    await removeTree(fs, replaced);
  }

  private async keep(path: string, index: LogIndex): Promise<void> {
    const { fs } = this.options;
    if (this.known.has(index)) {
      // Two members sent the same state.
      await removeTree(fs, path);
      return;
    }
    await fs.syncDir(path);
    await fs.rename(path, this.receivedPath(index));
    await fs.syncDir(this.parent);
    this.known.add(index);
  }

  private async exchange(index: LogIndex): Promise<void> {
    const { fs } = this.options;
    const replaced = `${this.dir}.replaced-by-${index}`;
    const isThere = await fs.exists(this.dir);
    if (isThere) await fs.rename(this.dir, replaced);
    await fs.rename(this.receivedPath(index), this.dir);
    await fs.syncDir(this.parent);
    this.known.delete(index);
    if (isThere) await removeTree(fs, replaced);
  }

  /** Renamed first: what is half removed must not be taken for whole. */
  private async discard(index: LogIndex): Promise<void> {
    const { fs } = this.options;
    const path = this.nextPartial();
    this.known.delete(index);
    await fs.rename(this.receivedPath(index), path);
    await fs.syncDir(this.parent);
    await removeTree(fs, path);
  }

  private receivedPath(index: LogIndex): string {
    return `${this.dir}.received-${index}`;
  }

  private nextPartial(): string {
    this.partials++;
    return `${this.dir}.partial-${this.partials}`;
  }

  /** Directories beside the live one, whose names go on with `kind` and a number. */
  private async named(kind: string): Promise<[string, LogIndex][]> {
    const { fs } = this.options;
    if (!(await fs.exists(this.parent))) return [];
    const start = `${this.dir.slice(this.parent === "/" ? 1 : this.parent.length + 1)}.${kind}`;
    const found: [string, LogIndex][] = [];
    for (const name of await fs.readDir(this.parent)) {
      if (!name.startsWith(start) || !/^\d{1,15}$/.test(name.slice(start.length))) continue;
      found.push([`${this.parent}/${name}`, logIndex(Number(name.slice(start.length)))]);
    }
    return found;
  }

  private async inTurn(what: string, act: () => Promise<void>): Promise<void> {
    const done = this.last.then(act, act);
    this.last = done.catch(() => undefined);
    try {
      await done;
    } catch (error) {
      throw isSystemError(error)
        ? diskError(`cannot ${what} the directories beside ${this.dir}`, error)
        : error;
    }
  }
}

async function removeFileOrTree(fs: Fs, path: string): Promise<void> {
  await fs.remove(path).catch(() => removeTree(fs, path));
}
