/** Brings the records that were matched to the watchers of their topics, in batches of whole revisions. */
import { EventEncoder } from "./event-encoder.ts";
import type { WatchedHistory } from "./history.ts";
import type { EventBatch, Watcher } from "./watcher.ts";
import type { Topic, WatcherIndex } from "./watcher-index.ts";

/** Revisions in one response (etcd watchable_store.go, watchBatchMaxRevs). */
const batchRevisionsMax = 1000;
/** A batch ends at the first border of revisions behind so many bytes: what a slow client makes us hold, at most, beside one revision. */
const batchBytesMax = 1024 * 1024;

export class Delivery {
  /** Events handed to sinks, counted once for each watcher. */
  eventsDelivered = 0;
  private readonly history: WatchedHistory;
  private readonly encoder: EventEncoder;
  private readonly fellBehind: (watcher: Watcher, next: number) => void;
  /** Topics with pending records, in the order of their first. */
  private readonly touched: Topic[] = [];

  /** `fellBehind` is told of a watcher whose sink is full, with the first revision that it did not get. */
  constructor(history: WatchedHistory, fellBehind: (watcher: Watcher, next: number) => void) {
    this.history = history;
    this.encoder = new EventEncoder(history.records);
    this.fellBehind = fellBehind;
  }

  /** Notes a record for all topics whose range holds its key, and returns how many there are. */
  match(ordinal: number, index: WatcherIndex): number {
    const { arena, log } = this.history.records;
    const place = log.place(ordinal);
    const start = arena.keyStart(place);
    let found = 0;
    index.visit(arena.slab(place), start, start + arena.keyLength(place), (topic) => {
      if (topic.pending.length === 0) this.touched.push(topic);
      topic.pending.push(ordinal);
      found += 1;
    });
    return found;
  }

  /** Delivers all that was matched. A watcher gets nothing below its `from(watcher)`. */
  deliver(from: (watcher: Watcher) => number): void {
    for (const topic of this.touched) {
      let first = 0;
      while (first < topic.pending.length) first = this.deliverBatch(topic, first, from);
      topic.pending.length = 0;
    }
    this.touched.length = 0;
  }

  /** One batch from `pending[first]` on; returns where the next one begins. */
  private deliverBatch(topic: Topic, first: number, from: (watcher: Watcher) => number): number {
    const { pending, watchers } = topic;
    const { log } = this.history.records;
    const firstMain = log.main(pending[first] as number);
    const last = this.encode(topic, first, firstMain);
    let { batch } = last;
    let batchFrom = firstMain;
    for (const watcher of watchers) {
      const wanted = Math.max(from(watcher), firstMain);
      if (wanted > last.main) continue;
      if (watcher.sink.isFull) {
        this.fellBehind(watcher, wanted);
        continue;
      }
      if (wanted !== batchFrom) {
        ({ batch } = this.encode(topic, first, wanted, last.end));
        batchFrom = wanted;
      }
      if (batch.eventEnds.length === 0) continue;
      watcher.hasNews = true;
      this.eventsDelivered += batch.eventEnds.length;
      watcher.sink.events(watcher, batch);
    }
    return last.end;
  }

  /**
   * Encodes pending records from `first` on, leaving out those below `fromMain` and those that the view filters. Ends at `end`, or where
   * the batch is full; `main` is the last revision in it.
   */
  private encode(
    { view, pending }: Topic,
    first: number,
    fromMain: number,
    end: number = pending.length,
  ): { readonly batch: EventBatch; readonly end: number; readonly main: number } {
    const { encoder, history } = this;
    const { log } = history.records;
    const { writer } = encoder;
    writer.reset();
    const eventEnds: number[] = [];
    let revisions = 0;
    let main = 0;
    let at = first;
    for (; at < end; at++) {
      const ordinal = pending[at] as number;
      if (log.main(ordinal) !== main) {
        if (revisions === batchRevisionsMax || writer.position > batchBytesMax) break;
        main = log.main(ordinal);
        revisions += 1;
      }
      if (main < fromMain || (log.isTombstone(ordinal) ? view.noDelete : view.noPut)) continue;
      encoder.append(ordinal, view.prevKv, history.compactRevision);
      eventEnds.push(writer.position);
    }
    const { currentRevision: revision } = history;
    const batch = { bytes: writer.buffer, start: 0, end: writer.position, eventEnds, revision };
    return { batch, end: at, main };
  }
}
