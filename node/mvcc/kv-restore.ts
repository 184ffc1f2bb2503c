/** Rebuilds the index from the backend's records when the store opens, and checks that no record is missing in between. */

import { recordKind } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { KeyValueView } from "../proto/key-value.ts";
import { decodeRecord } from "./key-value.ts";
import { type KvRecords, revisionKeyBytes, tombstoneKeyBytes } from "./kv-records.ts";

const whatToDo = "; rebuild this member's backend from its snapshot and log, or replace the member";

/**
 * Reads every record into `records`, which are empty. The newest values end up in the value cache.
 * Throws CorruptionError when revisions do not grow or a record contradicts the one before it of the same key.
 */
export async function restoreRecords(records: KvRecords): Promise<void> {
  const { arena, log } = records;
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
    const place = isTombstone
      ? records.findOrAddDead(bytes, fields.keyStart, fields.keyEnd)
      : records.bringToLife(bytes, fields.keyStart, fields.keyEnd);
    const previous = arena.head(place);
    const version = arena.version(place);
    records.logicalBytes += (isTombstone ? tombstoneKeyBytes : revisionKeyBytes) + end - start;
    const ordinal = log.append(main, sub, isTombstone, place, previous);
    if (isTombstone) {
      if (previous !== 0 && version === 0) corrupt("deletes a key that is deleted already");
      if (version !== 0) records.index.changeLives(records.probe, -1);
      arena.setDead(place, ordinal);
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
    records.keep(ordinal, bytes, start, end);
  });
  const { revision } = records.backend.committed;
  if (lastMain > revision) {
    throw new CorruptionError(
      `backend record at revision ${lastMain} is after its seal at ${revision}${whatToDo}`,
    );
  }
}
