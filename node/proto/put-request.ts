/**
 * etcdserverpb.PutRequest of the hot path: decoded in place, as offsets into the buffer it arrived in.
 * The view is reused from request to request; it holds no copy, so it is valid as long as its buffer is.
 */
import { emptyBytes } from "../lib/bytes.ts";
import { readInt64 } from "./int64.ts";
import { Reader } from "./wire.ts";

const reader = new Reader(emptyBytes);

export class PutRequestView {
  buffer: Uint8Array = emptyBytes;
  /** Key and value stand in buffer[keyStart, keyEnd) and buffer[valueStart, valueEnd); absent ones are empty. */
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  lease = 0n;
  prevKv = false;
  ignoreValue = false;
  ignoreLease = false;

  /** Takes over the message in buffer[start, end). Throws WireError when it is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    this.lease = 0n;
    this.prevKv = this.ignoreValue = this.ignoreLease = false;
    this.merge(buffer, start, end);
  }

  /** Like `decode`, but keeps what the message does not mention: how a repeated embedded message is read. */
  merge(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    reader.reset(buffer, start, end);
    while (!reader.isDone) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          reader.bytes();
          this.keyStart = reader.start;
          this.keyEnd = reader.stop;
          break;
        case 0x12:
          reader.bytes();
          this.valueStart = reader.start;
          this.valueEnd = reader.stop;
          break;
        case 0x18:
          this.lease = readInt64(reader);
          break;
        case 0x20:
          this.prevKv = reader.bool();
          break;
        case 0x28:
          this.ignoreValue = reader.bool();
          break;
        case 0x30:
          this.ignoreLease = reader.bool();
          break;
        default:
          reader.skip(tag);
      }
    }
  }
}
