/** etcdserverpb.DeleteRangeRequest of the hot path; a reused view like PutRequestView. */
import { emptyBytes } from "../lib/bytes.ts";
import { Reader } from "./wire.ts";

const reader = new Reader(emptyBytes);

export class DeleteRangeRequestView {
  buffer: Uint8Array = emptyBytes;
  keyStart = 0;
  keyEnd = 0;
  /** Empty when rangeEndStart equals rangeEndEnd: the one key is meant. */
  rangeEndStart = 0;
  rangeEndEnd = 0;
  prevKv = false;

  /** Takes over the message in buffer[start, end). Throws WireError when it is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.keyStart = this.keyEnd = this.rangeEndStart = this.rangeEndEnd = start;
    this.prevKv = false;
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
          this.rangeEndStart = reader.start;
          this.rangeEndEnd = reader.stop;
          break;
        case 0x18:
          this.prevKv = reader.bool();
          break;
        default:
          reader.skip(tag);
      }
    }
  }
}
