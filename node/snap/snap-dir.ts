/**
 * The `.snap` files of a member (etcd server/etcdserver/api/snap/snapshotter.go): written durably, read with suspicion, the oldest
 * removed. The directory also holds files of others, which are left alone.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import { diskError } from "../lib/disk-error.ts";
import { makeDirDurable } from "../lib/durable-dir.ts";
import type { File, Fs, Logger } from "../lib/ports.ts";
import type { LogIndex, Term } from "../lib/units.ts";
import type { SnapMeter } from "./snap-stats.ts";
import { decodeSnapshotFile, encodeSnapshotFile, type SnapshotFile } from "./snapshot-file.ts";

export interface SnapDirOptions {
  readonly fs: Fs;
  readonly logger: Logger;
  /** Files kept (--max-snapshots); 0 keeps all. */
  readonly maxSnapshots: number;
  readonly meter?: SnapMeter;
}

/** Where a snapshot stands in the log. */
export interface SnapshotPlace {
  readonly index: LogIndex;
  readonly term: Term;
}

const suffix = ".snap";
const temporarySuffix = ".snap.tmp";

const hex16 = (value: number): string => value.toString(16).padStart(16, "0");

/** Names sort by term, then by index. */
export const snapshotName = ({ term, index }: SnapshotPlace): string =>
  `${hex16(term)}-${hex16(index)}${suffix}`;

export class SnapDir {
  readonly path: string;
  private readonly options: SnapDirOptions;

  constructor(path: string, options: SnapDirOptions) {
    this.path = path;
    this.options = options;
  }

  /** Resolves when the file is durable under its name; then removes the oldest. Rejects with a DiskError. */
  async save(snapshot: SnapshotFile): Promise<void> {
    const { fs, meter } = this.options;
    const path = `${this.path}/${snapshotName(snapshot)}`;
    const temporary = `${path}.tmp`;
    const beganMs = meter?.clock.monotonicMs() ?? 0;
    const secondsSince = (ms: number): number => ((meter?.clock.monotonicMs() ?? 0) - ms) / 1000;
    try {
      const bytes = encodeSnapshotFile(snapshot);
      meter?.stats.marshalSeconds.observe(secondsSince(beganMs));
      if (await fs.exists(temporary)) await fs.remove(temporary);
      const writtenMs = meter?.clock.monotonicMs() ?? 0;
      await writeWhole(await fs.open(temporary, "create"), bytes);
      meter?.stats.syncSeconds.observe(secondsSince(writtenMs));
      await fs.rename(temporary, path);
      await fs.syncDir(this.path);
    } catch (error) {
      throw diskError(`cannot write ${path}`, error);
    }
    meter?.stats.saveSeconds.observe(secondsSince(beganMs));
    await this.purge();
  }

  /**
   * The newest snapshot that the log knows, or undefined. A damaged file is renamed to `<name>.broken`, with a warning, and passed
   * over; one that no record of the log stands for is passed over. To be called before the first `save`.
   */
  async loadNewest(known: readonly SnapshotPlace[]): Promise<SnapshotFile | undefined> {
    await this.prepare();
    for (const name of (await this.names()).reverse()) {
      const found = await this.load(`${this.path}/${name}`);
      const isKnown = known.some(
        ({ index, term }) => index === found?.index && term === found.term,
      );
      if (found !== undefined && isKnown) return found;
    }
    return undefined;
  }

  /** Makes the directory if it is not there, and removes what an interrupted `save` left. */
  private async prepare(): Promise<void> {
    const { fs } = this.options;
    try {
      if (!(await fs.exists(this.path))) await makeDirDurable(fs, this.path);
      for (const name of await fs.readDir(this.path)) {
        if (name.endsWith(temporarySuffix)) await fs.remove(`${this.path}/${name}`);
      }
    } catch (error) {
      throw diskError(`cannot use the snap directory ${this.path}`, error);
    }
  }

  /** Never rejects: what could not be removed is tried again behind the next save. */
  private async purge(): Promise<void> {
    const { fs, logger, maxSnapshots } = this.options;
    if (maxSnapshots === 0) return;
    try {
      for (const name of (await this.names()).slice(0, -maxSnapshots)) {
        const path = `${this.path}/${name}`;
        await fs.remove(path);
        logger.info("purged", { path });
      }
    } catch (error) {
      logger.warn("failed to purge snap files", { dir: this.path, error: String(error) });
    }
  }

  /** Oldest first. */
  private async names(): Promise<string[]> {
    return (await this.options.fs.readDir(this.path)).filter((name) => name.endsWith(suffix));
  }

  private async load(path: string): Promise<SnapshotFile | undefined> {
    const { fs, logger } = this.options;
    try {
      return decodeSnapshotFile(await fs.readFile(path));
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw diskError(`cannot read ${path}`, error);
      const brokenPath = `${path}.broken`;
      await fs.rename(path, brokenPath);
      logger.warn("renamed to a broken snap file", { path, "broken-path": brokenPath, error });
      return undefined;
    }
  }
}

async function writeWhole(file: File, bytes: Uint8Array): Promise<void> {
  try {
    await file.write(bytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}
