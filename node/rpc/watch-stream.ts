/**
 * One Watch stream: its watches, and the sink of their events (etcd v3rpc/watch.go, serverWatchStream). A client that does not read makes
 * the stream full; then its watchers stay behind in the history, and its requests are not read either, so that it costs no memory.
 */

import type { StreamCall } from "../grpc/stream-call.ts";
import { assert } from "../lib/assert.ts";
import { compareBytes } from "../lib/bytes.ts";
import type { Clock } from "../lib/ports.ts";
import type { WatchHub } from "../mvcc/watch/watch-hub.ts";
import {
  type EventBatch,
  type WatchedRange,
  Watcher,
  type WatchSink,
  type WatchView,
} from "../mvcc/watch/watcher.ts";
import type { ServiceStats } from "../server/service-stats.ts";
import { type WatchNews, type WatchResponseWriter, watchIdField } from "./watch-response.ts";

/** What a client asks for, decoded. */
export interface WatchCreation {
  /** 0n leaves the choice to the server. */
  readonly watchId: bigint;
  readonly range: WatchedRange;
  readonly view: WatchView;
  /** 0 for what comes next; never negative. */
  readonly startRevision: number;
  readonly wantsProgress: boolean;
  readonly isFragmented: boolean;
}

/** What all streams of a member share. */
export interface WatchStreamHost {
  readonly hub: WatchHub;
  readonly response: WatchResponseWriter;
  readonly currentRevision: () => number;
  /** A response with `fragment` asked for is kept below this. */
  readonly fragmentBytesMax: number;
  readonly clock: Clock;
  readonly stats: ServiceStats;
}

/** The watch_id of news that is about no single watch. */
const noWatch = watchIdField(-1n);
const reasonDuplicate = "mvcc: duplicate watch ID provided on the WatchStream";
const reasonEmptyRange = "mvcc: watcher range is empty";
const reasonCompacted = "etcdserver: mvcc: required revision has been compacted";

class StreamWatcher extends Watcher {
  readonly idField: Uint8Array;
  readonly wantsProgress: boolean;
  readonly isFragmented: boolean;
  readonly startRevision: number;

  constructor(id: bigint, creation: WatchCreation, sink: WatchSink, next: number) {
    super(creation.range, creation.view, sink, next);
    this.idField = watchIdField(id);
    this.wantsProgress = creation.wantsProgress;
    this.isFragmented = creation.isFragmented;
    this.startRevision = creation.startRevision;
  }
}

export class WatchStream implements WatchSink {
  isFull = false;
  private readonly host: WatchStreamHost;
  private readonly call: StreamCall;
  private readonly watchers = new Map<bigint, StreamWatcher>();
  private nextId = 0n;

  constructor(host: WatchStreamHost, call: StreamCall) {
    this.host = host;
    this.call = call;
    call.onDrain(() => {
      if (!this.isFull) return;
      this.isFull = false;
      call.resume();
      host.hub.resume(this);
    });
  }

  get size(): number {
    return this.watchers.size;
  }

  create(creation: WatchCreation): void {
    const { host } = this;
    const refusal = this.refusalOf(creation);
    if (refusal !== undefined) {
      this.answer(noWatch, { created: true, canceled: true, cancelReason: refusal });
      return;
    }
    const id = this.idFor(creation.watchId);
    const now = host.currentRevision();
    const next = creation.startRevision > 0 ? creation.startRevision : now + 1;
    const watcher = new StreamWatcher(id, creation, this, next);
    this.watchers.set(id, watcher);
    // The client knows no watch before this.
    this.answer(watcher.idField, { created: true });
    host.hub.add(watcher);
  }

  /** A watch of a negative revision: nothing that old can be there. */
  refuseNegativeStart(): void {
    this.answer(noWatch, { created: true, canceled: true, cancelReason: reasonCompacted });
  }

  /** An unknown id is no mistake: its end may be on the way to the client. */
  cancel(id: bigint): void {
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return;
    this.watchers.delete(id);
    this.host.hub.remove(watcher);
    this.answer(watcher.idField, { canceled: true });
  }

  /** Answers for the whole stream, if all of its watches have got everything; otherwise the client has to ask again. */
  progressAll(): void {
    if (this.watchers.size === 0) return;
    for (const watcher of this.watchers.values()) if (!this.hasProgress(watcher)) return;
    this.answer(noWatch, {});
  }

  /** Tells the watches that asked for it, had no events since the last time and are up to date, how far that is. */
  progressTick(): void {
    const { clock, stats } = this.host;
    const sinceMs = clock.monotonicMs();
    for (const watcher of this.watchers.values()) {
      if (!watcher.wantsProgress) continue;
      if (!watcher.hasNews && this.hasProgress(watcher)) this.tell(watcher.idField, {});
      watcher.hasNews = false;
    }
    stats.watchProgressSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
  }

  /** The stream is over. */
  end(): void {
    for (const watcher of this.watchers.values()) this.host.hub.remove(watcher);
    this.watchers.clear();
  }

  events(watcher: Watcher, batch: EventBatch): void {
    assert(watcher instanceof StreamWatcher, "events for a watcher of another stream");
    const { clock, stats } = this.host;
    const sinceMs = clock.monotonicMs();
    this.sendEvents(watcher, batch);
    const seconds = (clock.monotonicMs() - sinceMs) / 1000;
    stats.watchEventsSeconds.observe(seconds);
    stats.watchEventSeconds.observe(seconds / batch.eventEnds.length);
  }

  private sendEvents(watcher: StreamWatcher, batch: EventBatch): void {
    const { response, fragmentBytesMax } = this.host;
    const { length } = batch.eventEnds;
    if (!watcher.isFragmented) {
      response.events(watcher.idField, batch);
      this.send();
      return;
    }
    for (let next = 0; next < length; ) {
      next = response.fragment(watcher.idField, batch, next, fragmentBytesMax);
      this.send();
    }
  }

  /** The watch stays in the client's books until it cancels it. The header tells no revision, as on etcd. */
  compacted(watcher: Watcher, compactRevision: number): void {
    assert(watcher instanceof StreamWatcher, "news for a watcher of another stream");
    this.host.response.news(watcher.idField, 0, { canceled: true, compactRevision });
    this.send();
  }

  /** It has got everything up to the current revision, and began at that one or before (etcd watchable_store.go, progressIfSync). */
  private hasProgress(watcher: StreamWatcher): boolean {
    const { hub, currentRevision } = this.host;
    return hub.isSynced(watcher) && watcher.startRevision <= currentRevision();
  }

  private refusalOf({ watchId, range: { key, end } }: WatchCreation): string | undefined {
    if (end !== undefined && end.length > 0 && compareBytes(key, end) >= 0) return reasonEmptyRange;
    return watchId !== 0n && this.watchers.has(watchId) ? reasonDuplicate : undefined;
  }

  private idFor(wanted: bigint): bigint {
    if (wanted !== 0n) return wanted;
    while (this.watchers.has(this.nextId)) this.nextId += 1n;
    const id = this.nextId;
    this.nextId += 1n;
    return id;
  }

  /** What a request of the client is answered with. */
  private answer(idField: Uint8Array, news: WatchNews): void {
    const { clock, stats } = this.host;
    const sinceMs = clock.monotonicMs();
    this.tell(idField, news);
    stats.watchControlSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
  }

  private tell(idField: Uint8Array, news: WatchNews): void {
    this.host.response.news(idField, this.host.currentRevision(), news);
    this.send();
  }

  private send(): void {
    const { bytes, length } = this.host.response;
    if (this.call.send(bytes, 0, length) || this.isFull || this.call.isOver) return;
    this.isFull = true;
    this.call.pause();
  }
}
