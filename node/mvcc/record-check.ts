/**
 * Holds the backend's records against the index while the store serves: what reading all records at the start does otherwise. A start
 * from the index checkpoint knows that the backend is in the checkpoint's state, but not that no record of it was lost since.
 */

import { recordKind } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Revision } from "../lib/units.ts";
import type { KvRecords } from "./kv-records.ts";
import { whatToDo } from "./kv-restore.ts";

/**
 * Reads all records up to main revision `upTo`, which is committed, and warms the value cache with them while it has room. `compactRevision`
 * is asked as the work goes on: below it compaction may take records out of the index, though not again out of what is read here.
 *
 * Rejects with CorruptionError for a record that is missing or is another one than the index says, with an Error when the backend closes.
 */
export async function checkRecords(
  records: KvRecords,
  upTo: Revision,
  compactRevision: () => number,
): Promise<void> {
  const { arena, log, cache } = records;
  const corrupt = (main: number, sub: number, problem: string): never => {
    throw new CorruptionError(`backend record at revision ${main}_${sub} ${problem}${whatToDo}`);
  };
  const missing = (ordinal: number): never =>
    corrupt(log.main(ordinal), log.sub(ordinal), "is missing");
  let met = 0;
  await records.backend.scanCommitted(upTo, (main, sub, kind, bytes, start, end) => {
    const next = log.next(met);
    const nextMain = next === 0 ? Infinity : log.main(next);
    const order = nextMain === main ? log.sub(next) - sub : nextMain - main;
    if (order < 0) missing(next);
    if (order > 0) {
      if (main > compactRevision()) corrupt(main, sub, "is not in the index");
      return;
    }
    met = next;
    const isTombstone = kind === recordKind.tombstone;
    if (log.isTombstone(next) !== isTombstone || log.recordLength(next) !== end - start)
      corrupt(main, sub, "is not the one in the index");
    if (arena.head(log.place(next)) !== next || isTombstone) return;
    if (!cache.isFullFor(end - start) && !cache.locate(log.cachePosition(next)))
      records.keep(next, bytes, start, end);
  });
  const next = log.next(met);
  if (next !== 0 && log.main(next) <= upTo) missing(next);
}
