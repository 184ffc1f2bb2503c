/**
 * Sorts places of the key arena by their keys: what makes the key index cheap to build from a million keys that come in any order
 * (each insertion then lands beside the one before, in memory that is near). Most significant bytes first: four bytes behind what
 * a group of keys has in common are sorted as numbers, and groups that are equal in them again, by their next four.
 */
import { assert } from "../lib/assert.ts";
import type { KeyArena } from "./key-arena.ts";

/** Head and index share the 53 bits of a number. */
const indexFactor = 2 ** 21;
/** Most places that are sorted at once. */
export const sortedPlacesMax = indexFactor;
/** Groups so small are sorted by comparing keys. */
const smallGroup = 12;
/** Keys that begin with each other, one longer than the other, could go on for ever. */
const depthMax = 24;

interface Group {
  readonly from: number;
  readonly to: number;
  readonly depth: number;
}

/** Sorts `places[0, count)`, all of different keys. */
export function sortPlaces(arena: KeyArena, places: Int32Array, count: number): void {
  assert(count <= sortedPlacesMax, "too many places to sort at once", count);
  const compare = (a: number, b: number): number => {
    const shared = arena.commonPrefix(a, b);
    const [lengthA, lengthB] = [arena.keyLength(a), arena.keyLength(b)];
    if (shared === Math.min(lengthA, lengthB)) return lengthA - lengthB;
    return arena.headBytes(a, shared) - arena.headBytes(b, shared);
  };
  const packed = new Float64Array(count);
  const taken = new Int32Array(count);
  const groups: Group[] = [{ from: 0, to: count, depth: 0 }];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const { from, to, depth } = group;
    if (to - from <= smallGroup || depth > depthMax) {
      places.subarray(from, to).sort(compare);
      continue;
    }
    sortByHeads(arena, places.subarray(from, to), packed.subarray(0, to - from), taken);
    let start = from;
    for (let at = from + 1; at <= to; at++) {
      const isEqual =
        at < to && headOfPacked(packed, at - from) === headOfPacked(packed, start - from);
      if (isEqual) continue;
      // Keys that differ only in how many zero bytes they end with stay together for ever.
      const isStuck = start === from && at === to;
      if (at - start > 1)
        groups.push({ from: start, to: at, depth: isStuck ? Infinity : depth + 1 });
      start = at;
    }
  }
}

const headOfPacked = (packed: Float64Array, at: number): number =>
  Math.floor((packed[at] as number) / indexFactor);

/** Sorts places by the four bytes behind their common prefix; `packed` says by which, in the new order. */
function sortByHeads(
  arena: KeyArena,
  places: Int32Array,
  packed: Float64Array,
  taken: Int32Array,
): void {
  const first = places[0] as number;
  let prefixLength = arena.keyLength(first);
  for (const place of places) {
    const shared = arena.commonPrefix(first, place);
    if (shared < prefixLength) prefixLength = shared;
  }
  for (let at = 0; at < places.length; at++) {
    const place = places[at] as number;
    taken[at] = place;
    packed[at] = (arena.headBytes(place, prefixLength) + 2 ** 31) * indexFactor + at;
  }
  packed.sort();
  for (let at = 0; at < places.length; at++)
    places[at] = taken[(packed[at] as number) % indexFactor] as number;
}
