/** Writes WatchResponse messages (rpc-watch.proto) into one reused buffer. Numbers of watches are written as bytes that were made once. */
import type { EventBatch } from "../mvcc/watch/watcher.ts";
import type { ResponseHeaderTemplate } from "../proto/response-header.ts";
import { varintSize, Writer } from "../proto/wire.ts";

const field = {
  watchId: 2,
  created: 3,
  canceled: 4,
  compactRevision: 5,
  cancelReason: 6,
  fragment: 7,
} as const;

/** What a response says beside events. */
export interface WatchNews {
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
}

/** The field `watch_id`, as bytes. */
export function watchIdField(id: bigint): Uint8Array {
  const writer = new Writer(12);
  writer.bigintField(field.watchId, id);
  return writer.finish();
}

export class WatchResponseWriter {
  private readonly writer = new Writer(4096);
  private readonly header: ResponseHeaderTemplate;
  private readonly raftTerm: () => number;

  constructor(header: ResponseHeaderTemplate, raftTerm: () => number) {
    this.header = header;
    this.raftTerm = raftTerm;
  }

  /** Of the last response: `bytes[0, length)`, until the next one is written. */
  get bytes(): Uint8Array {
    return this.writer.buffer;
  }

  get length(): number {
    return this.writer.position;
  }

  news(watchId: Uint8Array, revision: number, news: WatchNews): void {
    const { writer } = this;
    this.begin(watchId, revision);
    writer.boolField(field.created, news.created === true);
    writer.boolField(field.canceled, news.canceled === true);
    writer.numberField(field.compactRevision, news.compactRevision ?? 0);
    const { cancelReason = "" } = news;
    if (cancelReason !== "") writer.bytesField(field.cancelReason, Buffer.from(cancelReason));
  }

  events(watchId: Uint8Array, batch: EventBatch): void {
    this.begin(watchId, batch.revision);
    this.writer.raw(batch.bytes, batch.start, batch.end);
  }

  /**
   * Events from `eventEnds[first]` on, as many as keep the response below `bytesMax` and at least one; returns the first one left out. What
   * is not the last part says so (etcd v3rpc/watch.go, sendFragments).
   */
  fragment(watchId: Uint8Array, batch: EventBatch, first: number, bytesMax: number): number {
    const { eventEnds } = batch;
    const start = first === 0 ? batch.start : (eventEnds[first - 1] as number);
    this.begin(watchId, batch.revision);
    const room = bytesMax - this.length - fragmentFieldBytes;
    let next = first + 1;
    while (next < eventEnds.length && (eventEnds[next] as number) - start < room) next += 1;
    this.writer.boolField(field.fragment, next < eventEnds.length);
    this.writer.raw(batch.bytes, start, eventEnds[next - 1] as number);
    return next;
  }

  private begin(watchId: Uint8Array, revision: number): void {
    const { writer } = this;
    writer.reset();
    this.header.write(writer, revision, this.raftTerm());
    writer.raw(watchId, 0, watchId.length);
  }
}

const fragmentFieldBytes = varintSize(field.fragment * 8) + 1;
