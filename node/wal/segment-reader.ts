/**
 * Reads the records of consecutive segments in order and checks the chain of sums over them (wal/decoder.go). Only the
 * last file may end in an interrupted write; anything else that is not as written is a CorruptionError with file and offset.
 */
import { CorruptionError } from "../lib/corruption-error.ts";
import { crc32c } from "../lib/crc32c.ts";
import type { Fs } from "../lib/ports.ts";
import { WireError } from "../proto/wire.ts";
import { isZero, parseRecord, RecordView, recordType } from "./record.ts";
import { damageAt, endOfData, type Stop } from "./torn-tail.ts";
import { RecordError } from "./walpb.ts";

/** Takes one record; throws RecordError or WireError when its content is not what an etcd writes. */
export type RecordVisitor = (buffer: Buffer, record: RecordView) => void;

/** Where the last file's records end and what stands behind them. */
export interface Tail {
  readonly path: string;
  /** The running sum behind the last record. */
  readonly crc: number;
  /** Position behind the last record. */
  readonly end: number;
  /** Position behind the last byte that is not zero; greater than `end` only when a write was interrupted. */
  readonly dataEnd: number;
  readonly fileBytes: number;
  /** The bytes at `end` begin a record that is not whole; otherwise they are zeros, or the file ends. */
  readonly isTorn: boolean;
}

export async function readSegments(
  fs: Fs,
  paths: readonly string[],
  visit: RecordVisitor,
): Promise<Tail> {
  const chain: Chain = { crc: 0, isOpen: false };
  let tail: Tail | undefined;
  for (const [at, path] of paths.entries()) {
    const bytes = await fs.readFile(path);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    tail = readSegment({ path, buffer, isLast: at === paths.length - 1 }, chain, visit);
  }
  if (tail === undefined) throw new Error("wal: no segment to read");
  return tail;
}

interface Chain {
  crc: number;
  /** False until the first file's hand-over record gave the sum to begin with: earlier files may be gone. */
  isOpen: boolean;
}

interface SegmentBytes {
  readonly path: string;
  readonly buffer: Buffer;
  readonly isLast: boolean;
}

function readSegment(segment: SegmentBytes, chain: Chain, visit: RecordVisitor): Tail {
  const { path, buffer, isLast } = segment;
  const record = new RecordView();
  let offset = 0;
  let stop: Stop;
  for (;;) {
    const result = parseRecord(buffer, offset, record);
    if (result !== "record") {
      stop = result;
      break;
    }
    if (!isInChain(buffer, record, chain)) {
      stop = "badSum";
      break;
    }
    checkHead(path, record);
    visitAt(path, buffer, record, visit);
    offset = record.next;
  }
  if (offset === 0) corrupt(path, 0, "the file does not begin with a hand-over record");
  if (!isLast && (stop !== "end" || !isZero(buffer, offset, buffer.length))) {
    corrupt(path, offset, `damaged record (${stop}) in a file that others follow`);
  }
  const damage = damageAt(buffer, offset, stop);
  if (damage !== undefined) corrupt(path, offset, damage);
  const dataEnd = endOfData(buffer);
  return {
    path,
    crc: chain.crc,
    end: offset,
    dataEnd,
    fileBytes: buffer.length,
    isTorn: stop !== "end",
  };
}

/** Moves the chain over the record; false when its sum does not fit. */
function isInChain(buffer: Buffer, record: RecordView, chain: Chain): boolean {
  if (record.type !== recordType.crc) {
    if (!record.hasData) return false;
    const crc = crc32c(buffer.subarray(record.dataStart, record.dataEnd), chain.crc);
    if (crc !== record.crc) return false;
    chain.crc = crc;
    return true;
  }
  if (record.hasData || (chain.isOpen && chain.crc !== record.crc)) return false;
  chain.crc = record.crc;
  chain.isOpen = true;
  return true;
}

/** Every file begins with the sum handed over, and metadata; no hand-over comes later. They were durable before its name was. */
function checkHead(path: string, record: RecordView): void {
  const isFirst = record.offset === 0;
  if (isFirst !== (record.type === recordType.crc)) {
    corrupt(path, record.offset, "hand-over record missing or out of place");
  }
}

function visitAt(path: string, buffer: Buffer, record: RecordView, visit: RecordVisitor): void {
  try {
    visit(buffer, record);
  } catch (error) {
    if (!(error instanceof RecordError || error instanceof WireError)) throw error;
    corrupt(path, record.offset, error.message, error);
  }
}

function corrupt(path: string, offset: number, what: string, cause?: Error): never {
  const message =
    `wal: ${path} is corrupt at offset ${offset}: ${what}. ` +
    "Nothing was changed. Restore the member from a backup, or remove it from the cluster and add it anew";
  throw new CorruptionError(message, cause === undefined ? undefined : { cause });
}
