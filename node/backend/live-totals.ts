/**
 * Count and sum of all live records, kept by adding what is appended and taking off what is removed: nothing is read to remove a
 * record. The sum says which places are live, not what lies there: each record has its own sum for that (record.ts).
 *
 * Order-independent: two sums mod 2^32 over different mixes of (main, sub). A lost and a wrongly kept record cancel out in both
 * with a chance of 2^-64.
 */

export interface LiveSums {
  readonly count: number;
  readonly sumA: number;
  readonly sumB: number;
}

export class LiveTotals implements LiveSums {
  count: number;
  sumA: number;
  sumB: number;

  constructor(from: LiveSums = { count: 0, sumA: 0, sumB: 0 }) {
    this.count = from.count;
    this.sumA = from.sumA;
    this.sumB = from.sumB;
  }

  add(main: number, sub: number): void {
    this.count++;
    this.sumA = (this.sumA + mixA(main, sub)) >>> 0;
    this.sumB = (this.sumB + mixB(main, sub)) >>> 0;
  }

  remove(main: number, sub: number): void {
    this.count--;
    this.sumA = (this.sumA - mixA(main, sub)) >>> 0;
    this.sumB = (this.sumB - mixB(main, sub)) >>> 0;
  }

  equals(other: LiveSums): boolean {
    return this.count === other.count && this.sumA === other.sumA && this.sumB === other.sumB;
  }
}

/** Part of the format, as is `mixB`. The two share no intermediate value, so that places equal under one differ under the other. */
function mixA(main: number, sub: number): number {
  const high = Math.floor(main / 2 ** 32);
  return scramble(scramble(main ^ 0x9e3779b9) ^ Math.imul(high, 0x85ebca6b) ^ sub);
}

function mixB(main: number, sub: number): number {
  const high = Math.floor(main / 2 ** 32);
  return scramble(scramble(sub ^ 0x7f4a7c15) + Math.imul(high, 0xc2b2ae35) + (main >>> 0));
}

/** Each result bit depends on each argument bit (the finalizer of MurmurHash3, a bijection). */
function scramble(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
