/**
 * The protobuf wire format by hand, for the messages of the hot path: no object per field, no view per value.
 * Cold messages use the generated codecs beside this file (`generated/`).
 */

import { cloneBytes } from "../lib/bytes.ts";

/** Malformed protobuf bytes. The caller turns it into a refused request, or into corruption when the bytes came from disk. */
export class WireError extends Error {
  override readonly name = "WireError";
}

export const wireType = {
  varint: 0,
  fixed64: 1,
  bytes: 2,
  startGroup: 3,
  endGroup: 4,
  fixed32: 5,
} as const;

/** The first byte or bytes of a field, as a number: field number and wire type. */
export const tagOf = (field: number, type: number): number => field * 8 + type;

/** Bytes that `value` takes as a varint; values from 0 to 2^53-1. */
export function varintSize(value: number): number {
  let size = 1;
  while (value >= 0x80) {
    value = Math.floor(value / 0x80);
    size += 1;
  }
  return size;
}

/**
 * A growing output buffer. Positions stay valid when it grows; `buffer` itself is replaced, so read it anew after a write.
 * Reused across messages: `reset` keeps the memory.
 */
export class Writer {
  buffer: Uint8Array;
  position = 0;

  constructor(capacity = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  reset(): void {
    this.position = 0;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, this.position));
      this.buffer = grown;
    }
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  /** A varint from 0 to 2^53-1. */
  varint(value: number): void {
    this.reserve(8);
    const { buffer } = this;
    let at = this.position;
    while (value > 0x7fffffff) {
      buffer[at++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    let low = value | 0;
    while (low > 0x7f) {
      buffer[at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    buffer[at++] = low;
    this.position = at;
  }

  /** Any 64-bit value as a varint; negative ones in two's complement, ten bytes, as int64 demands. */
  varint64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.buffer[this.position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.position++] = Number(rest);
  }

  /** Raw bytes without a length. */
  raw(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const { buffer } = this;
    let at = this.position;
    if (length < 24) {
      for (let from = start; from < end; from++) buffer[at++] = source[from] as number;
    } else {
      buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
    }
    this.position += length;
  }

  /** A number field; nothing for 0, as proto3 does. */
  numberField(field: number, value: number): void {
    if (value === 0) return;
    this.varint(tagOf(field, wireType.varint));
    this.varint(value);
  }

  bigintField(field: number, value: bigint): void {
    if (value === 0n) return;
    this.varint(tagOf(field, wireType.varint));
    this.varint64(value);
  }

  boolField(field: number, value: boolean): void {
    if (!value) return;
    this.varint(tagOf(field, wireType.varint));
    this.byte(1);
  }

  /** A bytes or string field, or an embedded message; written even when empty. */
  bytesField(field: number, source: Uint8Array, start = 0, end: number = source.length): void {
    this.varint(tagOf(field, wireType.bytes));
    this.varint(end - start);
    this.raw(source, start, end);
  }

  /**
   * Opens an embedded message of unknown length; close it with `endMessage(mark)`. One byte is set aside for the length;
   * a message of 128 bytes or more is moved to make room.
   */
  beginMessage(field: number): number {
    this.varint(tagOf(field, wireType.bytes));
    this.reserve(1);
    this.position += 1;
    return this.position;
  }

  endMessage(mark: number): void {
    const length = this.position - mark;
    if (length < 0x80) {
      this.buffer[mark - 1] = length;
      return;
    }
    const extra = varintSize(length) - 1;
    this.reserve(extra);
    this.buffer.copyWithin(mark + extra, mark, mark + length);
    this.position = mark - 1;
    this.varint(length);
    this.position = mark + extra + length;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return cloneBytes(this.buffer, 0, this.position);
  }
}

/**
 * A cursor over `buffer[position, end)`. Reused: `reset` it onto the next message. Every read checks the end and throws
 * WireError; after `bytes()` the field's place is in `start` and `stop`.
 */
export class Reader {
  buffer: Uint8Array;
  position: number;
  end: number;
  /** Place of the last length-delimited field read by `bytes()`. */
  start = 0;
  stop = 0;

  constructor(buffer: Uint8Array, position = 0, end: number = buffer.length) {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  reset(buffer: Uint8Array, position = 0, end: number = buffer.length): void {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
  }

  get isDone(): boolean {
    return this.position >= this.end;
  }

  /** The next field's tag (see `tagOf`). */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffffffff) throw new WireError("proto: illegal field number");
    return tag;
  }

  /** A varint below 2^53; a larger one saturates to Infinity, so that a caller cannot take it for a small number. */
  varint(): number {
    const { buffer } = this;
    let at = this.position;
    if (at >= this.end) throw new WireError("unexpected EOF");
    let byte = buffer[at++] as number;
    if (byte < 0x80) {
      this.position = at;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 0x80;
    for (let count = 1; count < 10; count++) {
      if (at >= this.end) throw new WireError("unexpected EOF");
      byte = buffer[at++] as number;
      if (count === 9 && byte > 1) break;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.position = at;
        return value <= Number.MAX_SAFE_INTEGER ? value : Infinity;
      }
      scale *= 0x80;
    }
    throw new WireError("proto: integer overflow");
  }

  /** A whole 64-bit varint, unsigned. */
  varint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.position >= this.end) throw new WireError("unexpected EOF");
      const byte = this.buffer[this.position++] as number;
      if (shift === 63n && byte > 1) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError("proto: integer overflow");
  }

  /** An int64: a varint in two's complement. */
  int64(): bigint {
    return BigInt.asIntN(64, this.varint64());
  }

  bool(): boolean {
    return this.varint() !== 0;
  }

  /** Steps over a length-delimited field and leaves its place in `start` and `stop`. */
  bytes(): void {
    const length = this.varint();
    if (length > this.end - this.position) throw new WireError("unexpected EOF");
    this.start = this.position;
    this.stop = this.position + length;
    this.position = this.stop;
  }

  /** A view of the next length-delimited field; copy it to keep it. */
  view(): Uint8Array {
    this.bytes();
    return this.buffer.subarray(this.start, this.stop);
  }

  /** Steps over the value of an unknown field. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint();
        return;
      case wireType.fixed64:
        this.advance(8);
        return;
      case wireType.bytes:
        this.bytes();
        return;
      case wireType.fixed32:
        this.advance(4);
        return;
      case wireType.startGroup:
        this.skipGroup(tag);
        return;
      default:
        throw new WireError("proto: illegal wireType");
    }
  }

  private advance(count: number): void {
    if (count > this.end - this.position) throw new WireError("unexpected EOF");
    this.position += count;
  }

  private skipGroup(startTag: number): void {
    const open = [startTag];
    while (open.length > 0) {
      const tag = this.tag();
      if ((tag & 7) === wireType.startGroup) open.push(tag);
      else if ((tag & 7) !== wireType.endGroup) this.skip(tag);
      else if (open.pop() !== tag - 1) throw new WireError("proto: unexpected end of group");
    }
  }
}
