/**
 * 64-bit integers of the wire format in the shapes the member computes with: an exact bigint, a `number` that saturates,
 * or two 32-bit halves (request ids, where a bigint per request would cost). DESIGN section 4, decision 6.
 */
import { type Reader, WireError, type Writer } from "./wire.ts";

/** An int64, exact. Small values take the short way. */
export function readInt64(reader: Reader): bigint {
  const start = reader.position;
  const value = reader.varint();
  if (value !== Infinity) return BigInt(value);
  reader.position = start;
  return reader.int64();
}

/**
 * An int64 as a number. Beyond 2^53-1 on either side it saturates at Number.MAX_SAFE_INTEGER or MIN_SAFE_INTEGER: a
 * revision that large is a future revision, a limit that large is no limit. Negative values stay negative.
 */
export function readSaturatedInt64(reader: Reader): number {
  const start = reader.position;
  const value = reader.varint();
  if (value !== Infinity) return value;
  reader.position = start;
  const exact = reader.int64();
  if (exact > 0n) return Number.MAX_SAFE_INTEGER;
  return exact < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : Number(exact);
}

/** An enum value: 32 bits of the varint, as Go takes them; it may be outside the named values. */
export function readEnum(reader: Reader): number {
  const start = reader.position;
  const value = reader.varint();
  if (value !== Infinity) return value | 0;
  reader.position = start;
  return Number(BigInt.asIntN(32, reader.varint64()));
}

/** A uint64 as two unsigned 32-bit numbers. */
export interface Uint64Halves {
  high: number;
  low: number;
}

export function readHalves(reader: Reader, into: Uint64Halves): void {
  const { buffer, end } = reader;
  let at = reader.position;
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= end) throw new WireError("unexpected EOF");
    const byte = buffer[at++] as number;
    const bits = byte & 0x7f;
    if (shift === 63 && byte > 1) break;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) {
      reader.position = at;
      into.low = low >>> 0;
      into.high = high >>> 0;
      return;
    }
  }
  throw new WireError("proto: integer overflow");
}

/** A uint64 varint from two unsigned 32-bit numbers. */
export function writeHalves(writer: Writer, high: number, low: number): void {
  writer.reserve(10);
  const { buffer } = writer;
  let at = writer.position;
  while (high !== 0 || low > 0x7f) {
    buffer[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  buffer[at++] = low;
  writer.position = at;
}

/** Bytes that `writeHalves` takes. */
export function halvesSize(high: number, low: number): number {
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  return bits === 0 ? 1 : Math.ceil(bits / 7);
}
