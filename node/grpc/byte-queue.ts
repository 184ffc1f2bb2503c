/**
 * Bytes that wait, first in, first out: what a stream has to say and cannot, or was sent and does not read yet. Small pieces share
 * a block of memory, so that a peer cannot make us keep an object per byte.
 */

/** Blocks grow with the queue, up to this; a larger piece gets a block of its own size. */
const blockBytesMax = 16_384;
const blockBytesMin = 256;
const nothing: Uint8Array = new Uint8Array(0);

class Block {
  readonly bytes: Uint8Array;
  end = 0;
  next: Block | null = null;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }
}

export class ByteQueue {
  length = 0;
  private first: Block | null = null;
  private last: Block | null = null;
  /** Where the first block is read next. */
  private at = 0;

  /** Copies bytes[start, end) behind everything. */
  append(bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    if (this.last !== null) from = this.fill(this.last, bytes, start, end);
    if (from === end) return;
    const size = Math.max(blockBytesMin, Math.min(blockBytesMax, this.length), end - from);
    const block = new Block(size);
    if (this.last === null) this.first = block;
    else this.last.next = block;
    this.last = block;
    this.fill(block, bytes, from, end);
  }

  private fill(block: Block, bytes: Uint8Array, start: number, end: number): number {
    const taken = Math.min(block.bytes.length - block.end, end - start);
    if (taken <= 0) return start;
    block.bytes.set(bytes.subarray(start, start + taken), block.end);
    block.end += taken;
    this.length += taken;
    return start + taken;
  }

  /** The memory of the front bytes: front[frontStart, frontEnd), never empty while `length` is above 0. */
  get front(): Uint8Array {
    return this.first === null ? nothing : this.first.bytes;
  }
  get frontStart(): number {
    return this.at;
  }
  get frontEnd(): number {
    return this.first === null ? 0 : this.first.end;
  }

  /** Drops `count` bytes of the front block. */
  skip(count: number): void {
    this.at += count;
    this.length -= count;
    if (this.first === null || this.at < this.first.end) return;
    this.first = this.first.next;
    this.at = 0;
    if (this.first === null) this.last = null;
  }

  /** Moves `count` bytes, at most `length`, to to[at, at + count). */
  take(to: Uint8Array, at: number, count: number): void {
    let next = at;
    const end = at + count;
    while (next < end) {
      const taken = Math.min(end - next, this.frontEnd - this.at);
      to.set(this.front.subarray(this.at, this.at + taken), next);
      this.skip(taken);
      next += taken;
    }
  }

  clear(): void {
    this.first = null;
    this.last = null;
    this.at = 0;
    this.length = 0;
  }
}
