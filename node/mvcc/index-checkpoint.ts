/**
 * The index checkpoint: the whole key index in one file, so that a restart after an orderly stop reads no records (reading 1,000,000
 * takes seconds). It is written behind the last commit and used only with exactly the backend state that it was written
 * with; after a crash, or when anything about the file is not as it should be, all records are read, which is always right.
 *
 * What a checkpoint leaves out: whether every record is still on the disk. Tables are checked whole when the backend opens, and
 * each value by its own sum when it is read; a missing one is found then.
 */

import type { BackendDisk } from "../backend/backend.ts";
import type { Fs, Logger, Timers } from "../lib/ports.ts";
import {
  type IndexImages,
  readCheckpointFile,
  type UnusedCheckpoint,
  writeCheckpointFile,
} from "./index-checkpoint-file.ts";
import { ImageReader, type IndexImage, UnfitImage } from "./index-image.ts";
import type { HashSecrets } from "./key-probe.ts";
import { type KvRecords } from "./kv-records.ts";

export interface CheckpointOptions {
  readonly fs: Fs;
  readonly timers: Timers;
  readonly logger: Logger;
  /** The file, etcd-ts's own: `member/snap/index.checkpoint` in the data directory. */
  readonly path: string;
  /** The backend that the store is opened over. */
  readonly disk: Pick<BackendDisk, "identity">;
}

const partNames = [
  "records",
  "arena",
  "hash",
  "tree",
  "leaves",
  "inner",
  "log",
  "settled",
  "leases",
] as const;
type PartName = (typeof partNames)[number];
type Parts = Readonly<Record<PartName, IndexImage>>;

function partsOf(records: KvRecords): Parts {
  const { arena, hash, index, log, cache, probe } = records;
  const [secret0, secret1] = probe.secrets;
  const numbers = [secret0, secret1, cache.endPosition, records.logicalBytes, index.lives];
  return {
    records: { numbers, buffers: [] },
    arena: arena.image(),
    hash: hash.image(),
    tree: index.image(),
    leaves: index.leaves.image(),
    inner: index.inner.image(),
    log: log.image(),
    settled: log.settledImage(),
    leases: records.leases.image(),
  };
}

function hasAllParts(images: IndexImages): images is Parts {
  return partNames.every((name) => images[name] !== undefined);
}

/** A store's memory out of the parts. Throws UnfitImage. */
function recordsOf(parts: Parts, empty: (secrets: HashSecrets) => KvRecords): KvRecords {
  const own = new ImageReader(parts.records);
  const records = empty([own.number(), own.number()]);
  const { arena, hash, index, log, cache } = records;
  // Where the records lay in the cache of the process that wrote this means nothing to ours.
  cache.startBehind(own.number());
  records.logicalBytes = own.number();
  arena.adopt(parts.arena);
  hash.adopt(parts.hash);
  index.leaves.adopt(parts.leaves);
  index.inner.adopt(parts.inner);
  index.adopt(parts.tree);
  log.adopt(parts.log, parts.settled);
  records.leases.adopt(parts.leases);
  if (index.lives !== own.number()) throw new UnfitImage("it has another number of keys");
  own.end();
  return records;
}

/** What the backend's present state is called: its own name for it and the position that goes with it. */
function identityOf(records: KvRecords, disk: Pick<BackendDisk, "identity">): string {
  const { consistentIndex, term, revision } = records.backend.committed;
  return `${disk.identity} ${consistentIndex} ${term} ${revision}`;
}

/** The store's memory from the checkpoint of exactly the state that the backend is in; undefined when there is no such one. */
export async function readIndexCheckpoint(
  { fs, logger, path, disk }: CheckpointOptions,
  empty: (secrets: HashSecrets) => KvRecords,
): Promise<KvRecords | undefined> {
  const identity = identityOf(empty([0, 0]), disk);
  const read = await readCheckpointFile(fs, path, identity);
  const records = read.kind === "ok" ? tryRecordsOf(read.images, empty) : read;
  if ("kind" in records) {
    logger.info("the index checkpoint is not used; reading all records", {
      path,
      reason: records.reason,
    });
    return undefined;
  }
  logger.info("restored the key index from its checkpoint", { path, keys: records.index.lives });
  return records;
}

function tryRecordsOf(
  images: IndexImages,
  empty: (secrets: HashSecrets) => KvRecords,
): KvRecords | UnusedCheckpoint {
  try {
    if (!hasAllParts(images)) throw new UnfitImage("a part is missing");
    return recordsOf(images, empty);
  } catch (error) {
    if (!(error instanceof UnfitImage)) throw error;
    return { kind: "unused", reason: error.message };
  }
}

/**
 * Writes the checkpoint of `records`, which must not change until it resolves. Nothing is written while the backend holds what is not
 * committed. A disk that fails costs the next start its time, and nothing else: it is said in the log.
 */
export async function writeIndexCheckpoint(
  { fs, logger, path, disk }: CheckpointOptions,
  records: KvRecords,
): Promise<void> {
  const { backend } = records;
  if (backend.isCommitting || backend.pendingOps > 0) {
    logger.warn("no index checkpoint written: the backend has uncommitted changes", { path });
    return;
  }
  try {
    const identity = identityOf(records, disk);
    const bytes = await writeCheckpointFile(fs, path, identity, partsOf(records));
    logger.info("wrote the index checkpoint", { path, bytes, keys: records.index.lives });
  } catch (error) {
    logger.warn("no index checkpoint written", { path, error });
  }
}
