/**
 * The order of the keys: a B+tree over packed pages, whose entries are places in the key arena. It answers where a range
 * starts and ends, and how many keys exist before a key now; it does not know values or revisions. Exact look-ups go to KeyHash.
 *
 * Invariants: 1. entry i of an inner page names the subtree of the keys from its own key up to that of entry i + 1; the key
 * of entry 0 is not looked at. 2. All keys of a page, entry 0 of inner pages aside, share the page's prefix. 3. Leaves are
 * chained in key order. 4. `lives` of a subtree is the number of its keys that exist (whose newest record is a put).
 *
 * A leaf's keys lie between its fence (the key that its parents know it by) and the fence of the next leaf. So does every
 * key sought in it, hence all of them share what the two fences share: that is the prefix of a fenced leaf, and it is
 * never compared. The first and the last leaf lack a fence; their prefix is what their keys share, and must be compared.
 */
import type { KeyArena } from "./key-arena.ts";
import type { KeyProbe } from "./key-probe.ts";
import { PageKeys } from "./page-keys.ts";
import { header, TreePages } from "./tree-pages.ts";

const leafEntries = 64;
const innerEntries = 64;
const levelsMax = 16;

export class KeyIndex {
  /** Where the last `seek` ended: an entry of a leaf, or the end of that leaf (index = count). */
  seekLeaf = 0;
  seekIndex = 0;
  /** The leaf with the smallest keys. */
  readonly firstLeaf: number;

  private readonly arena: KeyArena;
  private readonly keys: PageKeys;
  private readonly leaves = new TreePages(leafEntries, 2);
  private readonly inner = new TreePages(innerEntries, 4);
  private root: number;
  /** Inner levels above the leaves. */
  private height = 0;
  /** Inner page and entry passed on the way down, by level (1 is directly above the leaves). */
  private readonly pathPage = new Int32Array(levelsMax);
  private readonly pathIndex = new Int32Array(levelsMax);

  constructor(arena: KeyArena) {
    this.arena = arena;
    this.keys = new PageKeys(arena);
    this.root = this.leaves.add();
    this.firstLeaf = this.root;
  }

  /** Memory held, in bytes. */
  get residentBytes(): number {
    return this.leaves.residentBytes + this.inner.residentBytes;
  }

  /** Entries of a leaf. */
  count(leaf: number): number {
    return this.leaves.words(leaf)[this.leaves.base(leaf) + header.count] as number;
  }

  /** The leaf behind this one in key order; 0 behind the last. */
  next(leaf: number): number {
    return this.leaves.words(leaf)[this.leaves.base(leaf) + header.next] as number;
  }

  /** Place of an entry's key. */
  place(leaf: number, index: number): number {
    return this.leaves.words(leaf)[this.leaves.base(leaf) + this.leaves.places + index] as number;
  }

  /** Finds the first key at or after the probe: `seekLeaf`, `seekIndex`. */
  seek(probe: KeyProbe): void {
    this.descend(probe, 0);
  }

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

  /** Keys that exist and sort before the probe. */
  rank(probe: KeyProbe): number {
    const { arena, inner, leaves } = this;
    this.descend(probe, 0);
    let rank = 0;
    for (let level = this.height; level > 0; level--) {
      const page = this.pathPage[level] as number;
      const words = inner.words(page);
      const lives = inner.base(page) + inner.lives;
      const end = lives + (this.pathIndex[level] as number);
      for (let at = lives; at < end; at++) rank += words[at] as number;
    }
    const words = leaves.words(this.seekLeaf);
    const places = leaves.base(this.seekLeaf) + leaves.places;
    for (let at = places; at < places + this.seekIndex; at++) {
      if (arena.version(words[at] as number) > 0) rank += 1;
    }
    return rank;
  }

  /** Keys that exist. */
  get lives(): number {
    if (this.height === 0)
      return this.leaves.words(this.root)[this.leaves.base(this.root) + header.lives] as number;
    return this.livesOfInner(this.root);
  }

  /** Goes down to the probe's leaf, notes the way, and adds `change` to `lives` all along it. */
  private descend(probe: KeyProbe, change: number): void {
    const { inner, keys, leaves } = this;
    let page = this.root;
    for (let level = this.height; level > 0; level--) {
      const words = inner.words(page);
      const base = inner.base(page);
      const found = keys.search(words, base, inner, 1, probe);
      const index = keys.isExact ? found : found - 1;
      if (change !== 0)
        words[base + inner.lives + index] = (words[base + inner.lives + index] as number) + change;
      this.pathPage[level] = page;
      this.pathIndex[level] = index;
      page = words[base + inner.pages + index] as number;
    }
    const words = leaves.words(page);
    const base = leaves.base(page);
    if (change !== 0) words[base + header.lives] = (words[base + header.lives] as number) + change;
    this.seekLeaf = page;
    this.seekIndex = keys.search(words, base, leaves, 0, probe);
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

  private livesOfInner(page: number): number {
    const { inner } = this;
    const words = inner.words(page);
    const base = inner.base(page);
    const count = words[base + header.count] as number;
    let lives = 0;
    for (let at = 0; at < count; at++) lives += words[base + inner.lives + at] as number;
    return lives;
  }

  private livesOfPlaces(words: Int32Array, base: number): number {
    const count = words[base + header.count] as number;
    let lives = 0;
    for (let at = 0; at < count; at++) {
      if (this.arena.version(words[base + this.leaves.places + at] as number) > 0) lives += 1;
    }
    return lives;
  }

  /** Finds prefix and heads of a leaf anew, from its fences or else from its keys. */
  private refreshLeaf(words: Int32Array, base: number): void {
    const { leaves } = this;
    const fence = words[base + header.fence] as number;
    const next = words[base + header.next] as number;
    if (fence === 0 || next === 0) {
      words[base + header.isFenced] = 0;
      this.keys.refreshHeads(words, base, leaves, 0);
      return;
    }
    const nextFence = leaves.words(next)[leaves.base(next) + header.fence] as number;
    words[base + header.isFenced] = 1;
    this.keys.setHeads(words, base, leaves, 0, this.arena.commonPrefix(fence, nextFence));
  }

  /** Inner pages change seldom and are searched all the time: their prefix is always the longest. */
  private refreshInner(words: Int32Array, base: number): void {
    this.keys.refreshHeads(words, base, this.inner, 1);
  }
}
