/** Walks a whole key index and holds it against everything that KeyTree promises. */
import assert from "node:assert/strict";
import type { KeyIndex } from "../../../node/mvcc/key-index.ts";
import { header } from "../../../node/mvcc/tree-pages.ts";

interface Subtree {
  readonly lives: number;
  readonly leaves: number[];
}

const commonOf = (keys: readonly Uint8Array[]): number => {
  const [first, ...others] = keys;
  if (first === undefined) return 0;
  let length = 0;
  while (length < first.length && others.every((key) => key[length] === first[length])) length += 1;
  return length;
};

class TreeCheck {
  private readonly index: KeyIndex;
  private innerPages = 0;

  constructor(index: KeyIndex) {
    this.index = index;
  }

  run(): void {
    const { index } = this;
    const { leaves } = this.visit(index.root, index.height, 0);
    const chained: number[] = [];
    for (let leaf = index.firstLeaf; leaf !== 0; leaf = index.next(leaf)) chained.push(leaf);
    assert.deepEqual(leaves, chained, "leaves are chained as the tree has them");
    assert.equal(index.leaves.count, leaves.length, "no leaf is lost");
    assert.equal(index.inner.count, this.innerPages, "no inner page is lost");
    const keys = leaves.flatMap((leaf) => this.keysOf(leaf));
    for (let at = 1; at < keys.length; at++)
      assert.ok(Buffer.compare(keys[at - 1] as Uint8Array, keys[at] as Uint8Array) < 0, "sorted");
  }

  /** `fence` is the place that the parents know the subtree by; 0 at the left end. */
  private visit(page: number, level: number, fence: number): Subtree {
    if (level === 0) return this.visitLeaf(page, fence);
    const { index } = this;
    const { inner } = index;
    this.innerPages += 1;
    const words = inner.words(page);
    const base = inner.base(page);
    const count = words[base + header.count] as number;
    assert.ok(count >= 1 && (level < index.height || count >= 2), "a page has entries");
    const fences: Uint8Array[] = [];
    const leaves: number[] = [];
    let lives = 0;
    for (let at = 0; at < count; at++) {
      const place = words[base + inner.places + at] as number;
      if (at > 0) fences.push(index.arena.key(place));
      const child = words[base + inner.pages + at] as number;
      const below = this.visit(child, level - 1, at === 0 ? fence : place);
      assert.equal(words[base + inner.lives + at], below.lives, "lives of a subtree");
      lives += below.lives;
      leaves.push(...below.leaves);
    }
    this.checkHeads(page, "inner", fences);
    return { lives, leaves };
  }

  private visitLeaf(leaf: number, fence: number): Subtree {
    const { index } = this;
    const words = index.leaves.words(leaf);
    const base = index.leaves.base(leaf);
    const keys = this.keysOf(leaf);
    assert.ok(keys.length > 0 || index.height === 0, "an empty leaf is in the tree");
    assert.equal(words[base + header.fence], fence, "a leaf has its parents' fence");
    if (fence !== 0) assert.equal(fence, index.place(leaf, 0), "the fence is the first key");
    const lives = keys.filter((_, at) => index.arena.version(index.place(leaf, at)) > 0).length;
    assert.equal(words[base + header.lives], lives, "lives of a leaf");
    this.checkHeads(leaf, "leaves", keys);
    if (words[base + header.isFenced] === 1) {
      const next = index.next(leaf);
      const fences = [index.arena.key(fence), index.arena.key(index.place(next, 0))];
      assert.ok((words[base + header.prefixLength] as number) <= commonOf(fences), "fenced prefix");
    }
    return { lives, leaves: [leaf] };
  }

  private checkHeads(page: number, kind: "inner" | "leaves", keys: readonly Uint8Array[]): void {
    const pages = this.index[kind];
    const words = pages.words(page);
    const base = pages.base(page);
    const prefixLength = words[base + header.prefixLength] as number;
    if (keys.length > 0) assert.ok(prefixLength <= commonOf(keys), "keys share the prefix");
    const from = kind === "inner" ? 1 : 0;
    keys.forEach((_, at) => {
      const place = words[base + pages.places + from + at] as number;
      assert.equal(
        words[base + pages.heads + from + at],
        this.index.arena.headBytes(place, prefixLength),
        "heads",
      );
    });
  }

  private keysOf(leaf: number): Uint8Array[] {
    const { index } = this;
    return Array.from({ length: index.count(leaf) }, (_, at) =>
      index.arena.key(index.place(leaf, at)),
    );
  }
}

export const checkTree = (index: KeyIndex): void => {
  new TreeCheck(index).run();
};
