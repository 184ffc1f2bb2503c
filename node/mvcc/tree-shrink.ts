/**
 * How keys leave the tree (KeyTree): the entry goes, the leaf's fence moves on when it was that key, and pages that have become
 * small are put together with their neighbours. What is put together goes into the left page, so the first leaf stays the first.
 *
 * Leaves are not balanced: a small leaf between full ones stays. An empty leaf never stays.
 */
import { assert } from "../lib/assert.ts";
import type { KeyProbe } from "./key-probe.ts";
import type { KeyTree } from "./key-tree.ts";
import { header } from "./tree-pages.ts";

/** A page with fewer entries is put together with a neighbour, if they have at most `mergedMax` then. */
const entriesMin = 16;
const mergedMax = 48;

export class TreeShrink {
  private readonly tree: KeyTree;
  /** Entries of two inner pages while they are dealt out anew: places, pages, lives. */
  private readonly columns: readonly number[][] = [[], [], []];

  constructor(tree: KeyTree) {
    this.tree = tree;
  }

  /** Precondition: the probe holds the key at `place`, which is in the tree and has no put as its newest record. */
  remove(probe: KeyProbe, place: number): void {
    const { tree } = this;
    const { keys, leaves } = tree;
    tree.descend(probe, 0);
    assert(keys.isExact, "a key to be removed is not in the index", place);
    const words = leaves.words(tree.seekLeaf);
    const base = leaves.base(tree.seekLeaf);
    keys.shiftOut(words, base, leaves, tree.seekIndex);
    const count = words[base + header.count] as number;
    if (tree.height === 0) {
      // The next key of an empty leaf shares its prefix with nobody.
      if (count === 0) words[base + header.prefixLength] = 0;
      return;
    }
    const isSmall = count < entriesMin;
    if (isSmall) {
      this.findSiblings(probe);
      if (this.mergeLeaf() === "gone") return this.shrinkInner();
    }
    if (words[base + header.fence] === place) this.moveFence();
    if (isSmall) this.shrinkInner();
  }

  /** Finds the way to the probe's leaf again, and sees to it that every page on it has a sibling below the same parent. */
  private findSiblings(probe: KeyProbe): void {
    const { tree } = this;
    for (let level = tree.height - 1; level > 0; level--) {
      // A page of one entry comes from keys in ascending order, which split off at the right end.
      if (this.countInner(tree.pathPage[level] as number) > 1) continue;
      this.balanceInner(level);
      tree.descend(probe, 0);
    }
  }

  /** Puts the leaf of the path together with a sibling if it is empty or both are small. */
  private mergeLeaf(): "gone" | "stays" {
    const { tree } = this;
    const { leaves, inner, seekLeaf } = tree;
    const parent = tree.pathPage[1] as number;
    const leftIndex = Math.max(0, (tree.pathIndex[1] as number) - 1);
    const pages = inner.base(parent) + inner.pages + leftIndex;
    const left = inner.words(parent)[pages] as number;
    const right = inner.words(parent)[pages + 1] as number;
    const to = leaves.words(left);
    const toBase = leaves.base(left);
    const from = leaves.words(right);
    const fromBase = leaves.base(right);
    const toCount = to[toBase + header.count] as number;
    const fromCount = from[fromBase + header.count] as number;
    const isEmpty = (seekLeaf === left ? toCount : fromCount) === 0;
    if (toCount + fromCount > (isEmpty ? leaves.entries : mergedMax)) return "stays";
    for (let at = 0; at < fromCount; at++) {
      to[toBase + leaves.places + toCount + at] = from[fromBase + leaves.places + at] as number;
    }
    to[toBase + header.count] = toCount + fromCount;
    to[toBase + header.lives] =
      (to[toBase + header.lives] as number) + (from[fromBase + header.lives] as number);
    to[toBase + header.next] = from[fromBase + header.next] as number;
    leaves.remove(right);
    this.joinEntries(parent, leftIndex);
    tree.refreshLeaf(to, toBase);
    return seekLeaf === left ? "stays" : "gone";
  }

  /** The leaf's first key is its fence from now on. The path leads to the leaf, which is not the first one. */
  private moveFence(): void {
    const { tree } = this;
    const { leaves, inner, seekLeaf, pathIndex, pathPage } = tree;
    const words = leaves.words(seekLeaf);
    const base = leaves.base(seekLeaf);
    const fence = words[base + leaves.places] as number;
    words[base + header.fence] = fence;
    let level = 1;
    while (pathIndex[level] === 0) level += 1;
    assert(level <= tree.height, "the first leaf of the index has a fence");
    const page = pathPage[level] as number;
    const index = pathIndex[level] as number;
    const innerWords = inner.words(page);
    const innerBase = inner.base(page);
    innerWords[innerBase + inner.places + index] = fence;
    tree.refreshInner(innerWords, innerBase);
    // The leaf before now reaches up to the new fence, so its keys may share less.
    let before = innerWords[innerBase + inner.pages + index - 1] as number;
    for (; level > 1; level--) {
      const last = this.countInner(before) - 1;
      before = inner.words(before)[inner.base(before) + inner.pages + last] as number;
    }
    tree.refreshLeaf(leaves.words(before), leaves.base(before));
  }

  /** Goes up the path from the leaves' parent, and takes away levels that the tree needs no more. */
  private shrinkInner(): void {
    const { tree } = this;
    const { inner } = tree;
    for (let level = 1; level < tree.height; level++) {
      if (this.countInner(tree.pathPage[level + 1] as number) < 2) continue;
      if (this.countInner(tree.pathPage[level] as number) < entriesMin) this.balanceInner(level);
    }
    while (tree.height > 0 && this.countInner(tree.root) === 1) {
      const { root } = tree;
      tree.root = inner.words(root)[inner.base(root) + inner.pages] as number;
      tree.height -= 1;
      inner.remove(root);
    }
  }

  /**
   * Puts the inner page of the path at `level` together with a sibling when both are small; a page of one entry always gets
   * more. Precondition: its parent has two entries or more.
   */
  private balanceInner(level: number): void {
    const { tree, columns } = this;
    const { inner } = tree;
    const parent = tree.pathPage[level + 1] as number;
    const leftIndex = Math.max(0, (tree.pathIndex[level + 1] as number) - 1);
    const parentWords = inner.words(parent);
    const parentBase = inner.base(parent);
    const left = parentWords[parentBase + inner.pages + leftIndex] as number;
    const right = parentWords[parentBase + inner.pages + leftIndex + 1] as number;
    const total = this.countInner(left) + this.countInner(right);
    if (total > mergedMax && this.countInner(tree.pathPage[level] as number) > 1) return;
    const separator = parentBase + inner.places + leftIndex + 1;
    for (const column of columns) column.length = 0;
    this.collect(left);
    const rightStart = this.countInner(left);
    this.collect(right);
    // Entry 0 of a page does not know its key; its parent does.
    (columns[0] as number[])[rightStart] = parentWords[separator] as number;
    if (total <= inner.entries) {
      this.deal(left, 0, total);
      inner.remove(right);
      this.joinEntries(parent, leftIndex);
      return;
    }
    const cut = total >>> 1;
    this.deal(left, 0, cut);
    this.deal(right, cut, total);
    parentWords[separator] = (columns[0] as number[])[cut] as number;
    parentWords[parentBase + inner.lives + leftIndex] = tree.livesOfInner(left);
    parentWords[parentBase + inner.lives + leftIndex + 1] = tree.livesOfInner(right);
    tree.refreshInner(parentWords, parentBase);
  }

  private collect(page: number): void {
    const { inner } = this.tree;
    const words = inner.words(page);
    const count = this.countInner(page);
    [inner.places, inner.pages, inner.lives].forEach((start, column) => {
      for (let at = 0; at < count; at++)
        this.columns[column]?.push(words[inner.base(page) + start + at] as number);
    });
  }

  private deal(page: number, from: number, to: number): void {
    const { inner } = this.tree;
    const words = inner.words(page);
    const base = inner.base(page);
    [inner.places, inner.pages, inner.lives].forEach((start, column) => {
      for (let at = from; at < to; at++)
        words[base + start + at - from] = this.columns[column]?.[at] as number;
    });
    words[base + header.count] = to - from;
    this.tree.refreshInner(words, base);
  }

  /** The entry behind `index` of an inner page is part of the one at `index` from now on. */
  private joinEntries(page: number, index: number): void {
    const { inner, keys } = this.tree;
    const words = inner.words(page);
    const base = inner.base(page);
    const count = words[base + header.count] as number;
    const lives = base + inner.lives + index;
    words[lives] = (words[lives] as number) + (words[lives + 1] as number);
    keys.shiftOut(words, base, inner, index + 1);
    for (const column of [base + inner.pages, base + inner.lives])
      words.copyWithin(column + index + 1, column + index + 2, column + count);
    this.tree.refreshInner(words, base);
  }

  private countInner(page: number): number {
    const { inner } = this.tree;
    return inner.words(page)[inner.base(page) + header.count] as number;
  }
}
