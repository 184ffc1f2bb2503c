/**
 * The frame and the record of etcd's log (server/storage/wal: encoder.go, decoder.go; walpb/record.proto).
 *
 *     byte 0        7 8                                       8 + length        multiple of 8
 *     +-------------+------+--------+------+---------+--------+----------------+
 *     | frame field | 08 t | 10 crc | 1a n | n bytes of data  | 0-7 zero bytes |
 *     +-------------+------+--------+------+---------+--------+----------------+
 *
 * The frame field is little-endian: its low 56 bits count the record's bytes; when there is padding, the top byte is
 * 0x80 | padding. A frame field of zero ends the used part of a file. `crc` is the CRC32C over the data of all records
 * since the log began (it runs on over records and files), its own record included. Type, crc and frame are not summed;
 * `parseRecord` is strict about their shape, because that is what finds a flipped bit in them.
 */

export const recordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;

export const frameBytes = 8;
/** Longest header of a record: type, crc and the data's length. */
export const headerBytesMax = 2 + 6 + 6;
/** A disk writes a sector of this size whole or not at all (wal/decoder.go, minSectorSize). */
export const sectorBytes = 512;
/** No record reaches this size; it keeps offsets in 32 bits. */
export const recordBytesMax = 1 << 30;

/** Where a record stands in a buffer. Reused from record to record. */
export class RecordView {
  /** Start of the frame. */
  offset = 0;
  type = 0;
  crc = 0;
  /** The record has a data field (which may be empty). */
  hasData = false;
  dataStart = 0;
  dataEnd = 0;
  /** Start of the next frame. */
  next = 0;
}

/**
 * `end`: a zero frame field or the end of the buffer. `short`: the frame is well-formed and the record goes on behind
 * the end of the buffer. `badFrame`, `badRecord`: the bytes there are none that an encoder writes.
 */
export type ParseResult = "record" | "end" | "short" | "badFrame" | "badRecord";

/** Number of bytes the frame at `offset` announces without padding; -1 when no encoder writes such a frame. */
export function frameLength(buffer: Buffer, offset: number): number {
  const low = buffer.readUInt32LE(offset);
  const high = buffer.readUInt32LE(offset + 4);
  const padding = (8 - (low & 7)) & 7;
  const top = padding === 0 ? 0 : 0x80 | padding;
  return high === top * 0x1000000 && low < recordBytesMax ? low : -1;
}

export const paddedLength = (length: number): number => (length + 7) & ~7;

/** Reads frame and header at `offset`; the sum is not checked here. */
export function parseRecord(buffer: Buffer, offset: number, into: RecordView): ParseResult {
  const left = buffer.length - offset;
  if (left < frameBytes) return isZero(buffer, offset, buffer.length) ? "end" : "short";
  if (buffer.readUInt32LE(offset) === 0 && buffer.readUInt32LE(offset + 4) === 0) return "end";
  const length = frameLength(buffer, offset);
  if (length < 0) return "badFrame";
  const next = offset + frameBytes + paddedLength(length);
  if (next > buffer.length) return "short";
  into.offset = offset;
  into.next = next;
  return parseHeader(buffer, offset + frameBytes, offset + frameBytes + length, into)
    ? "record"
    : "badRecord";
}

/** Reads the header at `start`; true when it is well-formed and its data ends at `end`. `end` may lie behind the buffer. */
export function parseHeader(buffer: Buffer, start: number, end: number, into: RecordView): boolean {
  if (end - start < 4 || buffer[start] !== 0x08 || buffer[start + 2] !== 0x10) return false;
  into.type = buffer[start + 1] as number;
  varintValue = 0;
  let at = readVarint32(buffer, start + 3);
  if (at < 0) return false;
  into.crc = varintValue;
  into.hasData = at !== end;
  into.dataStart = at;
  into.dataEnd = at;
  if (!into.hasData) return true;
  if (buffer[at] !== 0x1a) return false;
  at = readVarint32(buffer, at + 1);
  if (at < 0 || at + varintValue !== end) return false;
  into.dataStart = at;
  into.dataEnd = end;
  return true;
}

/** The value that `readVarint32` read last. */
let varintValue = 0;

/** Reads a minimal varint of at most 32 bits; the position behind it, or -1. */
function readVarint32(buffer: Buffer, start: number): number {
  let value = 0;
  let scale = 1;
  for (let at = start; at < start + 5; at++) {
    const byte = buffer[at];
    if (byte === undefined) return -1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      varintValue = value;
      const isMinimal = byte !== 0 || at === start;
      return isMinimal && value <= 0xffffffff ? at + 1 : -1;
    }
    scale *= 0x80;
  }
  return -1;
}

/** Position of the first byte that is not zero in `buffer[start, end)`, or -1. */
export function firstNonZero(buffer: Buffer, start: number, end: number): number {
  let at = start;
  const words = Math.min(end, buffer.length) - 4;
  while (at <= words && buffer.readUInt32LE(at) === 0) at += 4;
  for (; at < end; at++) if (buffer[at] !== 0) return at;
  return -1;
}

export const isZero = (buffer: Buffer, start: number, end: number): boolean =>
  firstNonZero(buffer, start, end) < 0;
