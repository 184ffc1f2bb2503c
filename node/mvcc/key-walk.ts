/** A walk over a stretch of the key index in key order, and what the ends of a range mean (etcd's RangeRequest.range_end). */
import { compareBytes } from "../lib/bytes.ts";
import type { KvRecords } from "./kv-records.ts";

/** rangeEnd that stands for "every key at or after key". */
export const isOpenEnd = (rangeEnd: Uint8Array): boolean =>
  rangeEnd.length === 1 && rangeEnd[0] === 0;

/** True for a range that no key can be in. */
export const isEmptyRange = (key: Uint8Array, rangeEnd: Uint8Array): boolean =>
  !isOpenEnd(rangeEnd) && compareBytes(rangeEnd, key) <= 0;

/** A stretch of the key index; one is reused for all reads. It holds no keys, so the tree must not change meanwhile. */
export class KeyWalk {
  private readonly records: KvRecords;
  private leaf = 0;
  private index = 0;
  /** Where to stop: an entry of a leaf, or leaf 0 for the end of all keys. */
  private endLeaf = 0;
  private endIndex = 0;
  /** Entries of `leaf` that belong to the walk. */
  private leafStop = 0;

  constructor(records: KvRecords) {
    this.records = records;
  }

  /** Stands in front of the first key of a range that is not empty and begins with `key[0, keyLength)`. */
  start(key: Uint8Array, keyLength: number, rangeEnd: Uint8Array): void {
    const { index, probe } = this.records;
    this.endLeaf = 0;
    if (!isOpenEnd(rangeEnd)) {
      probe.load(rangeEnd, 0, rangeEnd.length);
      index.seek(probe);
      this.endLeaf = index.seekLeaf;
      this.endIndex = index.seekIndex;
    }
    probe.load(key, 0, keyLength);
    index.seek(probe);
    this.leaf = index.seekLeaf;
    this.index = index.seekIndex;
    this.leafStop = this.stopOf(this.leaf);
  }

  /** Place of the next key, dead or live; 0 at the end. */
  next(): number {
    const { index } = this.records;
    while (this.index >= this.leafStop) {
      if (this.leaf === this.endLeaf) return 0;
      const following = index.next(this.leaf);
      if (following === 0) return 0;
      this.leaf = following;
      this.index = 0;
      this.leafStop = this.stopOf(following);
    }
    return index.place(this.leaf, this.index++);
  }

  /** The same for up to `length` keys at once; returns how many, 0 at the end. */
  fill(places: Int32Array, length: number): number {
    let count = 0;
    for (
      let place = length > 0 ? this.next() : 0;
      place !== 0;
      place = count < length ? this.next() : 0
    )
      places[count++] = place;
    return count;
  }

  private stopOf(leaf: number): number {
    return leaf === this.endLeaf ? this.endIndex : this.records.index.count(leaf);
  }
}
