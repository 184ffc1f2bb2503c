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
 */
import { assert } from "../lib/assert.ts";
import { cloneBytes } from "../lib/bytes.ts";
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
  /** Next free unit of the last slab; unit 0 of slab 0 stays empty, so that place 0 is none. */
  private nextUnit = slabUnits;
  private heldBytes = 0;

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.heldBytes;
  }

  /** Stores the probe's key with a zero state and returns its place. The caller knows that the key is new. */
  add(probe: KeyProbe): number {
    const units = Math.ceil((headerBytes + probe.length) / 8);
    if (this.nextUnit + units > slabUnits) this.addSlab(units);
    const slab = this.words.length - 1;
    const unit = this.nextUnit;
    this.nextUnit += units;
    const words = this.words[slab] as Int32Array;
    let at = unit * 2 + lengthWord;
    words[at++] = probe.length;
    const count = wordsOf(probe.length);
    for (let index = 0; index < count; index++) words[at++] = probe.words[index] as number;
    return (slab << slabBits) | unit;
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

  private addSlab(unitsNeeded: number): void {
    assert(this.words.length < slabsMax, "the key arena is full");
    const firstUnit = this.words.length === 0 ? 1 : 0;
    const memory = new ArrayBuffer(Math.max(slabUnits, firstUnit + unitsNeeded) * 8);
    this.numbers.push(new Float64Array(memory));
    this.words.push(new Int32Array(memory));
    this.bytes.push(new Uint8Array(memory));
    this.nextUnit = firstUnit;
    this.heldBytes += memory.byteLength;
  }
}
