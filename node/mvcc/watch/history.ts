/** What watching needs of a store: its records by ordinal, and how far whole transactions reach. */
import type { Revision } from "../../lib/units.ts";
import type { KvRecords } from "../kv-records.ts";

export interface WatchedHistory {
  readonly records: KvRecords;
  readonly currentRevision: Revision;
  /** 0 when nothing was ever compacted. */
  readonly compactRevision: Revision | 0;
  /** Ordinal of the last record of the last transaction that is whole: events beyond it are nobody's business yet. */
  readonly wholeOrdinal: number;
}
