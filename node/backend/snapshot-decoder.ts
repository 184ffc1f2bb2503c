/**
 * Reads the stream of snapshot-stream.ts, in pieces of any size, and hands over what it holds once its sum was checked. Everything that the
 * stream says of itself is held against what came: order, sums, counts. Knows no backend and writes nothing.
 */
import { assert } from "../lib/assert.ts";
import { compareBytes } from "../lib/bytes.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import { crc32c } from "../lib/crc32c.ts";
import { logIndex, revision, term } from "../lib/units.ts";
import type { AppliedPosition, BucketName } from "./backend.ts";
import { bucketOfId } from "./buckets.ts";
import { LiveTotals } from "./live-totals.ts";
import { recordFault, recordSeed } from "./record.ts";
import {
  frameHeadBytes,
  frameKind,
  frameSumBytes,
  streamName,
  streamVersion,
} from "./snapshot-stream.ts";

/** What a stream holds, in its order. The bytes are valid during the call only. */
export interface StateSink {
  bucketEntry(bucket: BucketName, key: Uint8Array, value: Uint8Array): void;
  record(main: number, sub: number, stored: Uint8Array): void;
}

/** A frame holds one entry at least, and entries are bounded by --max-request-bytes: this is far above what may be set. */
const frameBodyBytesMax = 2 ** 30;
const frameNames: Readonly<Record<number, string>> = {
  [frameKind.header]: "header",
  [frameKind.buckets]: "bucket",
  [frameKind.records]: "record",
  [frameKind.trailer]: "trailer",
};

export class SnapshotDecoder {
  private readonly sink: StateSink;
  /** Bytes of the frame that is not complete. */
  private buffer = new Uint8Array(0);
  private filled = 0;
  private frames = 0;
  private crc = 0;
  private kind = 0;
  private header: AppliedPosition | undefined;
  private entries = 0;
  private readonly totals = new LiveTotals();
  private lastBucket = 0;
  private lastKey = new Uint8Array(0);
  private main = 0;
  private sub = 0;

  constructor(sink: StateSink) {
    this.sink = sink;
  }

  /** Takes the next piece. Throws CorruptionError. */
  take(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.filled === 0) {
        const size = this.frameSize(chunk, at, chunk.length - at);
        if (at + size <= chunk.length) {
          this.frame(chunk.subarray(at, at + size));
          at += size;
          continue;
        }
      }
      at += this.fill(chunk, at);
      const size = this.frameSize(this.buffer, 0, this.filled);
      if (this.filled < size) continue;
      const whole = this.buffer.subarray(0, size);
      this.filled = 0;
      this.frame(whole);
    }
  }

  /** To be called behind the last piece. Throws CorruptionError for a stream that is cut. */
  end(): AppliedPosition {
    if (this.filled > 0) throw this.corrupt("it ends within a frame");
    if (this.header === undefined || this.kind !== frameKind.trailer)
      throw this.corrupt("it ends before its trailer");
    return this.header;
  }

  /** Copies as much of the chunk as the frame may need; returns how much. */
  private fill(chunk: Uint8Array, at: number): number {
    const { filled } = this;
    const size = this.frameSize(this.buffer, 0, filled);
    // The length is known with the head; until then only the head is copied.
    const wanted = filled < frameHeadBytes ? frameHeadBytes - filled : size - filled;
    const taken = Math.min(wanted, chunk.length - at);
    if (filled + taken > this.buffer.length) {
      const grown = new Uint8Array(Math.max(filled + taken, Math.min(size, filled * 2), 4096));
      grown.set(this.buffer.subarray(0, filled));
      this.buffer = grown;
    }
    this.buffer.set(chunk.subarray(at, at + taken), filled);
    this.filled += taken;
    return taken;
  }

  /** Bytes of the frame at `at`, as far as its head is there; Infinity while it is not. */
  private frameSize(bytes: Uint8Array, at: number, available: number): number {
    if (available < frameHeadBytes) return Infinity;
    const body = uint32(bytes, at + 1);
    if (body > frameBodyBytesMax) throw this.corrupt(`a frame says that it has ${body} bytes`);
    return frameHeadBytes + body + frameSumBytes;
  }

  private frame(frame: Uint8Array): void {
    this.frames++;
    const bodyEnd = frame.length - frameSumBytes;
    const crc = crc32c(frame.subarray(0, bodyEnd), this.crc);
    if (crc !== uint32(frame, bodyEnd)) throw this.corrupt("bad checksum");
    this.crc = crc;
    const kind = frame[0] as number;
    const isOrdered =
      frameNames[kind] !== undefined &&
      (this.frames === 1) === (kind === frameKind.header) &&
      kind >= this.kind &&
      this.kind !== frameKind.trailer;
    if (!isOrdered) throw this.corrupt(`a frame of kind ${kind} behind one of kind ${this.kind}`);
    this.kind = kind;
    const body = new Body(frame, frameHeadBytes, bodyEnd);
    if (kind === frameKind.header) this.headerFrame(body);
    else if (kind === frameKind.buckets) while (!body.isDone) this.bucketEntry(body);
    else if (kind === frameKind.records) while (!body.isDone) this.record(body);
    else this.trailer(body);
    if (body.isShort || !body.isDone) throw this.corrupt("its length is not that of its content");
  }

  private headerFrame(body: Body): void {
    const name = body.bytes(streamName.length);
    if (compareBytes(name, streamName) !== 0) throw this.corrupt("it is no state of etcd-ts");
    const version = body.u8();
    if (version !== streamVersion) {
      throw this.corrupt(`it has format version ${version}, this version reads ${streamVersion}`);
    }
    const [index, atTerm, rev] = [body.u53(), body.u53(), body.u53()];
    if (Number.isNaN(index + atTerm + rev)) throw this.corrupt("its position is above 2^53");
    this.header = {
      consistentIndex: logIndex(index),
      term: term(atTerm),
      revision: revision(rev),
    };
  }

  private bucketEntry(body: Body): void {
    const id = body.u8();
    const key = body.bytes(body.u32());
    const value = body.bytes(body.u32());
    if (body.isShort) return;
    const bucket = bucketOfId(id);
    if (bucket === undefined) throw this.corrupt(`unknown bucket ${id}`);
    const isOrdered =
      id > this.lastBucket || (id === this.lastBucket && compareBytes(key, this.lastKey) > 0);
    if (!isOrdered) throw this.corrupt(`bucket ${bucket} is out of order`);
    this.lastBucket = id;
    this.lastKey = Uint8Array.from(key);
    this.entries++;
    this.sink.bucketEntry(bucket, key, value);
  }

  private record(body: Body): void {
    const main = body.u53();
    const sub = body.u32();
    const stored = body.bytes(body.u32());
    if (body.isShort) return;
    const place = `revision ${main}/${sub}`;
    const isOrdered = main > this.main || (main === this.main && main > 0 && sub > this.sub);
    if (!isOrdered) throw this.corrupt(`${place} behind ${this.main}/${this.sub}`);
    assert(this.header !== undefined, "a record before the header");
    if (main > this.header.revision) throw this.corrupt(`${place} is above the state's own`);
    const fault = recordFault(stored, recordSeed(main, sub));
    if (fault !== undefined) throw this.corrupt(`${place}: ${fault}`);
    this.main = main;
    this.sub = sub;
    this.totals.add(main, sub);
    this.sink.record(main, sub, stored);
  }

  private trailer(body: Body): void {
    const entries = body.u53();
    const count = body.u53();
    const sums = { count, sumA: body.u32(), sumB: body.u32() };
    if (entries !== this.entries)
      throw this.corrupt(`${this.entries} bucket entries instead of ${entries}`);
    if (count !== this.totals.count)
      throw this.corrupt(`${this.totals.count} records instead of ${count}`);
    if (!this.totals.equals(sums)) throw this.corrupt("other records than were sent");
  }

  private corrupt(what: string): CorruptionError {
    const at =
      this.frames === 0 ? "" : `, ${frameNames[this.kind] ?? "first"} frame ${this.frames}`;
    return new CorruptionError(
      `a state received from another member${at}: ${what}; nothing of it was kept, it will be sent again`,
    );
  }
}

/** A frame's body, read from front to back. Reading beyond its end yields zeros and is told by `isShort`. */
class Body {
  isShort = false;
  private readonly frame: Uint8Array;
  private at: number;
  private readonly stop: number;

  constructor(frame: Uint8Array, start: number, stop: number) {
    this.frame = frame;
    this.at = start;
    this.stop = stop;
  }

  get isDone(): boolean {
    return this.isShort || this.at >= this.stop;
  }

  u8(): number {
    return this.has(1) ? (this.frame[this.at++] as number) : 0;
  }

  u32(): number {
    if (!this.has(4)) return 0;
    this.at += 4;
    return uint32(this.frame, this.at - 4);
  }

  /** NaN when it is none. */
  u53(): number {
    const value = this.u32() + this.u32() * 2 ** 32;
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    const size = this.has(length) ? length : 0;
    this.at += size;
    return this.frame.subarray(this.at - size, this.at);
  }

  private has(bytes: number): boolean {
    if (this.at + bytes > this.stop) this.isShort = true;
    return !this.isShort;
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}
