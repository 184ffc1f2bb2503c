/**
 * The stored value of one record of the revision space:
 *
 *   | flags u8 | marshalled mvccpb.KeyValue ... | crc32c u32 LE |      flags: bit 0 = tombstone, the others zero
 *
 * The sum covers flags and KeyValue and starts from a mix of (main, sub), so that a value under another record's key does
 * not pass either. LevelDB itself verifies nothing when it reads (DESIGN section 2, rule 3).
 */
import { crc32c } from "../lib/crc32c.ts";
import { type RecordKind, recordKind } from "./backend.ts";

export const recordHeaderBytes = 1;
const recordOverheadBytes = 5;
const tombstoneFlag = 1;
const scratchBytesMin = 4096;

/**
 * Start value of a record's sum. Any two start values give different sums for the same bytes, and every step here is one
 * to one in its argument, so neighbours in main or sub never share one.
 */
export function recordSeed(main: number, sub: number): number {
  const high = Math.floor(main / 2 ** 32);
  return ((main >>> 0) ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(sub, 0x85ebca6b)) >>> 0;
}

/** Encodes records one after the other into one growing scratch buffer. */
export class RecordEncoder {
  /** Sum of the record that `encode` made last. */
  crc = 0;
  private scratch = new Uint8Array(scratchBytesMin);

  /** The result is valid until the next call. */
  encode(
    seed: number,
    kind: RecordKind,
    keyValue: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array {
    const sumAt = recordHeaderBytes + end - start;
    const size = sumAt + 4;
    if (size > this.scratch.length) this.scratch = new Uint8Array(2 ** Math.ceil(Math.log2(size)));
    const scratch = this.scratch;
    scratch[0] = kind === recordKind.tombstone ? tombstoneFlag : 0;
    scratch.set(keyValue.subarray(start, end), recordHeaderBytes);
    const crc = crc32c(scratch.subarray(0, sumAt), seed);
    this.crc = crc;
    scratch[sumAt] = crc;
    scratch[sumAt + 1] = crc >>> 8;
    scratch[sumAt + 2] = crc >>> 16;
    scratch[sumAt + 3] = crc >>> 24;
    return scratch.subarray(0, size);
  }
}

/** The sum that is stored in a record's value. Precondition: `stored` has at least `recordOverheadBytes`. */
export function storedRecordCrc(stored: Uint8Array): number {
  const at = stored.length - 4;
  return (
    ((stored[at] ?? 0) |
      ((stored[at + 1] ?? 0) << 8) |
      ((stored[at + 2] ?? 0) << 16) |
      ((stored[at + 3] ?? 0) << 24)) >>>
    0
  );
}

/** What is wrong with a stored value, or undefined. */
export function recordFault(stored: Uint8Array, seed: number): string | undefined {
  if (stored.length < recordOverheadBytes) return `its value has only ${stored.length} bytes`;
  const crc = crc32c(stored.subarray(0, stored.length - 4), seed);
  if (crc !== storedRecordCrc(stored)) return "its value has a bad checksum";
  if ((stored[0] ?? 0) > tombstoneFlag) return `its value has unknown flags ${stored[0]}`;
  return undefined;
}

/** Precondition: `recordFault` found nothing. */
export function storedRecordKind(stored: Uint8Array): RecordKind {
  return stored[0] === tombstoneFlag ? recordKind.tombstone : recordKind.put;
}

/** The KeyValue bytes of a stored value, as a view. Precondition: `recordFault` found nothing. */
export function storedKeyValue(stored: Uint8Array): Uint8Array {
  return stored.subarray(recordHeaderBytes, stored.length - 4);
}
