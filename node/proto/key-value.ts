/** mvccpb.KeyValue of the hot path: encoded once when a key is written, and copied from then on. */
import { emptyBytes } from "../lib/bytes.ts";
import { readInt64, readSaturatedInt64 } from "./int64.ts";
import { Reader, type Writer } from "./wire.ts";

/** What stands beside key and value. */
export interface KeyValueMeta {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0n for none. */
  readonly lease: bigint;
}

/** A place in a buffer: bytes[start, end). */
export interface Slice {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Appends the message's fields, without tag and length. */
export function writeKeyValue(writer: Writer, key: Slice, value: Slice, meta: KeyValueMeta): void {
  if (key.end > key.start) writer.bytesField(1, key.buffer, key.start, key.end);
  writer.numberField(2, meta.createRevision);
  writer.numberField(3, meta.modRevision);
  writer.numberField(4, meta.version);
  if (value.end > value.start) writer.bytesField(5, value.buffer, value.start, value.end);
  writer.bigintField(6, meta.lease);
}

const reader = new Reader(emptyBytes);

/** A KeyValue decoded in place; reused. */
export class KeyValueView implements KeyValueMeta {
  buffer: Uint8Array = emptyBytes;
  keyStart = 0;
  keyEnd = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  valueStart = 0;
  valueEnd = 0;
  lease = 0n;

  /** Throws WireError when buffer[start, end) is malformed; the view is then undefined. */
  decode(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    this.createRevision = this.modRevision = this.version = 0;
    this.lease = 0n;
    reader.reset(buffer, start, end);
    while (!reader.isDone) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          reader.bytes();
          this.keyStart = reader.start;
          this.keyEnd = reader.stop;
          break;
        case 0x10:
          this.createRevision = readSaturatedInt64(reader);
          break;
        case 0x18:
          this.modRevision = readSaturatedInt64(reader);
          break;
        case 0x20:
          this.version = readSaturatedInt64(reader);
          break;
        case 0x2a:
          reader.bytes();
          this.valueStart = reader.start;
          this.valueEnd = reader.stop;
          break;
        case 0x30:
          this.lease = readInt64(reader);
          break;
        default:
          reader.skip(tag);
      }
    }
  }
}
