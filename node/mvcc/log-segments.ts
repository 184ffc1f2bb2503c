/**
 * The old part of the revision log, behind the compaction: entries that stay because they are their keys' newest. A segment is
 * a stretch of ordinals; while most of its entries are retained it is the chunk it was born as, later it is packed, with the
 * offset of each entry beside it, and neighbours that have become small are put together. So memory follows what is retained,
 * however many entries there ever were, and the work is a constant for each entry removed.
 *
 *   dense:   │ entry first │ entry first + 1 │ …        packed:  │ entry first + offsets[0] │ entry first + offsets[1] │ …
 *
 * It knows nothing of what entries say, but for their first number (main revision) and the mark of a removed one.
 */
import { ImageReader, type IndexImage } from "./index-image.ts";
import { entryIsRemoved, entryNumbers, entryWords, markRemoved } from "./log-entry.ts";

/** Entries of a whole segment, and the most that a packed one gets. */
const segmentEntriesMax = 1 << 15;
/** Fewer removed entries than this are not worth packing a segment for: copying it stays cheap beside their removal. */
const packedForMin = 1 << 10;
const offsetMax = 0xffffffff;

interface Segment {
  /** Ordinal of slot 0 or, in a packed segment, what offsets count from. */
  readonly first: number;
  readonly slots: number;
  readonly offsets: Uint32Array | undefined;
  readonly numbers: Float64Array;
  readonly words: Int32Array;
  retained: number;
}

const bytesOf = ({ numbers, offsets }: Segment): number =>
  numbers.byteLength + (offsets?.byteLength ?? 0);

const lastOrdinalOf = (segment: Segment): number =>
  segment.first + (segment.offsets?.[segment.slots - 1] ?? segment.slots - 1);

export class LogSegments {
  /** Where the last successful `locate` ended: entry `slot` of these arrays. */
  numbers: Float64Array = new Float64Array(0);
  words: Int32Array = new Int32Array(0);
  slot = 0;

  /** In order of ordinals. */
  private readonly segments: Segment[] = [];
  /** `first` of each, for the search. */
  private readonly firsts: number[] = [];
  private heldBytes = 0;
  /** Index of the segment that was found last. */
  private found = 0;

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.heldBytes;
  }

  get count(): number {
    return this.segments.length;
  }

  /** Takes over a whole chunk whose entries begin at `first`, behind all that is here; `removed` of them are gone already. */
  add(first: number, numbers: Float64Array, words: Int32Array, removed: number): void {
    const slots = numbers.length / entryNumbers;
    const segment = { first, slots, offsets: undefined, numbers, words, retained: slots - removed };
    this.segments.push(segment);
    this.firsts.push(first);
    this.heldBytes += bytesOf(segment);
    this.shrink(this.segments.length - 1);
  }

  /** For a checkpoint of the index. */
  image(): IndexImage {
    const numbers: number[] = [entryWords, this.segments.length];
    const buffers: ArrayBuffer[] = [];
    for (const { first, slots, offsets, numbers: entries, retained } of this.segments) {
      numbers.push(first, slots, offsets === undefined ? 0 : 1, retained);
      buffers.push(entries.buffer as ArrayBuffer);
      if (offsets !== undefined) buffers.push(offsets.buffer as ArrayBuffer);
    }
    return { numbers, buffers };
  }

  /** Takes over an image. Precondition: nothing was added yet. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    reader.checkLayout(entryWords);
    for (let left = reader.number(); left > 0; left--) {
      const first = reader.number();
      const slots = reader.number();
      const isPacked = reader.number() === 1;
      const retained = reader.number();
      const memory = reader.buffer(slots * entryWords * 4);
      const offsets = isPacked ? new Uint32Array(reader.buffer(slots * 4)) : undefined;
      const words = new Int32Array(memory);
      const numbers = new Float64Array(memory);
      const segment = { first, slots, offsets, numbers, words, retained };
      this.segments.push(segment);
      this.firsts.push(first);
      this.heldBytes += bytesOf(segment);
    }
    reader.end();
  }

  /** Finds an entry; false when it was removed. */
  locate(ordinal: number): boolean {
    const index = this.segmentAt(ordinal);
    const segment = this.segments[index];
    if (segment === undefined) return false;
    const slot = slotOf(segment, ordinal);
    if (slot < 0 || entryIsRemoved(segment.words, slot)) return false;
    this.found = index;
    this.numbers = segment.numbers;
    this.words = segment.words;
    this.slot = slot;
    return true;
  }

  /** Removes an entry that is here. */
  remove(ordinal: number): void {
    if (!this.locate(ordinal)) return;
    markRemoved(this.words, this.slot);
    (this.segments[this.found] as Segment).retained -= 1;
    this.shrink(this.found);
  }

  /** The first retained entry with an ordinal at or behind the given one; 0 when there is none. */
  nextFrom(ordinal: number): number {
    for (let index = Math.max(0, this.segmentAt(ordinal)); index < this.segments.length; index++) {
      const segment = this.segments[index] as Segment;
      for (let slot = firstSlotFrom(segment, ordinal); slot < segment.slots; slot++) {
        if (!entryIsRemoved(segment.words, slot))
          return segment.first + (segment.offsets?.[slot] ?? slot);
      }
    }
    return 0;
  }

  /** An ordinal so that the entries up to it are the ones with main revision `atMain` or less; 0 when there are none. */
  ordinalAt(atMain: number): number {
    let low = -1;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (((this.segments[middle] as Segment).numbers[0] as number) <= atMain) low = middle;
      else high = middle - 1;
    }
    const segment = this.segments[low];
    if (segment === undefined) return 0;
    // Slots of removed entries still have their revisions.
    let slot = 0;
    let last = segment.slots - 1;
    while (slot < last) {
      const middle = Math.ceil((slot + last) / 2);
      if ((segment.numbers[middle * entryNumbers] as number) <= atMain) slot = middle;
      else last = middle - 1;
    }
    return segment.first + (segment.offsets?.[slot] ?? slot);
  }

  /** Index of the last segment that begins at or before `ordinal`; -1 when none does. */
  private segmentAt(ordinal: number): number {
    const { firsts } = this;
    let low = -1;
    let high = firsts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((firsts[middle] as number) <= ordinal) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Frees or packs the segment when enough of it is gone, with a neighbour when both fit together. */
  private shrink(index: number): void {
    const segment = this.segments[index] as Segment;
    if (segment.retained === 0) {
      this.replace(index, 1, undefined);
      if (index > 0 && index < this.segments.length && this.fit(index - 1, index))
        this.replace(index - 1, 2, this.pack(index - 1, index));
      return;
    }
    const removed = segment.slots - segment.retained;
    if (removed < packedForMin || removed * 2 < segment.slots) return;
    if (index > 0 && this.fit(index - 1, index))
      this.replace(index - 1, 2, this.pack(index - 1, index));
    else if (index + 1 < this.segments.length && this.fit(index, index + 1))
      this.replace(index, 2, this.pack(index, index + 1));
    else this.replace(index, 1, this.pack(index, index));
  }

  /** Whether two neighbours fit into one packed segment. */
  private fit(leftIndex: number, rightIndex: number): boolean {
    const left = this.segments[leftIndex] as Segment;
    const right = this.segments[rightIndex] as Segment;
    return (
      left.retained + right.retained <= segmentEntriesMax &&
      lastOrdinalOf(right) - left.first <= offsetMax
    );
  }

  /** One packed segment with the retained entries of those from `from` to `to`, which stay as they are. */
  private pack(from: number, to: number): Segment {
    const sources = this.segments.slice(from, to + 1);
    const slots = sources.reduce((sum, source) => sum + source.retained, 0);
    const memory = new ArrayBuffer(slots * entryWords * 4);
    const words = new Int32Array(memory);
    const offsets = new Uint32Array(slots);
    const first = (sources[0] as Segment).first;
    let at = 0;
    for (const source of sources) {
      const distance = source.first - first;
      for (let slot = 0; slot < source.slots; slot++) {
        if (entryIsRemoved(source.words, slot)) continue;
        const start = slot * entryWords;
        for (let word = 0; word < entryWords; word++)
          words[at * entryWords + word] = source.words[start + word] as number;
        offsets[at++] = distance + (source.offsets?.[slot] ?? slot);
      }
    }
    return { first, slots, offsets, numbers: new Float64Array(memory), words, retained: slots };
  }

  private replace(index: number, count: number, by: Segment | undefined): void {
    for (let at = index; at < index + count; at++)
      this.heldBytes -= bytesOf(this.segments[at] as Segment);
    const added = by === undefined ? [] : [by];
    if (by !== undefined) this.heldBytes += bytesOf(by);
    this.segments.splice(index, count, ...added);
    this.firsts.splice(index, count, ...added.map(({ first }) => first));
  }
}

/** First slot whose entry is at or behind `ordinal`; `slots` when all are before it. */
function firstSlotFrom({ first, slots, offsets }: Segment, ordinal: number): number {
  const offset = ordinal - first;
  if (offset <= 0) return 0;
  if (offsets === undefined) return Math.min(offset, slots);
  let low = 0;
  let high = slots;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((offsets[middle] as number) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Slot of an entry; -1 when the segment has none for it. */
function slotOf(segment: Segment, ordinal: number): number {
  const slot = firstSlotFrom(segment, ordinal);
  if (slot === segment.slots) return -1;
  const { first, offsets } = segment;
  return offsets === undefined || offsets[slot] === ordinal - first ? slot : -1;
}
