/** The luck of the fuzzers: a small generator (xoshiro128**) that one pair of numbers determines, and the draws made of it. */

export class FuzzRandom {
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 0;

  /** The same seed and run give the same input for ever. */
  constructor(seed: number, run: number) {
    this.reseed(seed, run);
  }

  reseed(seed: number, run: number): void {
    this.a = mix(seed ^ 0x9e3779b9);
    this.b = mix(this.a ^ run);
    this.c = mix(this.b + 0x6d2b79f5);
    this.d = mix(this.c ^ Math.floor(run / 0x1_0000_0000)) | 1;
    for (let count = 0; count < 4; count++) this.uint32();
  }

  uint32(): number {
    const times5 = Math.imul(this.b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** From 0 to below `count`. */
  below(count: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * count);
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let word = 0;
    for (let at = 0; at < length; at++) {
      word = (at & 3) === 0 ? this.uint32() : word >>> 8;
      bytes[at] = word;
    }
    return bytes;
  }

  /** Mostly small, now and then near a border of 32, 53 or 64 bits. */
  uint64(): bigint {
    switch (this.below(8)) {
      case 0:
        return 1n << BigInt(this.below(64));
      case 1:
        return (1n << BigInt(this.between(1, 64))) - 1n;
      case 2:
        return (BigInt(this.uint32()) << 32n) | BigInt(this.uint32());
      default:
        return BigInt(this.below(300));
    }
  }
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
