/** The places of the seals that are left, oldest first: what must be known to remove one without reading. 12 bytes each. */
import { assert } from "../lib/assert.ts";
import { sealKey } from "./layout.ts";

const capacityMin = 256;

export class SealPlaces {
  /** Sequence of the oldest; the others follow without a gap. Meaningless while `length` is 0. */
  first = 0;
  length = 0;
  private start = 0;
  private mains = new Float64Array(capacityMin);
  private subs = new Uint32Array(capacityMin);

  /** Main revision of the oldest seal's place: its batch holds no record above it. Precondition: not empty. */
  get oldestMain(): number {
    return this.mains[this.start] as number;
  }

  push(sequence: number, main: number, sub: number): void {
    if (this.length === 0) this.first = sequence;
    assert(sequence === this.first + this.length, "seal places must follow each other", sequence);
    if (this.start + this.length === this.mains.length) this.makeRoom();
    const at = this.start + this.length;
    this.mains[at] = main;
    this.subs[at] = sub;
    this.length++;
  }

  /** Takes the oldest one off and returns its key. Precondition: not empty. */
  shift(): Uint8Array {
    const key = sealKey(this.oldestMain, this.subs[this.start] as number, this.first);
    this.start++;
    this.first++;
    this.length--;
    return key;
  }

  /** Puts those of `older` in front. Precondition: they end directly before these begin. */
  prepend(older: SealPlaces): void {
    const joined = new SealPlaces();
    for (const part of [older, this]) {
      for (let n = 0; n < part.length; n++) {
        const at = part.start + n;
        joined.push(part.first + n, part.mains[at] as number, part.subs[at] as number);
      }
    }
    this.replace(joined);
  }

  /** Takes over what `other` holds, which is not used any more. */
  replace(other: SealPlaces): void {
    this.first = other.first;
    this.length = other.length;
    this.start = other.start;
    this.mains = other.mains;
    this.subs = other.subs;
  }

  /** Moves what is left to the front, of larger arrays when they are more than half full. */
  private makeRoom(): void {
    const capacity = this.length * 2 > this.mains.length ? this.length * 2 : this.mains.length;
    const mains = new Float64Array(capacity);
    const subs = new Uint32Array(capacity);
    mains.set(this.mains.subarray(this.start, this.start + this.length));
    subs.set(this.subs.subarray(this.start, this.start + this.length));
    this.mains = mains;
    this.subs = subs;
    this.start = 0;
  }
}
