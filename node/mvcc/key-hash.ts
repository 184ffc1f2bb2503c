/**
 * Exact look-up of keys: an extendible hash table (Fagin et al., 1979) over the keys of the arena.
 *
 * A directory, indexed by the upper bits of the hash, names segments of fixed size with open addressing inside. A segment
 * that fills up splits in two, so that growing never moves more than one segment: there is no pause to rehash
 * millions of keys. Slots hold the hash beside the place, so that a wrong key is nearly never touched.
 */
import { assert } from "../lib/assert.ts";
import { ImageReader, type IndexImage } from "./index-image.ts";
import type { KeyArena } from "./key-arena.ts";
import type { KeyProbe } from "./key-probe.ts";

const segmentSlots = 4096;
const slotMask = segmentSlots - 1;
/** Words of the slots: pairs of hash and place; place 0 is a free slot. Two more words stand behind them. */
const slotWords = segmentSlots * 2;
const usedWord = slotWords;
/** How many upper bits all hashes of the segment share. */
const depthWord = slotWords + 1;
const usedMax = Math.floor(segmentSlots * 0.8);
/** A segment with fewer keys looks whether it fits together with the one it was once split from. */
const mergeBelow = segmentSlots >>> 3;
/** Deep enough for any number of keys that fits the arena; deeper means that the hash is broken. */
const depthMax = 28;

function newSegment(depth: number): Int32Array {
  const segment = new Int32Array(slotWords + 2);
  segment[depthWord] = depth;
  return segment;
}

/** Frees the slot of the pair at word `at`, and moves up those behind it that would not be found any more. */
function removeFrom(segment: Int32Array, at: number): void {
  let hole = at;
  for (let next = at; ; ) {
    next = (next + 2) & (slotWords - 1);
    const place = segment[next + 1] as number;
    if (place === 0) break;
    const hash = segment[next] as number;
    const wayFromIdeal = (next - (hash & slotMask) * 2) & (slotWords - 1);
    if (wayFromIdeal < ((next - hole) & (slotWords - 1))) continue;
    segment[hole] = hash;
    segment[hole + 1] = place;
    hole = next;
  }
  segment[hole] = 0;
  segment[hole + 1] = 0;
  segment[usedWord] = (segment[usedWord] as number) - 1;
}

function insertInto(segment: Int32Array, hash: number, place: number): void {
  let at = (hash & slotMask) * 2;
  while (segment[at + 1] !== 0) at = (at + 2) & (slotWords - 1);
  segment[at] = hash;
  segment[at + 1] = place;
  segment[usedWord] = (segment[usedWord] as number) + 1;
}

export class KeyHash {
  private readonly arena: KeyArena;
  private directory: Int32Array[] = [newSegment(1), newSegment(1)];
  /** The directory has 2^depth entries. */
  private depth = 1;
  private segmentCount = 2;

  constructor(arena: KeyArena) {
    this.arena = arena;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.segmentCount * (slotWords + 2) * 4 + this.directory.length * 8;
  }

  /** Place of the probe's key; 0 when it is not here. */
  find(probe: KeyProbe): number {
    const { hash } = probe;
    const segment = this.directory[hash >>> (32 - this.depth)] as Int32Array;
    let at = (hash & slotMask) * 2;
    for (;;) {
      const place = segment[at + 1] as number;
      if (place === 0) return 0;
      if (segment[at] === hash && this.arena.equals(probe, place)) return place;
      at = (at + 2) & (slotWords - 1);
    }
  }

  /** Adds a key that `find` did not find. */
  insert(hash: number, place: number): void {
    let segment = this.directory[hash >>> (32 - this.depth)] as Int32Array;
    while ((segment[usedWord] as number) >= usedMax) {
      this.split(segment, hash);
      segment = this.directory[hash >>> (32 - this.depth)] as Int32Array;
    }
    insertInto(segment, hash, place);
  }

  /** Removes the key at `place`, which is here under this hash. */
  remove(hash: number, place: number): void {
    const segment = this.directory[hash >>> (32 - this.depth)] as Int32Array;
    let at = (hash & slotMask) * 2;
    while (segment[at + 1] !== place) {
      assert(segment[at + 1] !== 0, "a key to be removed is not in the hash table", place);
      at = (at + 2) & (slotWords - 1);
    }
    removeFrom(segment, at);
    if ((segment[usedWord] as number) < mergeBelow) this.merge(segment, hash);
  }

  /** Puts the segment that `hash` falls into together with its other half when both are nearly empty. */
  private merge(segment: Int32Array, hash: number): void {
    const depth = segment[depthWord] as number;
    if (depth === 1) return;
    const span = 1 << (this.depth - depth);
    const prefix = hash >>> (32 - depth);
    const other = this.directory[(prefix ^ 1) * span] as Int32Array;
    if (other[depthWord] !== depth || (other[usedWord] as number) >= mergeBelow) return;
    for (let at = 0; at < slotWords; at += 2) {
      const place = other[at + 1] as number;
      if (place !== 0) insertInto(segment, other[at] as number, place);
    }
    segment[depthWord] = depth - 1;
    this.segmentCount -= 1;
    const first = (prefix ^ 1) * span;
    for (let index = first; index < first + span; index++) this.directory[index] = segment;
  }

  /** For a checkpoint of the index. The hashes in it are those of one secret. */
  image(): IndexImage {
    const numbers = [segmentSlots, this.depth];
    const buffers: ArrayBuffer[] = [];
    // The directory entries that name one segment stand side by side.
    let last: Int32Array | undefined;
    for (const segment of this.directory) {
      if (segment !== last) buffers.push(segment.buffer as ArrayBuffer);
      last = segment;
    }
    return { numbers, buffers };
  }

  /** Takes over an image. Precondition: no key was added yet. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    reader.checkLayout(segmentSlots);
    this.depth = reader.number();
    this.directory = [];
    for (let at = 0; at < image.buffers.length; at++) {
      const segment = new Int32Array(reader.buffer((slotWords + 2) * 4));
      const span = 2 ** (this.depth - (segment[depthWord] as number));
      for (let index = 0; index < span; index++) this.directory.push(segment);
    }
    this.segmentCount = image.buffers.length;
    reader.end();
  }

  /** Parts the segment that `hash` falls into by the next bit of the hash. */
  private split(segment: Int32Array, hash: number): void {
    const depth = (segment[depthWord] as number) + 1;
    assert(depth <= depthMax, "too many keys with one hash");
    if (depth > this.depth) this.growDirectory();
    const old = segment.slice(0, slotWords);
    const upper = newSegment(depth);
    segment.fill(0, 0, depthWord);
    segment[depthWord] = depth;
    this.segmentCount += 1;
    for (let at = 0; at < slotWords; at += 2) {
      const place = old[at + 1] as number;
      if (place === 0) continue;
      const oldHash = old[at] as number;
      insertInto(((oldHash >>> (32 - depth)) & 1) === 1 ? upper : segment, oldHash, place);
    }
    // All directory entries that begin with the shared bits and a one now name the upper half.
    const span = 1 << (this.depth - depth);
    const first = ((hash >>> (32 - depth)) | 1) * span;
    for (let index = first; index < first + span; index++) this.directory[index] = upper;
  }

  private growDirectory(): void {
    const grown: Int32Array[] = [];
    for (const segment of this.directory) grown.push(segment, segment);
    this.directory = grown;
    this.depth += 1;
  }
}
