/**
 * Decides what stands behind the last good record of the last file: the rest of one write that a power cut interrupted
 * (it was never acknowledged and may be cut off), or damage to records that were acknowledged (the member must stop).
 *
 * What a power cut can leave: all writes but the last are whole; of the last one, any choice of its sectors arrived, the
 * others hold what was there before, which is zeros. So an interrupted write shows a frame field that is zero or true,
 * never another one, and the sectors that are missing are all zero. etcd (decoder.go, isTornEntry) asks for one zero sector
 * only, and then cuts off whatever follows; a sector that rotted to zeros in the middle of the file thus loses every
 * acknowledged entry behind it. Here two things stand against that:
 *
 * 1. frame and header must agree, unless the header itself lies in a missing sector;
 * 2. this log ends every write with a hard state record, and begins a write only when the one before is durable. A hard
 *    state record behind the gap that has still more data behind it therefore proves that the gap was once acknowledged.
 *
 * What stays undetected: damage to the last write that leaves a whole sector of zeros, in a file not followed by another
 * (a sector that holds the end of the last write but one belongs to that), and a flipped bit in a record of the last write
 * whose value has a sector of zeros of its own. (A file that was cut short is found by its size: segment-file.ts.) The server's check of the last index against
 * the backend's consistentIndex is the net below that. A log that an etcd wrote may hold a hard state record inside a
 * write: when such a log was torn, this rule can stop the member where etcd would have mended it.
 */
import { crc32c } from "../lib/crc32c.ts";
import {
  firstNonZero,
  frameBytes,
  frameLength,
  headerBytesMax,
  isZero,
  type ParseResult,
  paddedLength,
  parseHeader,
  parseRecord,
  RecordView,
  recordType,
  sectorBytes,
} from "./record.ts";

/** Why reading stopped at a place: `parseRecord`'s word, or a sum that does not fit. */
export type Stop = Exclude<ParseResult, "record"> | "badSum";

const zeros = Buffer.alloc(64 * 1024);

/** Position behind the last byte of the buffer that is not zero. */
export function endOfData(buffer: Buffer): number {
  let end = buffer.length;
  while (end > 0) {
    const start = Math.max(0, end - zeros.length);
    const block = buffer.subarray(start, end);
    if (!block.equals(end - start === zeros.length ? zeros : zeros.subarray(0, end - start))) break;
    end = start;
  }
  while (end > 0 && buffer[end - 1] === 0) end -= 1;
  return end;
}

const sectorEnd = (position: number): number =>
  (Math.floor(position / sectorBytes) + 1) * sectorBytes;

/** Undefined when the bytes from `offset` on can be the rest of an interrupted write; else what speaks against it. */
export function damageAt(buffer: Buffer, offset: number, stop: Stop): string | undefined {
  if (stop === "badFrame") return "the frame field is damaged";
  let searchFrom: number;
  if (stop === "end") {
    searchFrom = sectorEnd(offset);
    const at = firstNonZero(buffer, offset, Math.min(searchFrom, buffer.length));
    if (at >= 0)
      return `the frame field is zero, but data follows at offset ${at} of the same sector`;
  } else {
    if (buffer.length - offset < frameBytes) return undefined;
    const damage = recordDamage(buffer, offset, stop);
    if (damage !== undefined) return damage;
    searchFrom = offset + frameBytes + paddedLength(frameLength(buffer, offset));
  }
  const later = laterWrite(buffer, searchFrom);
  return later < 0 ? undefined : `data of a later write follows at offset ${later}`;
}

/** The part of `damageAt` for a record with a good frame field. */
function recordDamage(buffer: Buffer, offset: number, stop: Stop): string | undefined {
  const start = offset + frameBytes;
  const end = start + frameLength(buffer, offset);
  const lost = firstLostSector(buffer, offset, Math.min(end, buffer.length));
  const isHeaderGood = parseHeader(buffer, start, end, new RecordView());
  const isHeaderLost = lost >= 0 && lost < start + headerBytesMax;
  const isHeaderCut = stop === "short" && buffer.length - start < headerBytesMax;
  if (!isHeaderGood && !isHeaderLost && !isHeaderCut)
    return "frame field and record header disagree";
  if (stop === "short" || lost >= 0) return undefined;
  return "the checksum does not fit";
}

/**
 * Start of the first sector, or part of one, of the record at `offset` that holds zeros only; -1 for none. The sector of
 * the frame field did arrive; padding is zero anyway and says nothing, so `end` excludes it.
 */
function firstLostSector(buffer: Buffer, offset: number, end: number): number {
  for (let at = sectorEnd(offset); at < end; at += sectorBytes) {
    if (isZero(buffer, at, Math.min(end, at + sectorBytes))) return at;
  }
  return -1;
}

/** Position of data behind a hard state record that stands at or behind `from`; -1 for none. */
function laterWrite(buffer: Buffer, from: number): number {
  const dataEnd = endOfData(buffer);
  const record = new RecordView();
  let at = paddedLength(from);
  while (at < dataEnd) {
    // Records are found again by two neighbours whose sums fit: values of users could imitate a single one.
    if (parseRecord(buffer, at, record) !== "record" || !isContinued(buffer, record)) {
      at += 8;
      continue;
    }
    do {
      if (record.type === recordType.state && record.next < dataEnd) return record.next;
      at = record.next;
    } while (isContinued(buffer, record) && parseRecord(buffer, at, record) === "record");
    if (record.type === recordType.state && record.next < dataEnd) return record.next;
  }
  return -1;
}

const successor = new RecordView();

/** A record follows `record` whose sum continues its sum. */
function isContinued(buffer: Buffer, record: RecordView): boolean {
  if (parseRecord(buffer, record.next, successor) !== "record" || !successor.hasData) return false;
  return (
    crc32c(buffer.subarray(successor.dataStart, successor.dataEnd), record.crc) === successor.crc
  );
}
