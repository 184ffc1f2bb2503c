/**
 * One entry of the revision log, as it lies in memory: two numbers and four words, over one buffer.
 *
 *   ┌ 8 bytes ──────┬ 8 bytes ────────┬ 4 bytes ┬ 4 bytes ──────────┬ 4 bytes ───────────┬ 4 bytes ──────────────┐
 *   │ main revision │ cache position  │ place   │ steps to previous │ tombstone bit, sub │ length of the record  │
 *   └───────────────┴─────────────────┴─────────┴───────────────────┴────────────────────┴───────────────────────┘
 *
 * A removed entry keeps its main revision, for searches; its place is 0 and it reads as a tombstone.
 */

export const entryNumbers = 4;
export const entryWords = 8;

/** Index of a number or word within an entry. */
export const entry = {
  main: 0,
  cachePosition: 1,
  place: 4,
  steps: 5,
  sub: 6,
  length: 7,
} as const;

export const tombstoneBit = -0x80000000;
export const subMask = 0x7fffffff;

export const entryIsRemoved = (words: Int32Array, slot: number): boolean =>
  words[slot * entryWords + entry.place] === 0;

export function markRemoved(words: Int32Array, slot: number): void {
  words[slot * entryWords + entry.place] = 0;
  words[slot * entryWords + entry.steps] = 0;
  words[slot * entryWords + entry.sub] = tombstoneBit;
}
