/**
 * Exact look-up of keys: an extendible hash table (Fagin et al., 1979) over the keys of the arena.
 *
 * A directory, indexed by the upper bits of the hash, names segments of fixed size with open addressing inside. A segment
 * that fills up splits in two, so that growing never moves more than one segment: there is no pause to rehash
 * millions of keys. Slots hold the hash beside the place, so that a wrong key is nearly never touched.
 */
import { assert } from "../lib/assert.ts";
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
/** Deep enough for any number of keys that fits the arena; deeper means that the hash is broken. */
const depthMax = 28;

function newSegment(depth: number): Int32Array {
  const segment = new Int32Array(slotWords + 2);
  segment[depthWord] = depth;
  return segment;
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
