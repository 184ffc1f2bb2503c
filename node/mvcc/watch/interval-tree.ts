/**
 * Key ranges, searched by a key: which of them hold it? A balanced binary tree (AVL) in the order of (start, end) in which each node knows
 * the furthest end below it (Cormen et al., interval trees): a search visits O(log n) nodes and those that it finds.
 */
import { compareBytes } from "../../lib/bytes.ts";

/** An end of length 0 is no end: the range goes on to the last key. */
export interface Interval<Value> {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly value: Value;
}

interface Node<Value> extends Interval<Value> {
  left: Node<Value> | null;
  right: Node<Value> | null;
  height: number;
  /** The furthest end in this subtree. */
  furthest: Uint8Array;
}

const heightOf = (node: Node<unknown> | null): number => (node === null ? 0 : node.height);

function compareEnds(a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0 || b.length === 0) return Number(a.length === 0) - Number(b.length === 0);
  return compareBytes(a, b);
}

function comparePlaces(start: Uint8Array, end: Uint8Array, node: Interval<unknown>): number {
  const order = compareBytes(start, node.start);
  return order === 0 ? compareEnds(end, node.end) : order;
}

export class IntervalTree<Value> {
  private root: Node<Value> | null = null;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(start: Uint8Array, end: Uint8Array): Value | undefined {
    let node = this.root;
    while (node !== null) {
      const order = comparePlaces(start, end, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Precondition: no such interval is here. The bytes are kept, not copied. */
  add(start: Uint8Array, end: Uint8Array, value: Value): void {
    this.count += 1;
    const added = { start, end, value, left: null, right: null, height: 1, furthest: end };
    this.root = insert(this.root, added);
  }

  /** Without effect when there is no such interval. */
  delete(start: Uint8Array, end: Uint8Array): void {
    if (this.get(start, end) === undefined) return;
    this.count -= 1;
    this.root = remove(this.root, start, end);
  }

  /** Visits the value of every interval with start <= key < end, in order. */
  visit(key: Uint8Array, found: (value: Value) => void): void {
    visitNode(this.root, key, found);
  }

  *values(): Generator<Value> {
    const path: Node<Value>[] = [];
    let node = this.root;
    while (node !== null || path.length > 0) {
      for (; node !== null; node = node.left) path.push(node);
      const next = path.pop() as Node<Value>;
      yield next.value;
      node = next.right;
    }
  }
}

function visitNode<Value>(
  node: Node<Value> | null,
  key: Uint8Array,
  found: (value: Value) => void,
): void {
  if (node === null || !isBefore(key, node.furthest)) return;
  visitNode(node.left, key, found);
  if (compareBytes(node.start, key) > 0) return;
  if (isBefore(key, node.end)) found(node.value);
  visitNode(node.right, key, found);
}

const isBefore = (key: Uint8Array, end: Uint8Array): boolean =>
  end.length === 0 || compareBytes(key, end) < 0;

function insert<Value>(node: Node<Value> | null, added: Node<Value>): Node<Value> {
  if (node === null) return added;
  if (comparePlaces(added.start, added.end, node) < 0) node.left = insert(node.left, added);
  else node.right = insert(node.right, added);
  return balance(node);
}

function remove<Value>(
  node: Node<Value> | null,
  start: Uint8Array,
  end: Uint8Array,
): Node<Value> | null {
  if (node === null) return null;
  const order = comparePlaces(start, end, node);
  if (order < 0) node.left = remove(node.left, start, end);
  else if (order > 0) node.right = remove(node.right, start, end);
  else if (node.left === null) return node.right;
  else if (node.right === null) return node.left;
  else return replaceBySuccessor(node.left, node.right);
  return balance(node);
}

function replaceBySuccessor<Value>(left: Node<Value>, right: Node<Value>): Node<Value> {
  let successor = right;
  while (successor.left !== null) successor = successor.left;
  const rest = removeFirst(right);
  successor.left = left;
  successor.right = rest;
  return balance(successor);
}

function removeFirst<Value>(node: Node<Value>): Node<Value> | null {
  if (node.left === null) return node.right;
  node.left = removeFirst(node.left);
  return balance(node);
}

function update(node: Node<unknown>): void {
  node.height = Math.max(heightOf(node.left), heightOf(node.right)) + 1;
  let furthest = node.end;
  for (const child of [node.left, node.right]) {
    if (child !== null && compareEnds(child.furthest, furthest) > 0) furthest = child.furthest;
  }
  node.furthest = furthest;
}

function balance<Value>(node: Node<Value>): Node<Value> {
  const { left, right } = node;
  const lean = heightOf(left) - heightOf(right);
  if (lean > 1 && left !== null) {
    if (heightOf(left.left) < heightOf(left.right)) node.left = rotateLeft(left);
    return rotateRight(node);
  }
  if (lean < -1 && right !== null) {
    if (heightOf(right.right) < heightOf(right.left)) node.right = rotateRight(right);
    return rotateLeft(node);
  }
  update(node);
  return node;
}

function rotateRight<Value>(node: Node<Value>): Node<Value> {
  const top = node.left as Node<Value>;
  node.left = top.right;
  top.right = node;
  update(node);
  update(top);
  return top;
}

function rotateLeft<Value>(node: Node<Value>): Node<Value> {
  const top = node.right as Node<Value>;
  node.right = top.left;
  top.left = node;
  update(node);
  update(top);
  return top;
}
