/** One watcher: whose events it wants, from which revision on, and where they go (etcd mvcc/watchable_store.go, `watcher`). */
import type { Revision } from "../../lib/units.ts";

export interface WatchedRange {
  /** Never empty; a watch of the empty key is one of "\0". */
  readonly key: Uint8Array;
  /** Exclusive end; undefined watches the one key, `openEnd` all keys from `key` on. */
  readonly end: Uint8Array | undefined;
}

/** The end of a range that has none. */
export const openEnd: Uint8Array = new Uint8Array(0);

/** What a watcher wants of an event. Watchers that want the same of the same range share its encoding. */
export interface WatchView {
  /** The KeyValue before the event comes with it, where it is not compacted. */
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
}

/** Events of whole revisions, encoded as the `events` field of a WatchResponse, ready to be copied into one. */
export interface EventBatch {
  /** `bytes[start, end)`, valid during the call only. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Where each event ends in `bytes`, in order. */
  readonly eventEnds: readonly number[];
  /** Current revision of the store: that of the response's header. */
  readonly revision: Revision;
}

/** Where a watcher's events go. It is called by the hub, and calls nothing of the hub from inside these calls. */
export interface WatchSink {
  /** Nothing more is taken before the sink calls `WatchHub.resume`. */
  readonly isFull: boolean;
  events(watcher: Watcher, batch: EventBatch): void;
  /** What the watcher needs next is compacted: the watcher is closed. */
  compacted(watcher: Watcher, compactRevision: Revision): void;
}

/**
 *   synced   has got everything up to the current revision
 *   behind   has not: the catch-up brings it what it missed
 *   future   wants nothing before a revision that is still to come
 *   closed   gets nothing any more
 */
export type WatcherState = "synced" | "behind" | "future" | "closed";

export class Watcher {
  readonly range: WatchedRange;
  readonly view: WatchView;
  readonly sink: WatchSink;
  /** The hub's: events before it were delivered or are not wanted. Not kept up to date while synced. */
  next: number;
  /** The hub's. */
  state: WatcherState = "closed";
  /** It got events since the sink has last looked: it needs no progress notification. The sink resets it. */
  hasNews = false;

  /** `next`: first revision whose events are wanted. */
  constructor(range: WatchedRange, view: WatchView, sink: WatchSink, next: number) {
    this.range = range;
    this.view = view;
    this.sink = sink;
    this.next = next;
  }
}
