/** A store with its watch hub, and beside it what each watcher must see: computed from a plain list of all events ever. */
import assert from "node:assert/strict";

import { logIndex, term } from "../../../../node/lib/units.ts";
import { KvStore } from "../../../../node/mvcc/kv-store.ts";
import { WatchHub } from "../../../../node/mvcc/watch/watch-hub.ts";
import {
  type EventBatch,
  openEnd,
  Watcher,
  type WatchSink,
  type WatchView,
} from "../../../../node/mvcc/watch/watcher.ts";
import { etcdserverpb, mvccpb } from "../../../../node/proto/generated/messages.js";
import { seededRandom } from "../key-parts.ts";
import { RecordBook } from "../record-book.ts";

export interface ModelEvent {
  readonly type: "put" | "delete";
  readonly key: string;
  readonly value: string;
  readonly main: number;
  /** Value before the event's transaction. */
  readonly previous: string | undefined;
}

/** A sink that takes `room` batches and then says that it is full. */
export class TestSink implements WatchSink {
  room = Infinity;
  readonly got = new Map<Watcher, ModelEvent[]>();
  readonly compactedAt = new Map<Watcher, number>();
  batches = 0;

  get isFull(): boolean {
    return this.room <= 0;
  }

  events(watcher: Watcher, batch: EventBatch): void {
    assert.ok(!this.isFull, "events for a full sink");
    this.room -= 1;
    this.batches += 1;
    const message = etcdserverpb.WatchResponse.decode(batch.bytes.slice(batch.start, batch.end));
    assert.equal(message.events.length, batch.eventEnds.length);
    assert.equal(batch.eventEnds.at(-1), batch.end);
    const list = this.got.get(watcher) ?? [];
    this.got.set(watcher, list);
    const revisions = new Set<number>();
    for (const event of message.events) {
      const { kv, prevKv } = event;
      assert.ok(kv !== null && kv !== undefined);
      const main = Number(kv.modRevision);
      revisions.add(main);
      assert.ok(list.length === 0 || (list.at(-1) as ModelEvent).main <= main, "out of order");
      list.push({
        type: event.type === mvccpb.Event.EventType.DELETE ? "delete" : "put",
        key: Buffer.from(kv.key ?? []).toString(),
        value: Buffer.from(kv.value ?? []).toString(),
        main,
        previous:
          prevKv === null || prevKv === undefined
            ? undefined
            : Buffer.from(prevKv.value ?? []).toString(),
      });
    }
    assert.ok(revisions.size <= 1000, "too many revisions in one batch");
    assert.ok(Math.max(...revisions) <= batch.revision, "an event newer than the header");
  }

  compacted(watcher: Watcher, compactRevision: number): void {
    this.compactedAt.set(watcher, compactRevision);
  }
}

const plain: WatchView = { prevKv: false, noPut: false, noDelete: false };

export class WatchModel {
  readonly store: KvStore;
  readonly hub: WatchHub;
  readonly history: ModelEvent[] = [];
  readonly values = new Map<string, string>();
  readonly compactions: { readonly at: number; readonly revision: number }[] = [];
  private index = 0;

  static async open(): Promise<WatchModel> {
    const random = seededRandom(7);
    const backend = new RecordBook();
    const store = await KvStore.open({ backend, random, valueCacheBytesMax: 4096 });
    return new WatchModel(store, backend);
  }

  private readonly backend: RecordBook;

  private constructor(store: KvStore, backend: RecordBook) {
    this.store = store;
    this.backend = backend;
    this.hub = new WatchHub(store, () => undefined);
  }

  /** One transaction: undefined deletes. Later operations on a key in it win, as with a delete and a put. */
  write(...ops: readonly (readonly [key: string, value: string | undefined])[]): number {
    const { store } = this;
    const before = new Map(this.values);
    const main = store.currentRevision + 1;
    store.begin();
    for (const [key, value] of ops) {
      const bytes = Buffer.from(key + (value ?? ""));
      const keyEnd = Buffer.byteLength(key);
      if (value === undefined) {
        if (store.deleteRange(Buffer.from(key), undefined) === 0) continue;
        this.values.delete(key);
      } else {
        store.put(bytes, 0, keyEnd, keyEnd, bytes.length, 0n);
        this.values.set(key, value);
      }
      const previous = before.get(key);
      const type = value === undefined ? "delete" : "put";
      this.history.push({ type, key, value: value ?? "", main, previous });
    }
    return store.end();
  }

  /** Everything written so far reaches the backend, so that compaction may take it. */
  commit(): void {
    this.index += 1;
    const mark = this.store.beforeCommit();
    const { currentRevision: revision } = this.store;
    const position = { consistentIndex: logIndex(this.index), term: term(1), revision };
    this.backend.commit(position, (error) => assert.equal(error, null));
    this.backend.land();
    this.store.afterCommit(mark);
  }

  compact(at: number): void {
    if (this.store.compact(at as never) !== "ok") return;
    this.commit();
    while (!this.store.compactSlice(7));
  }

  watch(
    sink: WatchSink,
    key: string,
    end?: string | typeof openEnd,
    rest: { readonly start?: number; readonly view?: Partial<WatchView> } = {},
  ): Watcher {
    const start = rest.start ?? 0;
    const next = start > 0 ? start : this.store.currentRevision + 1;
    const range = {
      key: Buffer.from(key),
      end: end === undefined ? undefined : end === openEnd ? openEnd : Buffer.from(end as string),
    };
    const watcher = new Watcher(range, { ...plain, ...rest.view }, sink, next);
    this.hub.add(watcher);
    return watcher;
  }

  settle(): void {
    this.hub.flush();
    while (this.hub.step());
  }

  /** What a watcher that began at `start` must have seen by now. */
  expected(watcher: Watcher, start: number): ModelEvent[] {
    const { key, end } = watcher.range;
    const { prevKv, noPut, noDelete } = watcher.view;
    return this.history
      .filter((event) => {
        const bytes = Buffer.from(event.key);
        const isInside =
          end === undefined
            ? bytes.equals(key)
            : Buffer.compare(bytes, key) >= 0 &&
              (end.length === 0 || Buffer.compare(bytes, end) < 0);
        return isInside && event.main >= start && !(event.type === "put" ? noPut : noDelete);
      })
      .map((event) => ({ ...event, previous: prevKv ? event.previous : undefined }));
  }
}
