/**
 * Puts a request message together that did not arrive in one DATA frame (gRPC over HTTP/2, "Length-Prefixed-Message").
 * Memory follows what has arrived, not what the prefix promises.
 *
 *  | compressed flag (1) | length (4, big endian) | message (length) |
 */
import { readUint32 } from "./frame.ts";

export const messagePrefixBytes = 5;

export class MessageAssembler {
  /** Prefix and message; `length` bytes of it have arrived. */
  bytes: Uint8Array = new Uint8Array(64);
  length = 0;

  get hasPrefix(): boolean {
    return this.length >= messagePrefixBytes;
  }

  get messageLength(): number {
    return readUint32(this.bytes, 1);
  }

  get isComplete(): boolean {
    return this.hasPrefix && this.length === messagePrefixBytes + this.messageLength;
  }

  /** Takes what belongs to the prefix or, once that is whole, to the message; returns how many bytes were taken. */
  take(chunk: Uint8Array, start: number, end: number): number {
    const wanted = this.hasPrefix ? messagePrefixBytes + this.messageLength : messagePrefixBytes;
    const taken = Math.min(wanted - this.length, end - start);
    const needed = this.length + taken;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(
        Math.min(wanted, Math.max(needed, this.bytes.length * 2, 32_768)),
      );
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(chunk.subarray(start, start + taken), this.length);
    this.length = needed;
    return taken;
  }
}
