/**
 * The history: one entry for each record (put or tombstone) the store keeps, numbered by a sequential ordinal from 1 on, in
 * revision order. Each entry names its key and the entry before it of the same key, so that reads at an old revision walk
 * back from the newest. It knows where the record's bytes were last put in the value cache, but not whether they still are there.
 *
 *   ┌ 8 bytes ──────┬ 8 bytes ────────┬ 4 bytes ┬ 4 bytes ──────────┬ 4 bytes ───────────┬ 4 bytes ──────────────┐
 *   │ main revision │ cache position  │ place   │ steps to previous │ tombstone bit, sub │ length of the record  │
 *   └───────────────┴─────────────────┴─────────┴───────────────────┴────────────────────┴───────────────────────┘
 */
import { assert } from "../lib/assert.ts";

const chunkBits = 15;
const chunkEntries = 1 << chunkBits;
const entryMask = chunkEntries - 1;
const entryBytes = 32;
const tombstoneBit = -0x80000000;
/** Cache position of a record that was never in the cache. */
export const neverCached = -1;

export class RevisionLog {
  private readonly numbers: Float64Array[] = [];
  private readonly words: Int32Array[] = [];
  private last = 0;

  /** Ordinal of the newest entry; 0 when there is none. */
  get lastOrdinal(): number {
    return this.last;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.numbers.length * chunkEntries * entryBytes;
  }

  /**
   * Adds the next record and returns its ordinal. `previous` is the ordinal of the key's record before this one, 0 for none.
   * The caller answers for (main, sub) growing; `setRecord` follows.
   */
  append(main: number, sub: number, isTombstone: boolean, place: number, previous: number): number {
    const ordinal = this.last + 1;
    const chunk = Math.floor(ordinal / chunkEntries);
    if (chunk >= this.numbers.length) this.addChunk();
    const steps = previous === 0 ? 0 : ordinal - previous;
    assert(steps <= 0xffffffff && sub >= 0 && sub <= 0x7fffffff, "revision log entry out of range");
    const numbers = this.numbers[chunk] as Float64Array;
    const words = this.words[chunk] as Int32Array;
    const entry = ordinal & entryMask;
    numbers[entry * 4] = main;
    numbers[entry * 4 + 1] = neverCached;
    words[entry * 8 + 4] = place;
    words[entry * 8 + 5] = steps;
    words[entry * 8 + 6] = isTombstone ? sub | tombstoneBit : sub;
    words[entry * 8 + 7] = 0;
    this.last = ordinal;
    return ordinal;
  }

  main(ordinal: number): number {
    return (this.numbers[Math.floor(ordinal / chunkEntries)] as Float64Array)[
      (ordinal & entryMask) * 4
    ] as number;
  }

  sub(ordinal: number): number {
    return this.word(ordinal, 6) & 0x7fffffff;
  }

  isTombstone(ordinal: number): boolean {
    return this.word(ordinal, 6) < 0;
  }

  /** Place of the key in the arena. */
  place(ordinal: number): number {
    return this.word(ordinal, 4);
  }

  /** Ordinal of the same key's record before this one; 0 when this is the oldest kept. */
  previous(ordinal: number): number {
    const steps = this.word(ordinal, 5);
    return steps === 0 ? 0 : ordinal - (steps >>> 0);
  }

  cachePosition(ordinal: number): number {
    return (this.numbers[Math.floor(ordinal / chunkEntries)] as Float64Array)[
      (ordinal & entryMask) * 4 + 1
    ] as number;
  }

  /** Length of the record's marshalled KeyValue; meaningful while it is in the cache. */
  recordLength(ordinal: number): number {
    return this.word(ordinal, 7);
  }

  setRecord(ordinal: number, cachePosition: number, length: number): void {
    const chunk = Math.floor(ordinal / chunkEntries);
    const entry = ordinal & entryMask;
    (this.numbers[chunk] as Float64Array)[entry * 4 + 1] = cachePosition;
    (this.words[chunk] as Int32Array)[entry * 8 + 7] = length;
  }

  /** Ordinal of the newest entry at or before main revision `atMain`; 0 when all are newer. */
  ordinalAt(atMain: number): number {
    let low = 0;
    let high = this.last;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.main(middle) <= atMain) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * The newest record of a key that is not behind `lastOrdinal`, from the key's newest record `head` on; 0 when the key did not
   * exist then.
   */
  liveAt(head: number, lastOrdinal: number): number {
    let ordinal = head;
    while (ordinal > lastOrdinal) ordinal = this.previous(ordinal);
    return ordinal === 0 || this.isTombstone(ordinal) ? 0 : ordinal;
  }

  private word(ordinal: number, index: number): number {
    return (this.words[Math.floor(ordinal / chunkEntries)] as Int32Array)[
      (ordinal & entryMask) * 8 + index
    ] as number;
  }

  private addChunk(): void {
    const memory = new ArrayBuffer(chunkEntries * entryBytes);
    this.numbers.push(new Float64Array(memory));
    this.words.push(new Int32Array(memory));
  }
}
