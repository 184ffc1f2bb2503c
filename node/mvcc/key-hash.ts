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

const segmentSlots = 2048;
const slotMask = segmentSlots - 1;
const usedMax = Math.floor(segmentSlots * 0.8);
/** Deep enough for any number of keys that fits the arena; deeper means that the hash is broken. */
const depthMax = 28;

interface Segment {
  /** Pairs of hash and place; place 0 is a free slot. */
  slots: Int32Array;
  used: number;
  /** How many upper bits all hashes of this segment share. */
  depth: number;
}

const newSegment = (depth: number): Segment => ({ slots: new Int32Array(segmentSlots * 2), used: 0, depth });

function insertInto(segment: Segment, hash: number, place: number): void {
  const { slots } = segment;
  let slot = hash & slotMask;
  while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & slotMask;
  slots[slot * 2] = hash;
  slots[slot * 2 + 1] = place;
  segment.used += 1;
}

export class KeyHash {
  private readonly arena: KeyArena;
  private directory: Segment[] = [newSegment(1), newSegment(1)];
  /** The directory has 2^depth entries. */
  private depth = 1;
  private segmentCount = 2;

  constructor(arena: KeyArena) {
    this.arena = arena;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.segmentCount * segmentSlots * 8 + this.directory.length * 8;
  }

  /** Place of the probe's key; 0 when it is not here. */
  find(probe: KeyProbe): number {
    const { hash } = probe;
    const { slots } = this.directory[hash >>> (32 - this.depth)] as Segment;
    let at = (hash & slotMask) * 2;
    for (;;) {
      const place = slots[at + 1] as number;
      if (place === 0) return 0;
      if (slots[at] === hash && this.arena.equals(probe, place)) return place;
      at = (at + 2) & (segmentSlots * 2 - 1);
    }
  }

  /** Adds a key that `find` did not find. */
  insert(hash: number, place: number): void {
    let segment = this.directory[hash >>> (32 - this.depth)] as Segment;
    while (segment.used >= usedMax) {
      this.split(segment, hash);
      segment = this.directory[hash >>> (32 - this.depth)] as Segment;
    }
    insertInto(segment, hash, place);
  }

  /** Parts the segment that `hash` falls into by the next bit of the hash. */
  private split(segment: Segment, hash: number): void {
    assert(segment.depth < depthMax, "too many keys with one hash");
    if (segment.depth === this.depth) this.growDirectory();
    const old = segment.slots;
    const depth = segment.depth + 1;
    const upper = newSegment(depth);
    segment.slots = new Int32Array(segmentSlots * 2);
    segment.used = 0;
    segment.depth = depth;
    this.segmentCount += 1;
    for (let at = 0; at < old.length; at += 2) {
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
    const grown: Segment[] = [];
    for (const segment of this.directory) grown.push(segment, segment);
    this.directory = grown;
    this.depth += 1;
  }
}
