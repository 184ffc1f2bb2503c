/**
 * The order of the keys: where a range starts and ends, and how many keys exist before a key now. It does not know values or
 * revisions; exact look-ups go to KeyHash. The tree itself is described in KeyTree; here keys come into it.
 */
import type { KeyProbe } from "./key-probe.ts";
import { KeyTree } from "./key-tree.ts";
import { header } from "./tree-pages.ts";
import { TreeShrink } from "./tree-shrink.ts";

export class KeyIndex extends KeyTree {
  private readonly shrink: TreeShrink = new TreeShrink(this);

  /** Adds a key that is not in the tree yet; the probe holds the key at `place`. `lives` is 1 when the key exists, else 0. */
  insert(probe: KeyProbe, place: number, lives: 0 | 1): void {
    this.descend(probe, lives);
    const { leaves, seekLeaf, seekIndex } = this;
    const words = leaves.words(seekLeaf);
    const base = leaves.base(seekLeaf);
    const count = words[base + header.count] as number;
    if (count === leaves.entries) {
      this.splitLeaf(seekLeaf, seekIndex, place, lives);
      return;
    }
    this.keys.shiftIn(words, base, leaves, seekIndex, place);
    const prefixLength = words[base + header.prefixLength] as number;
    if (words[base + header.isFenced] === 1)
      words[base + leaves.heads + seekIndex] = probe.head(prefixLength);
    else this.fitPrefix(words, base, seekIndex);
  }

  /** The probe's key, which is in the tree, came into being (1) or was deleted (-1). */
  changeLives(probe: KeyProbe, change: 1 | -1): void {
    this.descend(probe, change);
  }

  /** Takes out the probe's key, which is in the tree at `place` and does not exist now. */
  remove(probe: KeyProbe, place: number): void {
    this.shrink.remove(probe, place);
  }

  /** Sets the head of the new entry of a leaf without fences; finds the prefix anew when the new key does not share it. */
  private fitPrefix(words: Int32Array, base: number, index: number): void {
    const { arena, leaves } = this;
    const places = base + leaves.places;
    const place = words[places + index] as number;
    const prefixLength = words[base + header.prefixLength] as number;
    const neighbour = words[places + (index === 0 ? 1 : 0)] as number;
    const count = words[base + header.count] as number;
    // A leaf that began with one key has an empty prefix: look again whenever it has doubled.
    const hasDoubled = count >= 8 && (count & (count - 1)) === 0;
    if (hasDoubled || (prefixLength > 0 && arena.commonPrefix(place, neighbour) < prefixLength))
      this.refreshLeaf(words, base);
    else words[base + leaves.heads + index] = arena.headBytes(place, prefixLength);
  }

  private splitLeaf(left: number, index: number, place: number, lives: 0 | 1): void {
    const { leaves } = this;
    const right = leaves.add();
    const from = leaves.words(left);
    const fromBase = leaves.base(left);
    const to = leaves.words(right);
    const toBase = leaves.base(right);
    // Keys often come in ascending order: a key behind all others gets a leaf of its own, and the left one stays full.
    const cut = index === leaves.entries ? index : leaves.entries >>> 1;
    const moved = leaves.entries - cut;
    for (let at = 0; at < moved; at++) {
      to[toBase + leaves.places + at] = from[fromBase + leaves.places + cut + at] as number;
    }
    to[toBase + header.count] = moved;
    from[fromBase + header.count] = cut;
    const isRight = index > cut || index === leaves.entries;
    if (isRight) this.keys.shiftIn(to, toBase, leaves, index - cut, place);
    else this.keys.shiftIn(from, fromBase, leaves, index, place);
    const fence = to[toBase + leaves.places] as number;
    to[toBase + header.next] = from[fromBase + header.next] as number;
    to[toBase + header.fence] = fence;
    from[fromBase + header.next] = right;
    this.refreshLeaf(from, fromBase);
    this.refreshLeaf(to, toBase);
    // The new key has no state in the arena yet.
    const total = from[fromBase + header.lives] as number;
    const rightLives = this.livesOfPlaces(to, toBase) + (isRight ? lives : 0);
    to[toBase + header.lives] = rightLives;
    from[fromBase + header.lives] = total - rightLives;
    this.insertInner(1, left, total - rightLives, fence, right, rightLives);
  }

  /** Tells the parent at `level` that `left` now has `leftLives`, and that `right` came behind it. */
  private insertInner(
    level: number,
    left: number,
    leftLives: number,
    fence: number,
    right: number,
    rightLives: number,
  ): void {
    const { inner } = this;
    if (level > this.height) {
      this.root = inner.add();
      this.height = level;
      this.shiftInInner(this.root, 0, 0, left, leftLives);
      this.shiftInInner(this.root, 1, fence, right, rightLives);
      return;
    }
    const page = this.pathPage[level] as number;
    const index = (this.pathIndex[level] as number) + 1;
    const words = inner.words(page);
    const base = inner.base(page);
    words[base + inner.lives + index - 1] = leftLives;
    if ((words[base + header.count] as number) < inner.entries) {
      this.shiftInInner(page, index, fence, right, rightLives);
      return;
    }
    const split = this.splitInner(page, index === inner.entries ? index : inner.entries >>> 1);
    const cut = words[base + header.count] as number;
    if (index > cut || index === inner.entries)
      this.shiftInInner(split, index - cut, fence, right, rightLives);
    else this.shiftInInner(page, index, fence, right, rightLives);
    const splitFence = inner.words(split)[inner.base(split) + inner.places] as number;
    this.insertInner(
      level + 1,
      page,
      this.livesOfInner(page),
      splitFence,
      split,
      this.livesOfInner(split),
    );
  }

  /** Moves the entries from `cut` on to a new page and returns it. */
  private splitInner(left: number, cut: number): number {
    const { inner } = this;
    const right = inner.add();
    const from = inner.words(left);
    const fromBase = inner.base(left);
    const to = inner.words(right);
    const toBase = inner.base(right);
    const moved = inner.entries - cut;
    for (const column of [inner.places, inner.pages, inner.lives]) {
      for (let at = 0; at < moved; at++)
        to[toBase + column + at] = from[fromBase + column + cut + at] as number;
    }
    to[toBase + header.count] = moved;
    from[fromBase + header.count] = cut;
    this.refreshInner(from, fromBase);
    this.refreshInner(to, toBase);
    return right;
  }

  private shiftInInner(
    page: number,
    index: number,
    fence: number,
    child: number,
    lives: number,
  ): void {
    const { inner } = this;
    const words = inner.words(page);
    const base = inner.base(page);
    const count = words[base + header.count] as number;
    this.keys.shiftIn(words, base, inner, index, fence);
    for (const column of [inner.pages, inner.lives]) {
      words.copyWithin(base + column + index + 1, base + column + index, base + column + count);
    }
    words[base + inner.pages + index] = child;
    words[base + inner.lives + index] = lives;
    this.refreshInner(words, base);
  }

  private livesOfPlaces(words: Int32Array, base: number): number {
    const count = words[base + header.count] as number;
    let lives = 0;
    for (let at = 0; at < count; at++) {
      if (this.arena.version(words[base + this.leaves.places + at] as number) > 0) lives += 1;
    }
    return lives;
  }
}
