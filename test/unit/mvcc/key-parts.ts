/** Parts that several tests of mvcc share: keys that are unkind to the index, and luck from a seed. */
import fc from "fast-check";
import type { Random } from "../../../node/lib/ports.ts";

/** xorshift32. */
export function seededRandom(seed: number): Random {
  let state = seed | 1;
  return {
    uint32: () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    },
  };
}

const bytesOf = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);

/** Shared heads, prefixes of each other, zero bytes that look like padding, all byte values, long ones. */
export const unkindKey: fc.Arbitrary<Uint8Array> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(fc.constantFrom(0, 1, 97, 255), { minLength: 1, maxLength: 9 })
      .map((key) => bytesOf(...key)),
  },
  { weight: 3, arbitrary: fc.nat(300).map((n) => Buffer.from(`/registry/pods/ns/${n}`)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ length: fc.integer({ min: 1, max: 300 }), last: fc.nat(255) })
      .map(({ length, last }) => {
        const key = new Uint8Array(length).fill(47);
        key[length - 1] = last;
        return key;
      }),
  },
);
