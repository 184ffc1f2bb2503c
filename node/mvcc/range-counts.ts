/**
 * How many keys a range has, without walking it. The key index answers for now. For an older revision that is put right by
 * what the records since then have changed, one by one: a list that is read page by page at one revision (as kube-apiserver
 * reads them) counts a million keys for every page otherwise, while few of them have changed.
 */
import { KeyProbe } from "./key-probe.ts";
import { isEmptyRange, isOpenEnd } from "./key-walk.ts";
import type { KvRecords } from "./kv-records.ts";

export class RangeCounts {
  private readonly records: KvRecords;
  /** The ends of the range that records are held against; their hashes are not used. */
  private readonly startProbe = new KeyProbe(0, 0);
  private readonly endProbe = new KeyProbe(0, 0);

  constructor(records: KvRecords) {
    this.records = records;
  }

  /** Keys of the range that exist now, with the writes of an open transaction: no walk, whatever the size of the range. */
  newest(key: Uint8Array, rangeEnd: Uint8Array): number {
    if (isEmptyRange(key, rangeEnd)) return 0;
    const { index, probe } = this.records;
    let before = index.lives;
    if (!isOpenEnd(rangeEnd)) {
      probe.load(rangeEnd, 0, rangeEnd.length);
      before = index.rank(probe);
    }
    probe.load(key, 0, key.length);
    return before - index.rank(probe);
  }

  /**
   * By how much the records with ordinals in (after, upTo] have changed the number of keys in the range. Precondition: no
   * record of them was taken away by compaction.
   */
  change(key: Uint8Array, rangeEnd: Uint8Array, after: number, upTo: number): number {
    const { arena, log } = this.records;
    const { startProbe, endProbe } = this;
    const isOpen = isOpenEnd(rangeEnd);
    startProbe.load(key, 0, key.length);
    endProbe.load(rangeEnd, 0, rangeEnd.length);
    let change = 0;
    for (let ordinal = after + 1; ordinal <= upTo; ordinal++) {
      const previous = log.previous(ordinal);
      const wasLive = previous !== 0 && !log.isTombstone(previous);
      if (wasLive !== log.isTombstone(ordinal)) continue;
      const place = log.place(ordinal);
      if (arena.compare(startProbe, place) > 0) continue;
      if (!isOpen && arena.compare(endProbe, place) <= 0) continue;
      change += wasLive ? -1 : 1;
    }
    return change;
  }
}
