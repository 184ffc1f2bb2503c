/**
 * The order of the keys as it stands: a B+tree over packed pages, whose entries are places in the key arena. This is its state, the way
 * down, and what is the same for all that changes it (KeyIndex, TreeShrink).
 *
 * Invariants: 1. entry i of an inner page names the subtree of the keys from its own key up to that of entry i + 1; the key
 * of entry 0 is not looked at. 2. All keys of a page, entry 0 of inner pages aside, share the page's prefix. 3. Leaves are
 * chained in key order. 4. `lives` of a subtree is the number of its keys that exist (whose newest record is a put).
 *
 * A leaf's keys lie between its fence (the key that its parents know it by) and the fence of the next leaf. So does every
 * key sought in it, hence all of them share what the two fences share: that is the prefix of a fenced leaf, and it is
 * never compared. The first and the last leaf lack a fence; their prefix is what their keys share, and must be compared.
 *
 * 5. The fence of a leaf is its first key, so that no page names a key that is gone. Only the leaf of an empty tree is empty.
 */
import { ImageReader, type IndexImage } from "./index-image.ts";
import type { KeyArena } from "./key-arena.ts";
import type { KeyProbe } from "./key-probe.ts";
import { PageKeys } from "./page-keys.ts";
import { header, TreePages } from "./tree-pages.ts";

const leafEntries = 64;
const innerEntries = 64;
const levelsMax = 16;

export class KeyTree {
  /** Where the last `seek` ended: an entry of a leaf, or the end of that leaf (index = count). */
  seekLeaf = 0;
  seekIndex = 0;
  /** The leaf with the smallest keys. */
  readonly firstLeaf: number;

  readonly arena: KeyArena;
  readonly keys: PageKeys;
  readonly leaves: TreePages = new TreePages(leafEntries, 2);
  readonly inner: TreePages = new TreePages(innerEntries, 4);
  root: number;
  /** Inner levels above the leaves. */
  height = 0;
  /** Inner page and entry passed on the way down, by level (1 is directly above the leaves). */
  readonly pathPage: Int32Array = new Int32Array(levelsMax);
  readonly pathIndex: Int32Array = new Int32Array(levelsMax);

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

  /** For a checkpoint of the index: the tree's own numbers; those of its pages are images of their own. */
  image(): IndexImage {
    return { numbers: [leafEntries, innerEntries, this.root, this.height], buffers: [] };
  }

  /** Takes over an image. Precondition: no key was added yet. */
  adopt(image: IndexImage): void {
    const reader = new ImageReader(image);
    reader.checkLayout(leafEntries, innerEntries);
    this.root = reader.number();
    this.height = reader.number();
    reader.end();
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
  descend(probe: KeyProbe, change: number): void {
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

  /** Keys that exist below an inner page. */
  livesOfInner(page: number): number {
    const { inner } = this;
    const words = inner.words(page);
    const base = inner.base(page);
    const count = words[base + header.count] as number;
    let lives = 0;
    for (let at = 0; at < count; at++) lives += words[base + inner.lives + at] as number;
    return lives;
  }

  /** Finds prefix and heads of a leaf anew, from its fences or else from its keys. */
  refreshLeaf(words: Int32Array, base: number): void {
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
  refreshInner(words: Int32Array, base: number): void {
    this.keys.refreshHeads(words, base, this.inner, 1);
  }
}
