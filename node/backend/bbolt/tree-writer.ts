/**
 * Builds one tree of pages from entries that come in key order. A page is given away as soon as it is full, its parent behind it, so that one page
 * of each level is held, whatever the size of the tree.
 *
 * Pages are filled to the end: what comes to a state later comes behind all that is there. A branch has at least two children, also the last
 * one of a level, for etcd panics when it takes the last key from a leaf that has no sibling (bbolt node.go, rebalance).
 */
import { assert } from "../../lib/assert.ts";
import {
  branchElementBytes,
  bucketHeaderBytes,
  leafElementBytes,
  pageHeaderBytes,
  viewOf,
  writeU64,
} from "./format.ts";
import {
  type BranchEntry,
  type LeafEntry,
  type Pages,
  pageSize,
  writeInlineLeaf,
} from "./pages.ts";

/** A bucket up to this size lies in its parent (bbolt bucket.go, maxInlineBucketSize). */
const inlineBytesMax = pageSize / 4;
const branchChildrenMin = 2;

interface Branch {
  children: BranchEntry[];
  /** What the page would take. */
  bytes: number;
}

export class TreeWriter {
  private readonly pages: Pages;
  private entries: LeafEntry[] = [];
  private bytes = pageHeaderBytes;
  /** The open branch of each level, from the leaves up. */
  private readonly branches: Branch[] = [];

  constructor(pages: Pages) {
    this.pages = pages;
  }

  add(entry: LeafEntry): void {
    const { key, start, end } = entry;
    assert(key.length > 0, "an empty key, which a bbolt database cannot hold");
    const size = leafElementBytes + key.length + end - start;
    if (this.entries.length > 0 && this.bytes + size > pageSize) this.endLeaf();
    this.entries.push(entry);
    this.bytes += size;
  }

  /** Gives away what is left; returns the id of the root page. */
  end(): number {
    if (this.entries.length > 0 || this.branches.length === 0) this.endLeaf();
    for (let level = 0; ; level++) {
      const { children } = this.branches[level] as Branch;
      const [only] = children;
      if (level === this.branches.length - 1 && children.length === 1 && only !== undefined)
        return only.page;
      this.endBranch(level, children.length);
    }
  }

  /** The same for a bucket's tree: returns the value that stands for it in the tree above. */
  endBucket(): Uint8Array {
    if (this.branches.length > 0 || this.bytes > inlineBytesMax) {
      const value = new Uint8Array(bucketHeaderBytes);
      writeU64(viewOf(value), 0, this.end());
      return value;
    }
    const value = new Uint8Array(bucketHeaderBytes + this.bytes);
    writeInlineLeaf(value, bucketHeaderBytes, this.entries);
    return value;
  }

  private endLeaf(): void {
    const { entries } = this;
    const page = this.pages.leaf(entries, this.bytes);
    this.entries = [];
    this.bytes = pageHeaderBytes;
    this.child(0, { key: entries[0]?.key ?? new Uint8Array(0), page });
  }

  private child(level: number, child: BranchEntry): void {
    const branch = (this.branches[level] ??= { children: [], bytes: pageHeaderBytes });
    branch.children.push(child);
    branch.bytes += branchElementBytes + child.key.length;
    const { length: count } = branch.children;
    if (branch.bytes > pageSize && count >= 2 * branchChildrenMin)
      this.endBranch(level, count - branchChildrenMin);
  }

  /** Gives away a branch of the first `count` children; the others begin the next one. */
  private endBranch(level: number, count: number): void {
    const branch = this.branches[level] as Branch;
    const children = branch.children.splice(0, count);
    let bytes = pageHeaderBytes;
    for (const { key } of children) bytes += branchElementBytes + key.length;
    branch.bytes -= bytes - pageHeaderBytes;
    const page = this.pages.branch(children, bytes);
    this.child(level + 1, { key: (children[0] as BranchEntry).key, page });
  }
}
