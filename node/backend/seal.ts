/**
 * The seal: the last key of every batch. It says what the batch held, so that a lost or changed part shows, and it carries
 * the applied position, so that the position moves with the data it covers. Numbers are big-endian.
 *
 *   0         1              9                     17         25             33              41
 *   | version | sequence u64 | consistentIndex u64 | term u64 | revision u64 | firstMain u64 | removedTo u64 |
 *   49              57                65             69             73            77
 *   | firstSeal u64 | liveRecords u64 | liveSumA u32 | liveSumB u32 | records u32 | recordsSum u32 |
 *   81                  85               89             93
 *   | bucketEntries u32 | bucketsSum u32 | previous u32 | crc u32 |                                             97 bytes
 *
 *   firstMain      main revision of this batch's first record, 0 when it has none
 *   removedTo      highest main revision that compaction ever removed a record of, 0 for none
 *   firstSeal      sequence of the oldest seal that is left: older ones, all at or below removedTo, were removed
 *   liveRecords, liveSumA, liveSumB   of all live records after this batch (live-totals.ts)
 *   recordsSum     CRC32C over the sums of this batch's records in order, each as u32 little-endian
 *   bucketEntries, bucketsSum   number of all live bucket entries after this batch, and their sums added mod 2^32
 *   previous       crc of the seal before, 0 in the first: the chain
 *   crc            CRC32C over the seal's key and all bytes above
 *
 * A batch that begins after removedTo holds exactly the records it was sealed with. Of the others some may have been removed:
 * they are held against the newest seal's totals.
 */
import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { logIndex, revision, term } from "../lib/units.ts";
import type { AppliedPosition } from "./backend.ts";
import type { LiveSums } from "./live-totals.ts";

/** Version of the whole layout: keys, record values, bucket values, seals. */
export const backendFormatVersion = 2;
export const sealBytes = 97;

const uint64Offsets = [1, 9, 17, 25, 33, 41, 49, 57] as const;
type Eight = [number, number, number, number, number, number, number, number];

export interface Seal {
  /** 1 for the first batch of a backend; grows by one with each. */
  readonly sequence: number;
  readonly position: AppliedPosition;
  readonly firstMain: number;
  readonly removedTo: number;
  readonly firstSeal: number;
  readonly live: LiveSums;
  readonly records: number;
  readonly recordsSum: number;
  readonly bucketEntries: number;
  readonly bucketsSum: number;
  readonly previous: number;
}

export const zeroPosition: AppliedPosition = {
  consistentIndex: logIndex(0),
  term: term(0),
  revision: revision(0),
};

function writeUint64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "seal field out of range", value);
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

/** NaN when the number is above 2^53: no seal of ours. */
function readUint64(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

export function encodeSeal(
  key: Uint8Array,
  seal: Seal,
): { readonly bytes: Uint8Array; readonly crc: number } {
  const bytes = new Uint8Array(sealBytes);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, backendFormatVersion);
  writeUint64(view, 1, seal.sequence);
  writeUint64(view, 9, seal.position.consistentIndex);
  writeUint64(view, 17, seal.position.term);
  writeUint64(view, 25, seal.position.revision);
  writeUint64(view, 33, seal.firstMain);
  writeUint64(view, 41, seal.removedTo);
  writeUint64(view, 49, seal.firstSeal);
  writeUint64(view, 57, seal.live.count);
  view.setUint32(65, seal.live.sumA);
  view.setUint32(69, seal.live.sumB);
  view.setUint32(73, seal.records);
  view.setUint32(77, seal.recordsSum);
  view.setUint32(81, seal.bucketEntries);
  view.setUint32(85, seal.bucketsSum);
  view.setUint32(89, seal.previous);
  const crc = crc32c(bytes.subarray(0, sealBytes - 4), crc32c(key));
  view.setUint32(sealBytes - 4, crc);
  return { bytes, crc };
}

/** The seal under `key` and its sum, or what is wrong with it. */
export function decodeSeal(
  key: Uint8Array,
  bytes: Uint8Array,
): { readonly seal: Seal; readonly crc: number } | string {
  if (bytes.length !== sealBytes) return `it has ${bytes.length} bytes instead of ${sealBytes}`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const crc = crc32c(bytes.subarray(0, sealBytes - 4), crc32c(key));
  if (view.getUint32(sealBytes - 4) !== crc) return "it has a bad checksum";
  if (view.getUint8(0) !== backendFormatVersion) return `it has format version ${view.getUint8(0)}`;
  const numbers = uint64Offsets.map((at) => readUint64(view, at));
  if (numbers.some((value) => Number.isNaN(value))) return "it holds a number above 2^53";
  const [sequence, index, atTerm, atRevision, firstMain, removedTo, firstSeal, count] =
    numbers as Eight;
  const seal: Seal = {
    sequence,
    position: {
      consistentIndex: logIndex(index),
      term: term(atTerm),
      revision: revision(atRevision),
    },
    firstMain,
    removedTo,
    firstSeal,
    live: { count, sumA: view.getUint32(65), sumB: view.getUint32(69) },
    records: view.getUint32(73),
    recordsSum: view.getUint32(77),
    bucketEntries: view.getUint32(81),
    bucketsSum: view.getUint32(85),
    previous: view.getUint32(89),
  };
  return { seal, crc };
}
