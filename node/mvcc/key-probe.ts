/**
 * The key that the store is asked about right now, as aligned 32-bit words padded with zero bytes, and its hash.
 *
 * A key arrives at an odd place of a request buffer. It is taken over once, word by word; from then on hashing is done,
 * and every comparison with a stored key works on whole words. One probe is reused for all calls; nothing is allocated.
 *
 * Words are in the machine's byte order, little-endian (x86-64, arm64, ppc64le, riscv64).
 */
import { assert } from "../lib/assert.ts";

assert(
  new Uint8Array(Uint32Array.of(1).buffer)[0] === 1,
  "the key index needs a little-endian machine",
);

/** Number of words that hold `length` bytes. */
export const wordsOf = (length: number): number => (length + 3) >>> 2;

/** Index of the lowest byte in which two differing words differ; bytes are counted from the start of the key. */
export const firstDifference = (a: number, b: number): number => {
  const difference = a ^ b;
  return (31 - Math.clz32(difference & -difference)) >>> 3;
};

/** Order of two differing words as bytes of a key: negative when a sorts first. */
export const compareWords = (a: number, b: number): number => {
  const shift = firstDifference(a, b) << 3;
  return ((a >>> shift) & 0xff) - ((b >>> shift) & 0xff);
};

/**
 * The four bytes of a key from byte `offset` on, as a signed number that sorts as these bytes do; missing bytes are zero.
 * The key's words start at `words[base]`.
 */
export function headOf(words: Int32Array, base: number, length: number, offset: number): number {
  const count = wordsOf(length);
  const index = offset >>> 2;
  if (index >= count) return -0x80000000;
  const shift = (offset & 3) << 3;
  let word = words[base + index] as number;
  if (shift !== 0) {
    const next = index + 1 < count ? (words[base + index + 1] as number) : 0;
    word = (word >>> shift) | (next << (32 - shift));
  }
  const swapped = (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
  return swapped ^ -0x80000000;
}

/** What the hash of keys depends on. */
export type HashSecrets = readonly [number, number];

export class KeyProbe {
  /** `words[0, wordsOf(length))` is the key. */
  words: Int32Array = new Int32Array(64);
  /** In bytes. */
  length = 0;
  /** HalfSipHash-1-3 of the key under a secret of this process, so that nobody can aim keys at one slot. */
  hash = 0;
  private readonly secret0: number;
  private readonly secret1: number;

  constructor(secret0: number, secret1: number) {
    this.secret0 = secret0 | 0;
    this.secret1 = secret1 | 0;
  }

  get secrets(): HashSecrets {
    return [this.secret0, this.secret1];
  }

  /** Takes over `bytes[start, end)`. */
  load(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.length = length;
    const count = wordsOf(length);
    if (count > this.words.length) this.words = new Int32Array(count * 2);
    const { words } = this;
    const whole = length >>> 2;
    let at = start;
    for (let index = 0; index < whole; index++) {
      words[index] =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      at += 4;
    }
    if (whole < count) {
      let word = 0;
      for (let shift = 0; at < end; shift += 8) word |= (bytes[at++] as number) << shift;
      words[whole] = word;
    }
    this.hash = this.hashWords(words, count, length);
  }

  /** Takes over a key that is held as words already. */
  loadWords(source: Int32Array, base: number, length: number): void {
    const count = wordsOf(length);
    if (count > this.words.length) this.words = new Int32Array(count * 2);
    for (let index = 0; index < count; index++) this.words[index] = source[base + index] as number;
    this.length = length;
    this.hash = this.hashWords(this.words, count, length);
  }

  head(offset: number): number {
    return headOf(this.words, 0, this.length, offset);
  }

  /** HalfSipHash with one round a word and three at the end (Aumasson and Bernstein); the length is the last word. */
  private hashWords(words: Int32Array, count: number, length: number): number {
    let v0 = this.secret0;
    let v1 = this.secret1;
    let v2 = 0x6c796765 ^ this.secret0;
    let v3 = 0x74656462 ^ this.secret1;
    const rounds = count + 4;
    for (let index = 0; index < rounds; index++) {
      const word = index < count ? (words[index] as number) : index === count ? length : 0;
      if (index === count + 1) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return v1 ^ v3;
  }
}
