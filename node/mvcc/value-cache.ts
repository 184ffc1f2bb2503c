/**
 * The newest records' bytes in memory: a first-in, first-out ring of slabs, bounded in bytes. Records lie at positions that
 * only grow; a record is here as long as its slab is. It does not know which record lies where: the revision log does.
 *
 * Records that the backend cannot give back yet are pinned: from the pinned position on nothing is evicted, the ring grows
 * over its bound instead. An evicted slab is used again, but never by the very call that evicted it, so that bytes found
 * before a put may be what that put copies from.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";

const slabBytesMin = 1 << 9;
const slabBytesMax = 1 << 20;
/** The ring is cut into at least this many slabs, so that evicting one forgets little. */
const slabsMin = 8;

function slabBytesFor(bytesMax: number): number {
  let size = slabBytesMax;
  while (size > slabBytesMin && size * slabsMin > bytesMax) size /= 2;
  return size;
}

export class ValueCache {
  /** Where the last `allocate` or successful `locate` ended up; valid until the next call. */
  slab: Uint8Array = emptyBytes;
  offset = 0;

  private readonly bytesMax: number;
  private readonly slabBytes: number;
  /** Slab number n lies at n modulo the length, a power of two. */
  private ring: Uint8Array[] = new Array<Uint8Array>(16).fill(emptyBytes);
  private firstSlab = 0;
  /** The slab being filled. A record longer than a slab has one of its own, exactly as long. */
  private lastSlab = 0;
  private filled = 0;
  private heldBytes = 0;
  private spare: Uint8Array | undefined;
  private pinnedSlab = Infinity;

  constructor(bytesMax: number) {
    assert(bytesMax >= 0, "value cache bound is negative", bytesMax);
    this.bytesMax = bytesMax;
    this.slabBytes = slabBytesFor(bytesMax);
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.heldBytes + (this.spare?.length ?? 0);
  }

  /** Every position that was ever given is before it. */
  get endPosition(): number {
    return (this.lastSlab + 1) * this.slabBytes;
  }

  /** Gives positions at or behind `position` only. Precondition: nothing was allocated yet. */
  startBehind(position: number): void {
    assert(this.heldBytes === 0, "the value cache is in use");
    this.firstSlab = Math.ceil(position / this.slabBytes);
    this.lastSlab = this.firstSlab;
  }

  /** Nothing at or after `position` is evicted; Infinity unpins. Evicts what was kept over the bound for the pin before. */
  pin(position: number): void {
    this.pinnedSlab = position === Infinity ? Infinity : Math.floor(position / this.slabBytes);
    this.evict(0);
  }

  /** True when only pinned records stand in the way of new ones: what the backend can give back is then not worth keeping. */
  isFullOfPinned(length: number): boolean {
    return (
      this.heldBytes + Math.max(length, this.slabBytes) > this.bytesMax &&
      this.firstSlab >= this.pinnedSlab
    );
  }

  /** True when a record of `length` bytes would push out others. */
  isFullFor(length: number): boolean {
    const slab = this.ring[this.lastSlab & (this.ring.length - 1)] as Uint8Array;
    if (this.filled + length <= slab.length) return false;
    return this.heldBytes + Math.max(length, this.slabBytes) > this.bytesMax;
  }

  /** Room for a record of `length` bytes: returns its position, and the place to write to in `slab` and `offset`. */
  allocate(length: number): number {
    assert(length > 0, "a record is never empty");
    if (
      this.filled + length >
      (this.ring[this.lastSlab & (this.ring.length - 1)] as Uint8Array).length
    )
      this.advance(length);
    this.slab = this.ring[this.lastSlab & (this.ring.length - 1)] as Uint8Array;
    this.offset = this.filled;
    this.filled += length;
    return this.lastSlab * this.slabBytes + this.offset;
  }

  /** Finds a record by the position that `allocate` gave; false when it was evicted meanwhile. */
  locate(position: number): boolean {
    const slab = Math.floor(position / this.slabBytes);
    if (slab < this.firstSlab) return false;
    this.slab = this.ring[slab & (this.ring.length - 1)] as Uint8Array;
    this.offset = position - slab * this.slabBytes;
    return true;
  }

  /** Draws a record's first bytes near the processor; the result means nothing. Reading many at once hides their latency. */
  warm(position: number): number {
    const slab = Math.floor(position / this.slabBytes);
    if (slab < this.firstSlab) return 0;
    return (this.ring[slab & (this.ring.length - 1)] as Uint8Array)[
      position - slab * this.slabBytes
    ] as number;
  }

  /** Opens the next slab, at least `length` bytes long, and evicts what is over the bound. */
  private advance(length: number): void {
    const isOversized = length > this.slabBytes;
    const reused = isOversized ? undefined : this.spare;
    if (reused !== undefined) this.spare = undefined;
    const size = isOversized ? length : this.slabBytes;
    this.filled = 0;
    this.lastSlab += 1;
    this.evict(size);
    // Not a Buffer: its slice would not copy, and visitors take what they see for a plain array.
    const slab = reused ?? new Uint8Array(size);
    if (this.lastSlab - this.firstSlab >= this.ring.length) this.growRing();
    this.ring[this.lastSlab & (this.ring.length - 1)] = slab;
    this.heldBytes += slab.length;
  }

  /** Gives up the oldest slabs, never the last one, until `length` more bytes keep the bound or a pin is in the way. */
  private evict(length: number): void {
    while (
      this.heldBytes + length > this.bytesMax &&
      this.firstSlab < this.lastSlab &&
      this.firstSlab < this.pinnedSlab
    ) {
      const index = this.firstSlab & (this.ring.length - 1);
      const slab = this.ring[index] as Uint8Array;
      this.ring[index] = emptyBytes;
      this.heldBytes -= slab.length;
      if (slab.length === this.slabBytes) this.spare = slab;
      this.firstSlab += 1;
    }
  }

  private growRing(): void {
    const grown = new Array<Uint8Array>(this.ring.length * 2).fill(emptyBytes);
    for (let slab = this.firstSlab; slab < this.lastSlab; slab++) {
      grown[slab & (grown.length - 1)] = this.ring[slab & (this.ring.length - 1)] as Uint8Array;
    }
    this.ring = grown;
  }
}
