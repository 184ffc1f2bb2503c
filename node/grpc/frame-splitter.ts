/**
 * Cuts a byte stream into frames. Frames that lie whole in a chunk are handed over in place; only a frame that a chunk
 * ends within is copied, so at most one frame per chunk is copied. Knows nothing of what frames mean.
 */
import { ConnectionError } from "./connection-error.ts";
import { errorCode, frameHeaderBytes, readUint24, readUint31 } from "./frame.ts";
import { frameBytesMax } from "./limits.ts";

export interface FrameSink {
  /** Payload is bytes[start, end), valid during the call only. False stops the cutting: the connection is over. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean;
}

export class FrameSplitter {
  private readonly sink: FrameSink;
  /** The begun frame; empty between frames. */
  private carry: Uint8Array = new Uint8Array(0);
  private carryLength = 0;

  constructor(sink: FrameSink) {
    this.sink = sink;
  }

  /** @throws ConnectionError FRAME_SIZE_ERROR, and whatever the sink throws. */
  push(chunk: Uint8Array, start: number): void {
    let at = start;
    if (this.carryLength > 0) {
      at = this.completeCarried(chunk, at);
      if (at < 0) return;
    }
    const end = chunk.length;
    while (end - at >= frameHeaderBytes) {
      const length = readUint24(chunk, at);
      if (length > frameBytesMax) throw frameTooLarge();
      const payload = at + frameHeaderBytes;
      const next = payload + length;
      if (next > end) break;
      const type = chunk[at + 3] as number;
      const flags = chunk[at + 4] as number;
      if (!this.sink.frame(type, flags, readUint31(chunk, at + 5), chunk, payload, next)) return;
      at = next;
    }
    if (at < end) this.keep(chunk, at, end);
  }

  /** Returns where the chunk goes on, or -1 when it is used up or the connection is over. */
  private completeCarried(chunk: Uint8Array, start: number): number {
    let at = start;
    if (this.carryLength < frameHeaderBytes) {
      const taken = Math.min(frameHeaderBytes - this.carryLength, chunk.length - at);
      this.keep(chunk, at, at + taken);
      at += taken;
      if (this.carryLength < frameHeaderBytes) return -1;
    }
    const { carry } = this;
    const length = readUint24(carry, 0);
    if (length > frameBytesMax) throw frameTooLarge();
    const missing = frameHeaderBytes + length - this.carryLength;
    const taken = Math.min(missing, chunk.length - at);
    this.keep(chunk, at, at + taken);
    if (taken < missing) return -1;
    const whole = this.carry;
    const end = this.carryLength;
    this.carryLength = 0;
    const type = whole[3] as number;
    const flags = whole[4] as number;
    const goesOn = this.sink.frame(type, flags, readUint31(whole, 5), whole, frameHeaderBytes, end);
    return goesOn ? at + taken : -1;
  }

  private keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.carryLength + to - from;
    if (needed > this.carry.length) {
      const grown = new Uint8Array(
        Math.min(Math.max(needed, 1024, this.carry.length * 2), frameHeaderBytes + frameBytesMax),
      );
      grown.set(this.carry.subarray(0, this.carryLength));
      this.carry = grown;
    }
    this.carry.set(chunk.subarray(from, to), this.carryLength);
    this.carryLength = needed;
  }
}

function frameTooLarge(): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, "frame larger than SETTINGS_MAX_FRAME_SIZE");
}
