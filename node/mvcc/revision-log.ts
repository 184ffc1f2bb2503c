/**
 * The history: one entry for each record (put or tombstone) the store keeps, numbered by a sequential ordinal from 1 on, in
 * revision order. Each entry names its key and the entry before it of the same key, so that reads at an old revision walk
 * back from the newest. It knows where the record's bytes were last put in the value cache, but not whether they still are there.
 *
 * New entries lie in whole chunks, found by arithmetic. What compaction has dealt with is settled (LogSegments): memory is for what is
 * retained, ordinals stay what they were.
 */
import { assert } from "../lib/assert.ts";
import { ImageReader, type IndexImage, listOf } from "./index-image.ts";
import { entry, entryIsRemoved, markRemoved, subMask, tombstoneBit } from "./log-entry.ts";
import { LogSegments } from "./log-segments.ts";

const chunkBits = 15;
const chunkEntries = 1 << chunkBits;
const entryMask = chunkEntries - 1;
const entryBytes = 32;
/** Cache position of a record that was never in the cache. */
export const neverCached = -1;
/** Steps to a previous entry that is further away than 32 bits tell: it stands in a map. */
const farSteps = 0xffffffff;

export class RevisionLog {
  /** Chunks of the entries from `recentFirst` on, which is a multiple of the chunk's size. */
  private readonly numbers: Float64Array[] = [];
  private readonly words: Int32Array[] = [];
  private readonly removed: number[] = [];
  private recentFirst = 0;
  private last = 0;
  private readonly settled = new LogSegments();
  private readonly farPrevious = new Map<number, number>();

  /** Ordinal of the newest entry; 0 when there was never one. */
  get lastOrdinal(): number {
    return this.last;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.numbers.length * chunkEntries * entryBytes + this.settled.residentBytes;
  }

  /**
   * Adds the next record and returns its ordinal. `previous` is the ordinal of the key's record before this one, 0 for none.
   * `length` is that of the record's marshalled KeyValue. The caller answers for (main, sub) growing.
   */
  append(
    main: number,
    sub: number,
    isTombstone: boolean,
    place: number,
    previous: number,
    length = 0,
  ): number {
    const ordinal = this.last + 1;
    const chunk = (ordinal - this.recentFirst) >>> chunkBits;
    if (chunk >= this.numbers.length) this.addChunk();
    assert(sub >= 0 && sub <= subMask, "revision log entry out of range", sub);
    let steps = previous === 0 ? 0 : ordinal - previous;
    if (steps >= farSteps) {
      steps = farSteps;
      this.farPrevious.set(ordinal, previous);
    }
    const numbers = this.numbers[chunk] as Float64Array;
    const words = this.words[chunk] as Int32Array;
    const slot = ordinal & entryMask;
    numbers[slot * 4] = main;
    numbers[slot * 4 + entry.cachePosition] = neverCached;
    words[slot * 8 + entry.place] = place;
    words[slot * 8 + entry.steps] = steps;
    words[slot * 8 + entry.sub] = isTombstone ? sub | tombstoneBit : sub;
    words[slot * 8 + entry.length] = length;
    this.last = ordinal;
    return ordinal;
  }

  /** For a checkpoint of the index: the recent part; the settled one has an image of its own. */
  image(): IndexImage {
    const { recentFirst, last, removed, farPrevious } = this;
    const far = listOf([...farPrevious].flat());
    const numbers = [chunkBits, entryBytes, recentFirst, last, ...listOf(removed), ...far];
    return { numbers, buffers: this.words.map((words) => words.buffer as ArrayBuffer) };
  }

  settledImage(): IndexImage {
    return this.settled.image();
  }

  /** Takes over both images. Precondition: there was never an entry. */
  adopt(image: IndexImage, settled: IndexImage): void {
    this.settled.adopt(settled);
    const reader = new ImageReader(image);
    reader.checkLayout(chunkBits, entryBytes);
    this.recentFirst = reader.number();
    this.last = reader.number();
    for (const count of reader.list()) this.removed.push(count);
    const far = reader.list();
    for (let at = 0; at < far.length; at += 2)
      this.farPrevious.set(far[at] as number, far[at + 1] as number);
    for (let at = 0; at < image.buffers.length; at++)
      this.takeChunk(reader.buffer(chunkEntries * entryBytes));
    reader.end();
  }

  /** False for an entry that compaction took away. */
  has(ordinal: number): boolean {
    if (ordinal < this.recentFirst) return this.settled.locate(ordinal);
    const chunk = (ordinal - this.recentFirst) >>> chunkBits;
    return (
      ordinal <= this.last && !entryIsRemoved(this.words[chunk] as Int32Array, ordinal & entryMask)
    );
  }

  main(ordinal: number): number {
    return this.number(ordinal, entry.main);
  }

  sub(ordinal: number): number {
    return this.word(ordinal, entry.sub) & subMask;
  }

  /** True too for an entry that compaction took away: among those that others name as their previous, these are tombstones. */
  isTombstone(ordinal: number): boolean {
    return this.word(ordinal, entry.sub) < 0;
  }

  /** Place of the key in the arena. */
  place(ordinal: number): number {
    return this.word(ordinal, entry.place);
  }

  /**
   * Ordinal of the same key's record before this one; 0 when this is the oldest kept. A tombstone that is named here may be taken away
   * already; it still reads as one.
   */
  previous(ordinal: number): number {
    const steps = this.word(ordinal, entry.steps);
    if (steps === 0) return 0;
    return steps === -1 ? (this.farPrevious.get(ordinal) as number) : ordinal - (steps >>> 0);
  }

  cachePosition(ordinal: number): number {
    return this.number(ordinal, entry.cachePosition);
  }

  /** Length of the record's marshalled KeyValue. */
  recordLength(ordinal: number): number {
    return this.word(ordinal, entry.length);
  }

  setRecord(ordinal: number, cachePosition: number, length: number): void {
    if (ordinal < this.recentFirst) {
      const { settled } = this;
      if (!settled.locate(ordinal)) return;
      settled.numbers[settled.slot * 4 + entry.cachePosition] = cachePosition;
      settled.words[settled.slot * 8 + entry.length] = length;
      return;
    }
    const chunk = (ordinal - this.recentFirst) >>> chunkBits;
    const slot = ordinal & entryMask;
    (this.numbers[chunk] as Float64Array)[slot * 4 + entry.cachePosition] = cachePosition;
    (this.words[chunk] as Int32Array)[slot * 8 + entry.length] = length;
  }

  /** The entry is from now on the oldest kept of its key. */
  clearPrevious(ordinal: number): void {
    // Settled entries have no previous: compaction has been there.
    if (ordinal < this.recentFirst) return;
    const words = this.words[(ordinal - this.recentFirst) >>> chunkBits] as Int32Array;
    const at = (ordinal & entryMask) * 8 + entry.steps;
    if (words[at] === -1) this.farPrevious.delete(ordinal);
    words[at] = 0;
  }

  /** Takes an entry away. */
  remove(ordinal: number): void {
    if (ordinal < this.recentFirst) {
      this.settled.remove(ordinal);
      return;
    }
    this.clearPrevious(ordinal);
    const chunk = (ordinal - this.recentFirst) >>> chunkBits;
    markRemoved(this.words[chunk] as Int32Array, ordinal & entryMask);
    this.removed[chunk] = (this.removed[chunk] as number) + 1;
  }

  /** No entry before `ordinal` has a previous one: their whole chunks may be packed. Returns how many chunks it dealt with. */
  settle(ordinal: number): number {
    let count = 0;
    while (ordinal >= this.recentFirst + chunkEntries && this.numbers.length > 0) {
      const numbers = this.numbers.shift() as Float64Array;
      const words = this.words.shift() as Int32Array;
      // Ordinal 0 is a removed entry.
      const removed = (this.removed.shift() as number) + (this.recentFirst === 0 ? 1 : 0);
      this.settled.add(this.recentFirst, numbers, words, removed);
      this.recentFirst += chunkEntries;
      count += 1;
    }
    return count;
  }

  /** The first kept entry behind `ordinal`; 0 when there is none. */
  next(ordinal: number): number {
    let at = ordinal + 1;
    if (at < this.recentFirst) {
      const found = this.settled.nextFrom(at);
      if (found !== 0) return found;
      at = this.recentFirst;
    }
    while (at <= this.last && !this.has(at)) at += 1;
    return at <= this.last ? at : 0;
  }

  /** An ordinal so that the entries up to it are the ones with main revision `atMain` or less; 0 when there are none. */
  ordinalAt(atMain: number): number {
    let low = Math.max(this.recentFirst, 1);
    if (low > this.last || this.main(low) > atMain) return this.settled.ordinalAt(atMain);
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
    if (ordinal < this.recentFirst) return this.settledWord(ordinal, index);
    return (this.words[(ordinal - this.recentFirst) >>> chunkBits] as Int32Array)[
      (ordinal & entryMask) * 8 + index
    ] as number;
  }

  private number(ordinal: number, index: number): number {
    if (ordinal < this.recentFirst) return this.settledNumber(ordinal, index);
    return (this.numbers[(ordinal - this.recentFirst) >>> chunkBits] as Float64Array)[
      (ordinal & entryMask) * 4 + index
    ] as number;
  }

  private settledWord(ordinal: number, index: number): number {
    const { settled } = this;
    if (settled.locate(ordinal)) return settled.words[settled.slot * 8 + index] as number;
    return index === entry.sub ? tombstoneBit : 0;
  }

  private settledNumber(ordinal: number, index: number): number {
    const { settled } = this;
    assert(settled.locate(ordinal), "a removed entry of the revision log was read", ordinal);
    return settled.numbers[settled.slot * 4 + index] as number;
  }

  private addChunk(): void {
    this.takeChunk(new ArrayBuffer(chunkEntries * entryBytes));
    this.removed.push(0);
  }

  private takeChunk(memory: ArrayBuffer): void {
    this.numbers.push(new Float64Array(memory));
    this.words.push(new Int32Array(memory));
  }
}
