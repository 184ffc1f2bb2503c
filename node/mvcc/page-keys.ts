/**
 * Keys within one page of the index: finding one, putting one in, and the heads that make both fast. The head of an entry is
 * the four bytes of its key behind the page's prefix, so that most comparisons need no look at the key itself.
 */
import type { KeyArena } from "./key-arena.ts";
import type { KeyProbe } from "./key-probe.ts";
import { header, type TreePages } from "./tree-pages.ts";

/** A page is given as its words, its first word's index, and the pages it is one of. */
export class PageKeys {
  /** Whether the last `search` met the very key. */
  isExact = false;
  private readonly arena: KeyArena;

  constructor(arena: KeyArena) {
    this.arena = arena;
  }

  /** First entry in [from, count) whose key is at or after the probe; `isExact` tells whether it is the probe's. */
  search(words: Int32Array, base: number, pages: TreePages, from: number, probe: KeyProbe): number {
    this.isExact = false;
    const count = words[base + header.count] as number;
    if (from >= count) return from;
    const heads = base + pages.heads;
    const places = base + pages.places;
    const prefixLength = words[base + header.prefixLength] as number;
    if (prefixLength > 0 && words[base + header.isFenced] === 0) {
      const order = this.arena.comparePrefix(probe, words[places + from] as number, prefixLength);
      if (order !== 0) return order < 0 ? from : count;
    }
    const head = probe.head(prefixLength);
    let low = from;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = words[heads + middle] as number;
      if (other < head) low = middle + 1;
      else if (other > head) high = middle;
      else {
        const compared = this.arena.compare(probe, words[places + middle] as number);
        if (compared > 0) low = middle + 1;
        else if (compared < 0) high = middle;
        else {
          this.isExact = true;
          return middle;
        }
      }
    }
    return low;
  }

  /** Makes room at `index` of a page that is not full, and puts the place there; its head is not set yet. */
  shiftIn(words: Int32Array, base: number, pages: TreePages, index: number, place: number): void {
    const count = words[base + header.count] as number;
    const heads = base + pages.heads;
    const places = base + pages.places;
    for (let at = count; at > index; at--) {
      words[heads + at] = words[heads + at - 1] as number;
      words[places + at] = words[places + at - 1] as number;
    }
    words[places + index] = place;
    words[base + header.count] = count + 1;
  }

  /** Takes the entry at `index` out. */
  shiftOut(words: Int32Array, base: number, pages: TreePages, index: number): void {
    const count = words[base + header.count] as number;
    for (const column of [base + pages.heads, base + pages.places])
      words.copyWithin(column + index, column + index + 1, column + count);
    words[base + header.count] = count - 1;
  }

  /** Finds the longest prefix of the entries in [from, count), and all heads. */
  refreshHeads(words: Int32Array, base: number, pages: TreePages, from: number): void {
    const count = words[base + header.count] as number;
    const first = words[base + pages.places + from] as number;
    const last = words[base + pages.places + count - 1] as number;
    this.setHeads(
      words,
      base,
      pages,
      from,
      count - from >= 2 ? this.arena.commonPrefix(first, last) : 0,
    );
  }

  /** Sets the prefix, which the entries in [from, count) are known to share, and all heads. */
  setHeads(
    words: Int32Array,
    base: number,
    pages: TreePages,
    from: number,
    prefixLength: number,
  ): void {
    const count = words[base + header.count] as number;
    words[base + header.prefixLength] = prefixLength;
    for (let at = from; at < count; at++) {
      words[base + pages.heads + at] = this.arena.headBytes(
        words[base + pages.places + at] as number,
        prefixLength,
      );
    }
  }
}
