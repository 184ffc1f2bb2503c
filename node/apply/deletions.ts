/**
 * Which keys of a transaction are deleted by its own operations: one sweep in key order, because a client decides how many operations
 * there are and how they overlap.
 */

import { compareBytes } from "../lib/bytes.ts";

/** [start, end) is deleted by the operation at `place`. */
export interface Deletion {
  readonly start: Uint8Array;
  /** Undefined for no end. */
  readonly end: Uint8Array | undefined;
  readonly place: number;
}

/** An operation on one key. */
export interface KeyPlace {
  readonly key: Uint8Array;
  readonly place: number;
}

/** The end of a range that holds this one key: its successor, the key with a zero byte behind it. */
export function endBehind(key: Uint8Array): Uint8Array {
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  return end;
}

/** The first of `places` whose key an operation before it deletes; undefined when there is none. */
export function firstDeleted(
  places: readonly KeyPlace[],
  deletions: readonly Deletion[],
): number | undefined {
  if (places.length === 0 || deletions.length === 0) return undefined;
  const byStart = deletions
    .filter(({ start, end }) => end === undefined || compareBytes(start, end) < 0)
    .sort((a, b) => compareBytes(a.start, b.start));
  /** Deletions that began at or before the key, a heap with the first place on top. */
  const begun: Deletion[] = [];
  let next = 0;
  let found: number | undefined;
  for (const { key, place } of [...places].sort((a, b) => compareBytes(a.key, b.key))) {
    for (; next < byStart.length && !startsBehind(byStart[next] as Deletion, key); next++)
      push(begun, byStart[next] as Deletion);
    while (begun.length > 0 && endsBefore(begun[0] as Deletion, key)) pop(begun);
    const deletion = begun[0];
    if (deletion !== undefined && deletion.place < place)
      found = found === undefined ? place : Math.min(found, place);
  }
  return found;
}

const startsBehind = ({ start }: Deletion, key: Uint8Array): boolean =>
  compareBytes(start, key) > 0;

const endsBefore = ({ end }: Deletion, key: Uint8Array): boolean =>
  end !== undefined && compareBytes(end, key) <= 0;

function push(heap: Deletion[], added: Deletion): void {
  let at = heap.push(added) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Deletion;
    if (above.place <= added.place) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = added;
}

function pop(heap: Deletion[]): void {
  const moved = heap.pop();
  if (moved === undefined || heap.length === 0) return;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    const other = heap[child + 1];
    if (other !== undefined && other.place < (heap[child] as Deletion).place) child += 1;
    const below = heap[child] as Deletion;
    if (below.place >= moved.place) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = moved;
}
