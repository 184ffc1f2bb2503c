/**
 * The chunks of a RangeStream, by etcd's rule (v3_server.go, adjustChunkLimit): ten keys first; then twice as many while a chunk is below
 * half the target size, half as many when one is above twice the target. A chunk is gathered in slices.
 */
import { sliceBytesMax, sliceKeysMax } from "../apply/range-read.ts";
import { cloneBytes } from "../lib/bytes.ts";
import type { RangeCursor } from "../mvcc/range-cursor.ts";
import { appendRangeKv, finishRange } from "../proto/kv-response.ts";
import type { ResponseHeaderTemplate } from "../proto/response-header.ts";
import { varintSize, Writer } from "../proto/wire.ts";

/** An encoded RangeStreamResponse: `bytes[0, length)`, valid until the next call of `next`. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly isLast: boolean;
}

export interface RangeChunksOptions {
  /** Opened with one key more than `limit`. */
  readonly cursor: RangeCursor;
  /** Keys of all chunks together; 0 for no limit. */
  readonly limit: number;
  /** A negative limit, which etcd takes as none: its first chunk then holds everything. Ours ends at its usual bound in bytes. */
  readonly isOneChunk: boolean;
  readonly countOnly: boolean;
  readonly targetBytes: number;
  readonly header: ResponseHeaderTemplate;
  /** The newest revision when the stream began to read. */
  readonly headerRevision: number;
  readonly raftTerm: () => number;
}

const firstChunkKeys = 10;
/** More than there can be. */
const oneChunkKeys = 2 ** 40;
/** A chunk is closed at this many target sizes, whatever the rule says: values may grow a thousandfold from one key to the next. */
const chunkTargetsMax = 4;
const sliceCountMax = 8000;
/** RangeStreamResponse.range_response. */
const responseField = 1;

export class RangeChunks {
  /** What is read is the state at this revision. */
  readonly revision: number;
  private readonly options: RangeChunksOptions;
  private readonly writer = new Writer(4096);
  private mark = -1;
  private chunkLimit: number;
  private keysInChunk = 0;
  private sent = 0;
  /** The key behind the chunk that is gathered: it tells that there is more, and begins the next one. */
  private ahead: Uint8Array | undefined;
  private phase: "gather" | "count" | "done" = "gather";

  /** Keys that the chunk still takes. */
  private room = 0;

  private readonly visit = (bytes: Uint8Array, start: number, end: number): void => {
    if (this.room === 0) {
      this.ahead = cloneBytes(bytes, start, end);
      return;
    }
    appendRangeKv(this.writer, bytes, start, end);
    this.keysInChunk += 1;
    this.room -= 1;
  };

  constructor(options: RangeChunksOptions) {
    this.options = options;
    this.revision = options.cursor.revision;
    const { limit, isOneChunk } = options;
    if (isOneChunk) this.chunkLimit = oneChunkKeys;
    else this.chunkLimit = limit === 0 ? firstChunkKeys : Math.min(firstChunkKeys, limit);
  }

  close(): void {
    this.options.cursor.close();
  }

  /** Works for one slice. A chunk when one is whole; undefined when more slices are needed. Not to be called behind the last chunk. */
  next(): Chunk | undefined {
    const { cursor } = this.options;
    if (this.phase === "gather") this.gather();
    if (this.phase === "gather") return this.ahead === undefined ? undefined : this.cut();
    if (cursor.count === undefined) cursor.countSome(sliceCountMax);
    return cursor.count === undefined ? undefined : this.finish();
  }

  private gather(): void {
    const { cursor, limit, countOnly } = this.options;
    this.beginChunk();
    // One key behind the chunk tells that there is more.
    const keys = Math.min(this.room + 1, sliceKeysMax);
    const isAtEnd = !cursor.read(keys, this.visit, sliceBytesMax);
    const isWhole = isAtEnd && this.ahead === undefined;
    const isAtLimit =
      limit > 0 && this.ahead !== undefined && this.sent + this.keysInChunk >= limit;
    if (countOnly || isWhole || isAtLimit) this.phase = "count";
  }

  private beginChunk(): void {
    const { writer, ahead } = this;
    if (this.mark < 0) {
      writer.reset();
      this.mark = writer.beginMessage(responseField);
      this.room = this.chunkLimit;
      this.ahead = undefined;
      if (ahead !== undefined) this.visit(ahead, 0, ahead.length);
    }
    if (writer.position > chunkTargetsMax * this.options.targetBytes) this.room = 0;
  }

  /** Ends a chunk with others behind it. */
  private cut(): Chunk {
    this.adjustLimit();
    return this.endChunk(false);
  }

  private finish(): Chunk {
    const { writer, options } = this;
    const { cursor, headerRevision, header, countOnly } = options;
    this.phase = "done";
    const kvs = cloneBytes(writer.buffer, this.mark, writer.position);
    writer.position = this.mark;
    header.write(writer, headerRevision, options.raftTerm());
    writer.raw(kvs, 0, kvs.length);
    finishRange(writer, !countOnly && this.ahead !== undefined, cursor.count ?? 0);
    return this.endChunk(true);
  }

  private endChunk(isLast: boolean): Chunk {
    const { writer } = this;
    writer.endMessage(this.mark);
    this.mark = -1;
    this.sent += this.keysInChunk;
    this.keysInChunk = 0;
    const { limit } = this.options;
    if (limit > 0) this.chunkLimit = Math.min(this.chunkLimit, limit - this.sent);
    return { bytes: writer.buffer, length: writer.position, isLast };
  }

  private adjustLimit(): void {
    const { targetBytes, headerRevision } = this.options;
    // etcd measures its answer before it takes header, more and count out.
    const extraBytes = 6 + varintSize(headerRevision) + varintSize(this.chunkLimit + 1);
    const size = this.writer.position - this.mark + extraBytes;
    if (size < Math.floor(targetBytes / 2)) this.chunkLimit *= 2;
    else if (size > targetBytes * 2) this.chunkLimit = Math.max(1, Math.floor(this.chunkLimit / 2));
  }
}
