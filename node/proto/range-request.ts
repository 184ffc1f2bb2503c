/**
 * etcdserverpb.RangeRequest of the hot path; a reused view like PutRequestView. Numbers are int64 on the wire and
 * saturate here (see `readSaturatedInt64`); the two enums may hold values without a name, which rpc/ refuses.
 */
import { emptyBytes } from "../lib/bytes.ts";
import { readEnum, readSaturatedInt64 } from "./int64.ts";
import { Reader } from "./wire.ts";

/** RangeRequest.SortOrder. */
export const sortOrder = { none: 0, ascend: 1, descend: 2 } as const;
/** RangeRequest.SortTarget. */
export const sortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

const reader = new Reader(emptyBytes);

export class RangeRequestView {
  buffer: Uint8Array = emptyBytes;
  keyStart = 0;
  keyEnd = 0;
  /** Empty when rangeEndStart equals rangeEndEnd: the one key is meant. */
  rangeEndStart = 0;
  rangeEndEnd = 0;
  limit = 0;
  /** 0 or less for the newest. */
  revision = 0;
  sortOrder = 0;
  sortTarget = 0;
  serializable = false;
  keysOnly = false;
  countOnly = false;
  minModRevision = 0;
  maxModRevision = 0;
  minCreateRevision = 0;
  maxCreateRevision = 0;

  /** Takes over the message in buffer[start, end). Throws WireError when it is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.keyStart = this.keyEnd = this.rangeEndStart = this.rangeEndEnd = start;
    this.limit = this.revision = this.sortOrder = this.sortTarget = 0;
    this.serializable = this.keysOnly = this.countOnly = false;
    this.minModRevision = this.maxModRevision = this.minCreateRevision = this.maxCreateRevision = 0;
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
          this.limit = readSaturatedInt64(reader);
          break;
        case 0x20:
          this.revision = readSaturatedInt64(reader);
          break;
        default:
          this.readOption(tag);
      }
    }
  }

  /** The fields that few requests carry. */
  private readOption(tag: number): void {
    switch (tag) {
      case 0x28:
        this.sortOrder = readEnum(reader);
        return;
      case 0x30:
        this.sortTarget = readEnum(reader);
        return;
      case 0x38:
        this.serializable = reader.bool();
        return;
      case 0x40:
        this.keysOnly = reader.bool();
        return;
      case 0x48:
        this.countOnly = reader.bool();
        return;
      case 0x50:
        this.minModRevision = readSaturatedInt64(reader);
        return;
      case 0x58:
        this.maxModRevision = readSaturatedInt64(reader);
        return;
      case 0x60:
        this.minCreateRevision = readSaturatedInt64(reader);
        return;
      case 0x68:
        this.maxCreateRevision = readSaturatedInt64(reader);
        return;
      default:
        reader.skip(tag);
    }
  }
}
