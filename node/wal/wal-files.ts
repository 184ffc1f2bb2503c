/**
 * Makes a log on disk, or makes the one that is there ready for appending: everything that happens before the first write.
 * Nothing on disk is changed before its segments are locked.
 */
import { diskError, isSystemError } from "../lib/disk-error.ts";
import { parentDir } from "../lib/durable-dir.ts";
import type { DurableFile } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Entry, HardState } from "../raft/types.ts";
import { RecordEncoder } from "./record-encoder.ts";
import { emptyHardState, Replay } from "./replay.ts";
import { checkWhole, createZeroed, emptyDir, mendTail, writeDurably } from "./segment-file.ts";
import { SegmentLocks } from "./segment-locks.ts";
import { listSegments, type Segment, segmentOf, selectSegment } from "./segment-name.ts";
import { readSegments } from "./segment-reader.ts";
import type { WalOptions } from "./wal.ts";
import { encodeMetadata, type WalMetadata, type WalSnapshot } from "./walpb.ts";
import type { LogPosition } from "./write-batch.ts";

/** A log ready for appending. */
export interface OpenLog extends LogPosition {
  readonly segments: readonly Segment[];
  readonly locks: SegmentLocks;
  readonly file: DurableFile;
  readonly offset: number;
}

export interface WalContent {
  readonly metadata: WalMetadata;
  /**
   * The last one written; all zero when there is none. Its commit may lag. Its term is below the last entry's when a crash
   * kept the entries of a write and lost the state behind them; neither was acknowledged then (the same in etcd).
   */
  readonly hardState: HardState;
  /** Entries behind the snapshot; those above `hardState.commit` may still be overwritten. */
  readonly entries: Entry[];
}

/** Creates the log beside its place and renames it there, so that it is there wholly or not at all. */
export async function createLog(
  dir: string,
  metadata: WalMetadata,
  options: WalOptions,
): Promise<OpenLog> {
  const { fs } = options;
  const locks = new SegmentLocks();
  try {
    if ((await listSegments(fs, dir)).length > 0)
      throw new Error(`wal: ${dir} holds a log already`);
    const temporary = `${dir}.tmp`;
    // Another process may be at the same work.
    const others = await SegmentLocks.take(fs, temporary);
    await emptyDir(fs, dir);
    await emptyDir(fs, temporary);
    await others.releaseAll();
    return await createFirst(dir, metadata, { options, locks, temporary });
  } catch (error) {
    await locks.releaseAll();
    throw isSystemError(error) ? diskError(`cannot create the log ${dir}`, error) : error;
  }
}

async function createFirst(
  dir: string,
  metadata: WalMetadata,
  at: { readonly options: WalOptions; readonly locks: SegmentLocks; readonly temporary: string },
): Promise<OpenLog> {
  const { options, locks, temporary } = at;
  const { fs, segmentBytes } = options;
  await fs.makeDir(temporary);
  const segment = segmentOf(0, 0);
  const path = `${temporary}/${segment.name}`;
  await createZeroed(fs, path, segmentBytes);
  await locks.add(fs, path, segment.name);
  const metadataBytes = encodeMetadata(metadata);
  const encoder = new RecordEncoder(0);
  encoder.handOver();
  encoder.metadata(metadataBytes);
  encoder.snapshot({ index: 0 as LogIndex, term: emptyHardState.term });
  const file = await fs.openDurable(path);
  await writeDurably(file, encoder.bytes, encoder.length);
  await fs.syncDir(temporary);
  await fs.rename(temporary, dir);
  await fs.syncDir(parentDir(dir));
  const position = { metadataBytes, hardState: emptyHardState, lastIndex: 0 as LogIndex };
  const { crc, length: offset } = encoder;
  return { ...position, segments: [segment], locks, file, offset, crc };
}

/** Reads everything behind `from` and mends the end. `locks` are those on all segments; this takes them over, also when it fails. */
export async function openLog(
  dir: string,
  from: WalSnapshot,
  options: WalOptions,
  locks: SegmentLocks,
): Promise<{ readonly log: OpenLog; readonly content: WalContent }> {
  const { fs } = options;
  try {
    const segments = await listSegments(fs, dir);
    if (segments.length === 0) throw new Error(`wal: ${dir} holds no log`);
    const first = selectSegment(dir, segments, from.index);
    const replay = new Replay(from);
    const paths = segments.slice(first).map((segment) => `${dir}/${segment.name}`);
    const tail = await readSegments(fs, paths, replay.visit);
    const metadata = replay.finish(dir);
    await checkWhole(options, tail);
    await mendTail(options, tail);
    await removeLeftovers(dir, options);
    // The process may have been killed between a rename and its becoming durable.
    await fs.syncDir(dir);
    await fs.syncDir(parentDir(dir));
    const { hardState, entries, lastIndex } = replay;
    const metadataBytes = replay.metadataBytes as Uint8Array;
    const file = await fs.openDurable(tail.path);
    const position = { metadataBytes, hardState, lastIndex, crc: tail.crc };
    return {
      log: { ...position, segments, locks, file, offset: tail.end },
      content: { metadata, hardState, entries },
    };
  } catch (error) {
    await locks.releaseAll();
    throw isSystemError(error) ? diskError(`cannot open the log ${dir}`, error) : error;
  }
}

/** Segments that were being prepared go. The copies that mending made (`.broken`) are the operator's to remove. */
async function removeLeftovers(dir: string, { fs, logger }: WalOptions): Promise<void> {
  for (const name of await fs.readDir(dir)) {
    if (name.endsWith(".tmp")) await fs.remove(`${dir}/${name}`);
    else if (!name.endsWith(".wal"))
      logger.warn("ignored file in WAL directory", { path: `${dir}/${name}` });
  }
}
