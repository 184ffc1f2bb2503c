/**
 * A whole state as a stream of bytes. Where the state comes from is the source's matter (level-snapshot.ts, memory-snapshot.ts), how the
 * bytes travel the transport's; snapshot-decoder.ts reads them. Numbers are little-endian, u53 is a u64 below 2^53.
 *
 *   stream:   header frame, bucket frame ..., record frame ..., trailer frame
 *   frame:    | kind u8 | body length u32 | body | crc32c u32 |
 *
 *   header:   | "etcd-ts state" | version u8 | consistentIndex u53 | term u53 | revision u53 |
 *   buckets:  | bucket id u8 | key length u32 | key | value length u32 | value | ...                      by id, then by key
 *   records:  | main u53 | sub u32 | length u32 | stored value (record.ts), with its own sum | ...        by revision
 *   trailer:  | bucket entries u53 | records u53 | live sum A u32 | live sum B u32 |                      (live-totals.ts)
 *
 * The sum runs on from frame to frame: each frame's covers kind, length and body of all frames up to it, so that a frame that is
 * missing, doubled or moved shows in the next sum, and the trailer's is the sum over all. A frame has about 64 KiB, more only for a larger entry.
 */
import { fromText } from "../lib/bytes.ts";
import { crc32c } from "../lib/crc32c.ts";
import type { AppliedPosition, BucketName } from "./backend.ts";
import { type BucketEntry, bucketId, bucketNamesAll } from "./buckets.ts";
import { damaged } from "./damage.ts";
import { type LiveSums, LiveTotals } from "./live-totals.ts";
import { recordFault, recordSeed } from "./record.ts";

export const streamVersion = 1;
export const streamName = fromText("etcd-ts state");
export const frameKind = { header: 1, buckets: 2, records: 3, trailer: 4 } as const;
export const frameHeadBytes = 5;
export const frameSumBytes = 4;
const frameBodyBytes = 64 * 1024;
/** A frame is full when it has 64 KiB; room for a usual entry that goes beyond. */
const frameRoomBytes = frameBodyBytes + 4096;
const twoTo32 = 2 ** 32;

export interface StoredRecord {
  readonly main: number;
  readonly sub: number;
  /** As record.ts stores it, with its sum. */
  readonly value: Uint8Array;
}

/** One consistent state, read in its order. */
export interface StateSource {
  /** Names the backend in errors. */
  readonly name: string;
  readonly position: AppliedPosition;
  bucket(name: BucketName): Promise<readonly BucketEntry[]>;
  /** All records by revision, in slices of bounded time, with room for other work between them. */
  records(): AsyncIterable<readonly StoredRecord[]>;
  /** What the records must add up to, where the backend has a seal that says so. */
  readonly live: LiveSums | undefined;
}

/** The frames of the stream. Rejects with CorruptionError when the source is not what it was sealed as. */
export async function* encodeState(source: StateSource): AsyncGenerator<Uint8Array> {
  const writer = new FrameWriter();
  yield header(writer, source.position);
  let entries = 0;
  for (const name of bucketNamesAll) {
    for (const { key, value } of await source.bucket(name)) {
      writer.bucketEntry(bucketId(name), key, value);
      entries++;
      if (writer.isFull) yield writer.end();
    }
  }
  if (writer.isOpen) yield writer.end();
  const totals = new LiveTotals();
  for await (const slice of source.records()) {
    for (const { main, sub, value } of slice) {
      const fault = recordFault(value, recordSeed(main, sub));
      if (fault !== undefined) throw damaged(source.name, `revision ${main}/${sub}: ${fault}`);
      totals.add(main, sub);
      writer.record(main, sub, value);
      if (writer.isFull) yield writer.end();
    }
  }
  if (source.live !== undefined && !totals.equals(source.live)) {
    throw damaged(
      source.name,
      `its ${totals.count} records are not the ${source.live.count} that were sealed`,
    );
  }
  if (writer.isOpen) yield writer.end();
  yield trailer(writer, entries, totals);
}

function header(writer: FrameWriter, position: AppliedPosition): Uint8Array {
  writer.begin(frameKind.header, streamName.length + 25);
  writer.bytes(streamName);
  writer.u8(streamVersion);
  writer.u53(position.consistentIndex);
  writer.u53(position.term);
  writer.u53(position.revision);
  return writer.end();
}

function trailer(writer: FrameWriter, entries: number, live: LiveSums): Uint8Array {
  writer.begin(frameKind.trailer, 24);
  writer.u53(entries);
  writer.u53(live.count);
  writer.u32(live.sumA);
  writer.u32(live.sumB);
  return writer.end();
}

/** Writes one frame after the other, each into memory of its own: the one before may still be on its way. */
class FrameWriter {
  private kind = 0;
  private buffer = new Uint8Array(0);
  private view = new DataView(this.buffer.buffer);
  private at = 0;
  private crc = 0;

  get isOpen(): boolean {
    return this.at > 0;
  }

  get isFull(): boolean {
    return this.at >= frameBodyBytes;
  }

  /** Opens a frame, whose first `bytes` of body are about to come. */
  begin(kind: number, bytes: number): void {
    this.kind = kind;
    this.at = frameHeadBytes;
    this.room(bytes);
    this.view.setUint8(0, kind);
  }

  bucketEntry(id: number, key: Uint8Array, value: Uint8Array): void {
    const size = 9 + key.length + value.length;
    if (this.isOpen && this.kind === frameKind.buckets) this.room(size);
    else this.begin(frameKind.buckets, Math.max(size, frameRoomBytes));
    this.u8(id);
    this.u32(key.length);
    this.bytes(key);
    this.u32(value.length);
    this.bytes(value);
  }

  record(main: number, sub: number, value: Uint8Array): void {
    const size = 16 + value.length;
    if (this.isOpen) this.room(size);
    else this.begin(frameKind.records, Math.max(size, frameRoomBytes));
    this.u53(main);
    this.u32(sub);
    this.u32(value.length);
    this.bytes(value);
  }

  end(): Uint8Array {
    this.room(0);
    const { at, view } = this;
    view.setUint32(1, at - frameHeadBytes, true);
    this.crc = crc32c(this.buffer.subarray(0, at), this.crc);
    view.setUint32(at, this.crc, true);
    const frame = this.buffer.subarray(0, at + frameSumBytes);
    this.buffer = new Uint8Array(0);
    this.view = new DataView(this.buffer.buffer);
    this.at = 0;
    return frame;
  }

  u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  u53(value: number): void {
    this.u32(value % twoTo32);
    this.u32(Math.floor(value / twoTo32));
  }

  bytes(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Makes room for `bytes` more and the sum behind them. */
  private room(bytes: number): void {
    const needed = this.at + bytes + frameSumBytes;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, Math.min(this.buffer.length * 2, needed * 2)));
    grown.set(this.buffer.subarray(0, this.at));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}
