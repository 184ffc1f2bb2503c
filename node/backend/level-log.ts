/**
 * LevelDB's log format, which its write-ahead logs and its manifest share, and the judgement of what stands at a log's end. LevelDB
 * itself drops what it cannot read, from the middle too, and goes on: each log is therefore read here before LevelDB does.
 *
 *   blocks of 32 KiB:  | record | record | ... | zeros where less than 7 bytes are left |
 *   record:            | masked crc32c u32 LE over type and data | length u16 LE | type u8 | data |     type: 1 whole, 2 first,
 *                                                                                                       3 middle, 4 last part
 *
 * Every batch is synced before the next is begun. So a power cut leaves all batches but the last whole; of the last one, sectors may
 * be missing (zeros) or the file may end early. All else is damage to what was acknowledged. Not told apart from a cut: damage to the
 * last batch that leaves a sector of zeros, and a file cut short. Both lose whole batches from the end only.
 *
 * Source: doc/log_format.txt of LevelDB.
 */
import { crc32c } from "../lib/crc32c.ts";

const blockBytes = 32768;
const headerBytes = 7;
const sectorBytes = 512;
const part = { zero: 0, whole: 1, first: 2, middle: 3, last: 4 } as const;

export interface LogFault {
  /** What a power cut leaves of the last batch, or damage. */
  readonly kind: "torn" | "damaged";
  readonly what: string;
}

/** LevelDB stores sums like this, so that sums of data that holds sums stay good. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Hands over each whole record; returns what is wrong with the log, or undefined when it is sound to its last byte. */
export function readLevelLog(
  bytes: Uint8Array,
  visit?: (record: Uint8Array) => void,
): LogFault | undefined {
  return new LevelLog(bytes).read(visit);
}

class LevelLog {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(visit: ((record: Uint8Array) => void) | undefined): LogFault | undefined {
    const { bytes } = this;
    let parts: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      const blockLeft = blockBytes - (at % blockBytes);
      if (blockLeft < headerBytes) {
        if (!isZero(bytes, at, at + blockLeft)) return damage(at, "data where a block must end");
        at += blockLeft;
      }
      if (at >= bytes.length) break;
      if (!this.isSound(at)) return this.judge(at);
      const type = bytes[at + 6] as number;
      const isStart = type === part.whole || type === part.first;
      if (isStart === parts.length > 0) return damage(at, "a part of a batch is missing");
      const end = at + headerBytes + this.lengthAt(at);
      parts.push(bytes.subarray(at + headerBytes, end));
      if (type === part.whole || type === part.last) {
        visit?.(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
        parts = [];
      }
      at = end;
    }
    return parts.length > 0 ? { kind: "torn", what: "its last batch is not complete" } : undefined;
  }

  private lengthAt(at: number): number {
    return this.view.getUint16(at + 4, true);
  }

  /** A complete record with a good sum begins at `at`. */
  private isSound(at: number): boolean {
    const { bytes, view } = this;
    if (at + headerBytes > bytes.length) return false;
    const end = at + headerBytes + this.lengthAt(at);
    if (end > bytes.length || end > blockEnd(at)) return false;
    const type = bytes[at + 6] as number;
    if (type < part.whole || type > part.last) return false;
    return view.getUint32(at, true) === maskedCrc(crc32c(bytes.subarray(at + 6, end)));
  }

  /** What to think of a log that cannot be read from `at` on. */
  private judge(at: number): LogFault {
    const { bytes } = this;
    const torn: LogFault = { kind: "torn", what: `its last batch ends at offset ${at}` };
    if (isZero(bytes, at, bytes.length)) return torn;
    const later = this.laterBatch(at);
    if (later >= 0) return damage(at, `a later batch follows at ${later}`);
    if (at + headerBytes > bytes.length) return torn;
    const sectorEnd = (Math.floor(at / sectorBytes) + 1) * sectorBytes;
    if (isZero(bytes, at, Math.min(sectorEnd, at + headerBytes))) {
      // The sector that the batch begins in did not arrive, and nothing of it did.
      return isZero(bytes, at, Math.min(sectorEnd, bytes.length))
        ? torn
        : damage(at, "data follows zeros");
    }
    const end = at + headerBytes + this.lengthAt(at);
    if (end > blockEnd(at)) return damage(at, "a record is longer than its block");
    if (end > bytes.length) {
      return this.isLengthWrong(at) ? damage(at, "a record's length is not its own") : torn;
    }
    return hasZeroSector(bytes, at, end) ? torn : damage(at, "bad checksum");
  }

  /** The record at `at`, said to be longer than the file, is sound with another length. */
  private isLengthWrong(at: number): boolean {
    const { bytes, view } = this;
    const stored = view.getUint32(at, true);
    let crc = crc32c(bytes.subarray(at + 6, at + headerBytes));
    for (let end = at + headerBytes; end <= bytes.length; end++) {
      if (maskedCrc(crc) === stored) return true;
      crc = crc32c(bytes.subarray(end, end + 1), crc);
    }
    return false;
  }

  /** Where behind `at` a batch begins that was written later; -1 for nowhere. It proves that what is at `at` was acknowledged. */
  private laterBatch(at: number): number {
    const { bytes } = this;
    for (let next = at + 1; next + headerBytes <= bytes.length; ) {
      const type = bytes[next + 6] as number;
      const isStart = type === part.whole || type === part.first;
      // An empty record proves nothing: its sum covers one byte.
      if (isStart && this.lengthAt(next) > 0 && this.isSound(next)) return next;
      next++;
    }
    return -1;
  }
}

const damage = (at: number, what: string): LogFault => ({
  kind: "damaged",
  what: `${what} (offset ${at})`,
});

const blockEnd = (at: number): number => (Math.floor(at / blockBytes) + 1) * blockBytes;

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end && at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** A sector, or the part of one that lies in [start, end), is all zeros; the last bytes say little and do not count. */
function hasZeroSector(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    if (isZero(bytes, at, next)) return true;
    at = next;
  }
  return false;
}
