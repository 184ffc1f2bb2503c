/**
 * Where things lie in LevelDB's one ordered key space. The order is chosen so that LevelDB never has to merge the hot data:
 *
 *   0x08                                             format marker, written once with the first batch
 *   0x10 | main | sub | 0x00                         record of the revision space, 15 bytes
 *   0x10 | main | sub | 0x01 | sequence              seal: directly after the last record of its batch, 23 bytes
 *   0x10 | main | sub | 0x02                         never holds anything, is deleted only (level-rewrite.ts), 15 bytes
 *   0x20 | bucket id | key                           entry of a bucket
 *
 *   main, sequence: 8 digits of 7 bits, highest first (53 bits used)      sub: 5 digits of 7 bits (32 bits used)
 *
 * 1. Keys of the revision space grow with every batch, seals included (their sequence grows even where the revision does
 *    not). A flushed memtable lies after all tables before it, and LevelDB moves it down as it is: 1,000,000 records of 300
 *    bytes were written 2.0 times (log and one table), none was merged.
 * 2. A memtable that holds bucket entries too overlaps others that do, and is merged with them: with 20 lease changes for
 *    each 10,000 records, each byte was written 3.1 times after 1,000,000 records, 3.7 after 2,300,000 (16 MiB memtables;
 *    2.3 with 64 MiB). Buckets before or after the revision space measured alike.
 * 3. Digits of 7 bits make keys ASCII, so that iterators may hand them over as one-byte strings: 660,000 entries/s against
 *    390,000 with keys as byte arrays (300,000 records of 300 bytes). A flipped high bit becomes U+FFFD and is refused.
 */
import { toText } from "../lib/bytes.ts";

export const formatMarkerKey: Uint8Array = Uint8Array.of(0x08);
/** Bounds of a part of the revision space, as an iterator with string keys wants them. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}
export const revisionSpace: KeyRange = { gte: "\x10", lt: "\x11" };
/** Bounds of all buckets. */
export const bucketSpace = { gte: Uint8Array.of(0x20), lt: Uint8Array.of(0x21) } as const;

const revisionPrefix = 0x10;
const bucketPrefix = 0x20;
const keyKind = { record: 0, seal: 1, rewrite: 2 } as const;

export const recordKeyBytes = 15;
const sealKeyBytes = 23;
export const subMax = 0xffff_ffff;

const twoTo28 = 2 ** 28;

/** Writes a safe integer as 8 digits of 7 bits; the upper half has 25 bits at most. */
function write53(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / twoTo28);
  const low = value % twoTo28;
  bytes[at] = high >>> 21;
  bytes[at + 1] = (high >>> 14) & 0x7f;
  bytes[at + 2] = (high >>> 7) & 0x7f;
  bytes[at + 3] = high & 0x7f;
  bytes[at + 4] = low >>> 21;
  bytes[at + 5] = (low >>> 14) & 0x7f;
  bytes[at + 6] = (low >>> 7) & 0x7f;
  bytes[at + 7] = low & 0x7f;
}

/** Fills `key[0, 15)`. Precondition: main is a safe integer and sub has 32 bits, neither negative. */
export function writeRecordKey(key: Uint8Array, main: number, sub: number): void {
  key[0] = revisionPrefix;
  write53(key, 1, main);
  key[9] = sub >>> 28;
  key[10] = (sub >>> 21) & 0x7f;
  key[11] = (sub >>> 14) & 0x7f;
  key[12] = (sub >>> 7) & 0x7f;
  key[13] = sub & 0x7f;
  key[14] = keyKind.record;
}

/** Key of the seal whose batch ends, or the last batch with records ended, with the record (main, sub). */
export function sealKey(main: number, sub: number, sequence: number): Uint8Array {
  const key = new Uint8Array(sealKeyBytes);
  writeRecordKey(key, main, sub);
  key[14] = keyKind.seal;
  write53(key, 15, sequence);
  return key;
}

/** A key between those of records and seals that never holds anything. */
export function rewriteKey(main: number): Uint8Array {
  const key = new Uint8Array(recordKeyBytes);
  writeRecordKey(key, main, 0);
  key[14] = keyKind.rewrite;
  return key;
}

/** Records and seals with main revisions up to `main`. */
export function revisionsUpTo(main: number): KeyRange {
  const key = new Uint8Array(recordKeyBytes);
  writeRecordKey(key, main + 1, 0);
  return { gte: revisionSpace.gte, lt: toText(key) };
}

export function bucketKey(bucketId: number, key: Uint8Array): Uint8Array {
  const stored = new Uint8Array(key.length + 2);
  stored[0] = bucketPrefix;
  stored[1] = bucketId;
  stored.set(key, 2);
  return stored;
}

/** Takes apart the keys of the revision space, one at a time, without an object for each. */
export class RevisionKey {
  main = 0;
  sub = 0;
  isSeal = false;
  /** Of a seal; 0 for a record. */
  sequence = 0;

  /** False when `key` is none that we write; the fields mean nothing then. */
  parse(key: string): boolean {
    const kind = key.charCodeAt(14);
    this.isSeal = kind === keyKind.seal;
    if (!this.isSeal && kind !== keyKind.record) return false;
    if (key.length !== (this.isSeal ? sealKeyBytes : recordKeyBytes)) return false;
    const subHigh = key.charCodeAt(9);
    const subLow = digits4(key, 10);
    this.main = read53(key, 1);
    this.sub = subHigh * twoTo28 + subLow;
    this.sequence = this.isSeal ? read53(key, 15) : 0;
    return (
      this.main >= 0 &&
      this.sequence >= 0 &&
      subLow >= 0 &&
      subHigh < 16 &&
      key.charCodeAt(0) === revisionPrefix
    );
  }
}

/** Four digits as 28 bits, or -1 when a character is no digit. */
function digits4(key: string, at: number): number {
  const a = key.charCodeAt(at);
  const b = key.charCodeAt(at + 1);
  const c = key.charCodeAt(at + 2);
  const d = key.charCodeAt(at + 3);
  return (a | b | c | d) < 0x80 ? (a << 21) | (b << 14) | (c << 7) | d : -1;
}

/** Eight digits, or -1 when they are none or more than 53 bits. */
function read53(key: string, at: number): number {
  const high = digits4(key, at);
  const low = digits4(key, at + 4);
  return high < 0 || high >= 2 ** 25 || low < 0 ? -1 : high * twoTo28 + low;
}
