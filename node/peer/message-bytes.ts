/**
 * Cuts a stream that comes in chunks of any size into pieces of the sizes that its format announces. A piece that one chunk holds whole
 * is handed out where it lies; only one that goes over a border is copied together. A size is a claim of the other side, not memory:
 * the buffer grows as bytes arrive, to at most twice of them.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";

const heldBytesMin = 4 * 1024;
/** A buffer that one large piece made longer than this is not kept. */
const heldBytesKept = 1024 * 1024;

export class MessageBytes {
  /** The piece that `next` found: buffer[start, end), valid until `next` or `push` is called again. */
  buffer: Uint8Array = emptyBytes;
  start = 0;
  end = 0;
  private chunk: Uint8Array = emptyBytes;
  private at = 0;
  /** The beginning of a piece whose rest has not arrived. */
  private held: Uint8Array = emptyBytes;
  private heldLength = 0;

  /** Only when `next` has said false about the chunk before, or was never asked. The chunk is read until it says so again. */
  push(chunk: Uint8Array): void {
    assert(this.at === this.chunk.length, "a chunk was not read to its end", this.at);
    this.chunk = chunk;
    this.at = 0;
  }

  /** Whether a piece of `count` bytes is there. If not, its beginning is kept, and the same count is asked for behind the next `push`. */
  next(count: number): boolean {
    const { chunk, at } = this;
    if (this.heldLength === 0 && chunk.length - at >= count) {
      this.buffer = chunk;
      this.start = at;
      this.end = this.at = at + count;
      return true;
    }
    return this.nextHeld(count);
  }

  /** What is left of the chunk behind the last piece: for a format whose end has no frames. Nothing is left then. */
  rest(): Uint8Array {
    const rest = this.chunk.subarray(this.at);
    this.at = this.chunk.length;
    return rest;
  }

  private nextHeld(count: number): boolean {
    const { chunk, at, heldLength } = this;
    const length = Math.min(count, heldLength + chunk.length - at);
    this.grow(length, count);
    const end = at + length - heldLength;
    this.held.set(chunk.subarray(at, end), heldLength);
    if (length < count) {
      this.heldLength = length;
      this.chunk = emptyBytes;
      this.at = 0;
      return false;
    }
    this.at = end;
    this.heldLength = 0;
    this.buffer = this.held;
    this.start = 0;
    this.end = count;
    if (this.held.length > heldBytesKept) this.held = emptyBytes;
    return true;
  }

  private grow(length: number, count: number): void {
    if (length <= this.held.length) return;
    const room = Math.max(length, Math.min(count, this.held.length * 2), heldBytesMin);
    const grown = new Uint8Array(room);
    grown.set(this.held.subarray(0, this.heldLength));
    this.held = grown;
  }
}
