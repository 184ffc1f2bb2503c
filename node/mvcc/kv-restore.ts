/**
 * Builds the store's memory when it opens: from the index checkpoint where there is one of exactly the backend's state, otherwise from
 * all records, and then checks that no record is missing in between.
 */

import { type Backend, recordKind } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Random } from "../lib/ports.ts";
import { KeyValueView } from "../proto/key-value.ts";
import { type CheckpointOptions, readIndexCheckpoint } from "./index-checkpoint.ts";
import type { HashSecrets } from "./key-probe.ts";
import { decodeRecord } from "./key-value.ts";
import { KvRecords } from "./kv-records.ts";
import { revisionKeyBytes, tombstoneKeyBytes } from "./revision-key.ts";
import { UnorderedKeys } from "./unordered-keys.ts";

const progressPeriodMs = 5000;
export const whatToDo: string =
  "; rebuild this member's backend from its snapshot and log, or replace the member";

export interface KvRestoreOptions {
  readonly backend: Backend;
  readonly random: Random;
  /** Bound of the memory for newest records; records that wait for the backend may exceed it. */
  readonly valueCacheBytesMax: number;
  /** Where the key index is kept over an orderly restart; without it every start reads all records. */
  readonly checkpoint?: CheckpointOptions;
}

export interface RestoredStore {
  readonly records: KvRecords;
  /** The index did not come from the records, so it is not known that they are all there. */
  readonly isUnchecked: boolean;
}

/** Throws CorruptionError when the backend contradicts itself. */
export async function restoreStore(options: KvRestoreOptions): Promise<RestoredStore> {
  const { backend, random, valueCacheBytesMax, checkpoint } = options;
  const empty = (secrets: HashSecrets): KvRecords =>
    new KvRecords(backend, secrets, valueCacheBytesMax);
  if (checkpoint !== undefined && backend.committed.consistentIndex > 0) {
    const records = await readIndexCheckpoint(checkpoint, empty);
    if (records !== undefined) return { records, isUnchecked: true };
  }
  const records = empty([random.uint32(), random.uint32()]);
  const { log } = records;
  const progress = checkpoint?.timers.every(progressPeriodMs, () => {
    checkpoint.logger.info("reading the backend's records", { records: log.lastOrdinal });
  });
  try {
    const keys = new UnorderedKeys(records);
    await restoreRecords(records, keys);
    await keys.order(checkpoint?.timers);
  } finally {
    progress?.cancel();
  }
  return { records, isUnchecked: false };
}

/**
 * Reads every record into `records`, which are empty. The newest values end up in the value cache.
 * Throws CorruptionError when revisions do not grow or a record contradicts the one before it of the same key.
 */
async function restoreRecords(records: KvRecords, keys: UnorderedKeys): Promise<void> {
  const { arena, log, leases } = records;
  const fields = new KeyValueView();
  let lastMain = 0;
  let lastSub = -1;
  await records.backend.scan((main, sub, kind, bytes, start, end) => {
    const corrupt = (problem: string): never => {
      throw new CorruptionError(`backend record at revision ${main}_${sub}: ${problem}${whatToDo}`);
    };
    if (main < lastMain || (main === lastMain && sub <= lastSub))
      corrupt(`not after ${lastMain}_${lastSub}`);
    lastMain = main;
    lastSub = sub;
    decodeRecord(bytes, start, end, fields);
    if (fields.keyEnd === fields.keyStart) corrupt("has no key");
    const isTombstone = kind === recordKind.tombstone;
    const found = records.find(bytes, fields.keyStart, fields.keyEnd);
    const place = found === 0 ? keys.add() : found;
    const previous = arena.head(place);
    const version = arena.version(place);
    records.logicalBytes += (isTombstone ? tombstoneKeyBytes : revisionKeyBytes) + end - start;
    const ordinal = log.append(main, sub, isTombstone, place, previous, end - start);
    if (isTombstone) {
      if (previous !== 0 && version === 0) corrupt("deletes a key that is deleted already");
      arena.setDead(place, ordinal);
      leases.delete(place);
      return;
    }
    if (fields.modRevision !== main) corrupt(`says mod_revision ${fields.modRevision}`);
    // Where compaction has removed what was before, any version may come first.
    if (previous !== 0) {
      if (fields.version !== version + 1)
        corrupt(`says version ${fields.version} after ${version}`);
      const createRevision = version === 0 ? main : arena.createRevision(place);
      if (fields.createRevision !== createRevision) {
        corrupt(`says create_revision ${fields.createRevision}, not ${createRevision}`);
      }
    } else if (!(fields.version >= 1 && fields.createRevision <= main))
      corrupt(`says version ${fields.version}`);
    arena.setLive(place, fields.createRevision, fields.version, ordinal);
    if (fields.lease !== 0n || leases.size > 0) leases.put(place, fields.lease);
    records.keep(ordinal, bytes, start, end);
  });
  const { revision } = records.backend.committed;
  if (lastMain > revision) {
    throw new CorruptionError(
      `backend record at revision ${lastMain} is after its seal at ${revision}${whatToDo}`,
    );
  }
}
