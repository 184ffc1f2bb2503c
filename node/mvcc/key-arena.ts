/**
 * Where the keys live: each key once, packed with its state in slabs, named by its place (the key's id). A place never
 * moves. The state of a key lies directly before its bytes, because a cache miss costs more than all else here.
 *
 *   ┌ 8 bytes ───────┬ 8 bytes ─┬ 8 bytes ─────┬ 4 bytes ┬ length bytes ┬ zeros ┐
 *   │ createRevision │ version  │ head ordinal │ length  │ key          │ to 8  │
 *   └────────────────┴──────────┴──────────────┴─────────┴──────────────┴───────┘
 *
 * A place counts units of 8 bytes over all slabs and is a signed 32-bit number (32 GiB of keys); 0 means none. A key whose
 * record is longer than a slab gets a slab of its own.
 *
 * The room of a removed key goes to the next key of the same size or, when much is free, to a smaller one. So a place may name
 * another key later: who remembers places must know that their keys are kept.
 */
import { assert } from "../lib/assert.ts";
import { cloneBytes } from "../lib/bytes.ts";
import { FreeRooms } from "./free-rooms.ts";
import { ImageReader, type IndexImage, listOf } from "./index-image.ts";
import type { KeyProbe } from "./key-probe.ts";
import { compareWords, firstDifference, headOf, wordsOf } from "./key-probe.ts";

const slabBits = 17;
const slabUnits = 1 << slabBits;
const unitMask = slabUnits - 1;
const slabsMax = 1 << (32 - slabBits);
const headerBytes = 28;
const lengthWord = 6;
const keyWord = 7;

export class KeyArena {
  private readonly numbers: Float64Array[] = [];
  private readonly words: Int32Array[] = [];
  private readonly bytes: Uint8Array[] = [];
  /** The slab that is being filled and its next free unit; unit 0 of slab 0 stays empty, so that place 0 is none. */
  private openSlab = 0;
  private nextUnit = slabUnits;
  private heldBytes = 0;
  private readonly rooms = new FreeRooms();
  /** Numbers of slabs whose one long key was removed. */
  private readonly emptySlabs: number[] = [];

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.heldBytes;
  }

  /** Stores the probe's key with a zero state and returns its place. The caller knows that the key is new. */
  add(probe: KeyProbe): number {
    const place = this.room(unitsOf(probe.length));
    const words = this.words[place >>> slabBits] as Int32Array;
    let at = (place & unitMask) * 2 + lengthWord;
    words[at++] = probe.length;
    const count = wordsOf(probe.length);
    for (let index = 0; index < count; index++) words[at++] = probe.words[index] as number;
    return place;
  }

  /** Gives a key's room back. Nothing may know the place any more. */
  remove(place: number): void {
    const slab = place >>> slabBits;
    const units = unitsOf(this.keyLength(place));
    const words = this.words[slab] as Int32Array;
    if (words.length > slabUnits * 2) {
      this.heldBytes -= words.byteLength;
      this.setSlab(slab, 0);
      this.emptySlabs.push(slab);
      return;
    }
    const at = (place & unitMask) * 2;
    words.fill(0, at, at + units * 2);
    this.rooms.give(units, place, words, at);
  }

  /** For a checkpoint of the index. */
  image(): IndexImage {
    const { openSlab, nextUnit, emptySlabs, rooms } = this;
    const numbers = [slabBits, headerBytes, openSlab, nextUnit, ...listOf(emptySlabs)];
    const buffers = this.words.map((words) => words.buffer);
    return { numbers: [...numbers, ...rooms.image()], buffers: buffers as ArrayBuffer[] };
  }

  /** Takes over an image. Precondition: no key was added yet. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    reader.checkLayout(slabBits, headerBytes);
    this.openSlab = reader.number();
    this.nextUnit = reader.number();
    for (const slab of reader.list()) this.emptySlabs.push(slab);
    this.rooms.adopt(reader);
    for (let slab = 0; slab < image.buffers.length; slab++) {
      const memory = reader.buffer();
      this.takeSlab(slab, memory);
      this.heldBytes += memory.byteLength;
    }
    reader.end();
  }

  createRevision(place: number): number {
    return (this.numbers[place >>> slabBits] as Float64Array)[place & unitMask] as number;
  }

  /** Puts since the key was created; 0 for a key that does not exist now (its last record is a tombstone). */
  version(place: number): number {
    return (this.numbers[place >>> slabBits] as Float64Array)[(place & unitMask) + 1] as number;
  }

  /** Ordinal of the key's newest record in the revision log. */
  head(place: number): number {
    return (this.numbers[place >>> slabBits] as Float64Array)[(place & unitMask) + 2] as number;
  }

  /** The state after a put. */
  setLive(place: number, createRevision: number, version: number, head: number): void {
    const numbers = this.numbers[place >>> slabBits] as Float64Array;
    const unit = place & unitMask;
    numbers[unit] = createRevision;
    numbers[unit + 1] = version;
    numbers[unit + 2] = head;
  }

  /** The state after a tombstone. */
  setDead(place: number, head: number): void {
    this.setLive(place, 0, 0, head);
  }

  keyLength(place: number): number {
    return (this.words[place >>> slabBits] as Int32Array)[
      (place & unitMask) * 2 + lengthWord
    ] as number;
  }

  /** The slab that holds the key's bytes, from `keyStart(place)` on. */
  slab(place: number): Uint8Array {
    return this.bytes[place >>> slabBits] as Uint8Array;
  }

  keyStart(place: number): number {
    return (place & unitMask) * 8 + headerBytes;
  }

  /** Makes the probe hold a stored key. */
  loadProbe(place: number, probe: KeyProbe): void {
    const at = (place & unitMask) * 2 + keyWord;
    probe.loadWords(this.words[place >>> slabBits] as Int32Array, at, this.keyLength(place));
  }

  /** A copy of the key. */
  key(place: number): Uint8Array {
    const start = this.keyStart(place);
    return cloneBytes(this.slab(place), start, start + this.keyLength(place));
  }

  equals(probe: KeyProbe, place: number): boolean {
    const words = this.words[place >>> slabBits] as Int32Array;
    let at = (place & unitMask) * 2 + lengthWord;
    if (words[at++] !== probe.length) return false;
    const other = probe.words;
    const count = wordsOf(probe.length);
    for (let index = 0; index < count; index++) {
      if (words[at++] !== other[index]) return false;
    }
    return true;
  }

  /** Order of the probe against a stored key, as unsigned bytes: negative when the probe sorts first. */
  compare(probe: KeyProbe, place: number): number {
    const words = this.words[place >>> slabBits] as Int32Array;
    let at = (place & unitMask) * 2 + lengthWord;
    const length = words[at++] as number;
    const other = probe.words;
    // The zeros behind the shorter key sort right; only when all is equal does the length decide.
    const count = wordsOf(Math.min(length, probe.length));
    for (let index = 0; index < count; index++) {
      const word = words[at++] as number;
      const probeWord = other[index] as number;
      if (word !== probeWord) return compareWords(probeWord, word);
    }
    return probe.length - length;
  }

  /** The same for the first `prefixLength` bytes, which the stored key is known to have; 0 when the probe has them too. */
  comparePrefix(probe: KeyProbe, place: number, prefixLength: number): number {
    const words = this.words[place >>> slabBits] as Int32Array;
    const at = (place & unitMask) * 2 + keyWord;
    const count = wordsOf(Math.min(prefixLength, probe.length));
    for (let index = 0; index < count; index++) {
      const word = words[at + index] as number;
      const probeWord = probe.words[index] as number;
      if (word === probeWord) continue;
      const difference = index * 4 + firstDifference(probeWord, word);
      if (difference >= prefixLength) break;
      return difference >= probe.length ? -1 : compareWords(probeWord, word);
    }
    return probe.length < prefixLength ? -1 : 0;
  }

  /** Bytes that two stored keys have in common at their start. */
  commonPrefix(a: number, b: number): number {
    const wordsA = this.words[a >>> slabBits] as Int32Array;
    const wordsB = this.words[b >>> slabBits] as Int32Array;
    const atA = (a & unitMask) * 2 + keyWord;
    const atB = (b & unitMask) * 2 + keyWord;
    const shared = Math.min(wordsA[atA - 1] as number, wordsB[atB - 1] as number);
    const count = wordsOf(shared);
    for (let index = 0; index < count; index++) {
      const wordA = wordsA[atA + index] as number;
      const wordB = wordsB[atB + index] as number;
      if (wordA !== wordB) return Math.min(shared, index * 4 + firstDifference(wordA, wordB));
    }
    return shared;
  }

  /** Four bytes of a stored key for the nodes of the tree (see `headOf`). */
  headBytes(place: number, offset: number): number {
    const words = this.words[place >>> slabBits] as Int32Array;
    const at = (place & unitMask) * 2 + lengthWord;
    return headOf(words, at + 1, words[at] as number, offset);
  }

  /** Room of so many units, all zero. */
  private room(units: number): number {
    // Slab 0 is never one for a single key: place 0 is none.
    if (this.words.length === 0) this.openNextSlab();
    if (units >= slabUnits) return this.addSlab(units) << slabBits;
    const heldUnits = this.heldBytes / 8;
    const size = this.rooms.units > 0 ? this.rooms.sizeFor(units, heldUnits) : 0;
    if (size > 0) return this.takeRoom(units, size);
    if (this.nextUnit + units > slabUnits) this.openNextSlab();
    const unit = this.nextUnit;
    this.nextUnit += units;
    return (this.openSlab << slabBits) | unit;
  }

  /** A free room of `size` units, of which `units` are used and the rest stays free. */
  private takeRoom(units: number, size: number): number {
    const place = this.rooms.first(size);
    const words = this.words[place >>> slabBits] as Int32Array;
    const at = (place & unitMask) * 2;
    this.rooms.take(size, words, at);
    words[at] = 0;
    if (size > units) this.rooms.give(size - units, place + units, words, at + units * 2);
    return place;
  }

  private openNextSlab(): void {
    this.openSlab = this.addSlab(slabUnits);
    this.nextUnit = this.openSlab === 0 ? 1 : 0;
  }

  /** A slab of so many units; returns its number. */
  private addSlab(units: number): number {
    const reused = this.emptySlabs.pop();
    const slab = reused ?? this.words.length;
    assert(slab < slabsMax, "the key arena is full");
    this.setSlab(slab, units * 8);
    this.heldBytes += units * 8;
    return slab;
  }

  private setSlab(slab: number, byteLength: number): void {
    this.takeSlab(slab, new ArrayBuffer(byteLength));
  }

  private takeSlab(slab: number, memory: ArrayBuffer): void {
    this.numbers[slab] = new Float64Array(memory);
    this.words[slab] = new Int32Array(memory);
    this.bytes[slab] = new Uint8Array(memory);
  }
}

/** Units of the record of a key with so many bytes. */
const unitsOf = (keyLength: number): number => Math.ceil((headerBytes + keyLength) / 8);
