/**
 * Builds the bytes of one log write: whole records, one behind the other, in one slab that is reused from write to write.
 * Keeps the running sum. Does no I/O; see record.ts for the format.
 */
import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { varintSize, Writer } from "../proto/wire.ts";
import { type Entry, entryType, type HardState } from "../raft/types.ts";
import { frameBytes, recordBytesMax, recordType } from "./record.ts";
import { encodeSnapshot, type WalSnapshot, writeHardState } from "./walpb.ts";

const slabBytes = 256 * 1024;
/** A slab that one large write made longer than this is not kept. */
const slabBytesKept = 8 * 1024 * 1024;
/** A record's header when the sum takes five bytes (15 times of 16) and without the data's length. */
const headerBytes = 2 + 6 + 1;

export class RecordEncoder {
  /** CRC32C over all data since the log began. */
  crc: number;
  private out = new Writer(slabBytes);
  private frameStart = 0;

  constructor(crc: number) {
    this.crc = crc;
  }

  /** `bytes[0, length)` is what was appended since `reset`. */
  get bytes(): Uint8Array {
    return this.out.buffer;
  }

  get length(): number {
    return this.out.position;
  }

  /** Forgets the bytes, keeps the sum. Only when no write uses the slab. */
  reset(): void {
    if (this.out.buffer.length > slabBytesKept) this.out = new Writer(slabBytes);
    this.out.reset();
  }

  entry(entry: Entry): void {
    const { term, index, type, data } = entry;
    const length = data.length;
    let size = 2 + varintSize(term) + varintSize(index);
    if (type !== entryType.normal) size += 2;
    if (length > 0) size += 1 + varintSize(length) + length;
    assert(size < recordBytesMax, "entry too large for the log", size);
    this.begin(size);
    const { out } = this;
    if (type !== entryType.normal) out.numberField(1, type);
    out.byte(0x10);
    out.varint(term);
    out.byte(0x18);
    out.varint(index);
    if (length > 0) {
      out.byte(0x22);
      out.varint(length);
      out.raw(data, 0, length);
    }
    this.end(recordType.entry, size);
  }

  state(state: HardState): void {
    // Always below 128 bytes, so the length takes one byte whatever it is.
    this.begin(0);
    const start = this.out.position;
    writeHardState(this.out, state);
    this.end(recordType.state, this.out.position - start);
  }

  snapshot(snapshot: WalSnapshot): void {
    this.data(recordType.snapshot, encodeSnapshot(snapshot));
  }

  metadata(encoded: Uint8Array): void {
    this.data(recordType.metadata, encoded);
  }

  /** The record that begins every file: the sum handed over from the file before. */
  handOver(): void {
    const { out } = this;
    this.frameStart = out.position;
    out.reserve(2 * frameBytes + headerBytes);
    out.position += frameBytes;
    this.header(recordType.crc);
    this.frame();
  }

  private data(type: number, bytes: Uint8Array): void {
    this.begin(bytes.length);
    this.out.raw(bytes, 0, bytes.length);
    this.end(type, bytes.length);
  }

  /** Leaves room for frame and header: the sum in the header is known only behind the data. */
  private begin(dataSize: number): void {
    const { out } = this;
    const room = frameBytes + headerBytes + varintSize(dataSize);
    out.reserve(room + dataSize + 64);
    this.frameStart = out.position;
    out.position += room;
  }

  private end(type: number, size: number): void {
    const { out, frameStart } = this;
    const { buffer } = out;
    const dataEnd = out.position;
    const dataStart = dataEnd - size;
    this.crc = crc32c(buffer.subarray(dataStart, dataEnd), this.crc);
    const spare = 5 - varintSize(this.crc);
    if (spare > 0) buffer.copyWithin(dataStart - spare, dataStart, dataEnd);
    out.position = frameStart + frameBytes;
    this.header(type);
    out.byte(0x1a);
    out.varint(size);
    out.position += size;
    this.frame();
  }

  private header(type: number): void {
    const { out } = this;
    out.byte(0x08);
    out.byte(type);
    out.byte(0x10);
    out.varint(this.crc);
  }

  /** Writes the frame field of the record that ends here, and the padding. */
  private frame(): void {
    const { out, frameStart } = this;
    const { buffer } = out;
    const length = out.position - frameStart - frameBytes;
    const padding = (8 - (length & 7)) & 7;
    buffer[frameStart] = length & 0xff;
    buffer[frameStart + 1] = (length >>> 8) & 0xff;
    buffer[frameStart + 2] = (length >>> 16) & 0xff;
    buffer[frameStart + 3] = length >>> 24;
    buffer[frameStart + 4] = 0;
    buffer[frameStart + 5] = 0;
    buffer[frameStart + 6] = 0;
    buffer[frameStart + 7] = padding === 0 ? 0 : 0x80 | padding;
    for (let count = 0; count < padding; count++) buffer[out.position++] = 0;
  }
}
