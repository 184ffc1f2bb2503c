/**
 * All watchers of a member (etcd mvcc/watchable_store.go). Once a turn it delivers what the turn's transactions wrote to those that are
 * up to date; the others are caught up in slices. No event is kept for anybody: a watcher that is behind is a revision in the history, so
 * slow clients cost no memory but what their connections already hold.
 *
 *                 flush, sink full            resume                 pass ends
 *   synced ───────────────────────▶ stalled ─────────▶ catching up ───────────▶ synced
 *                                      ▲                    │ sink full
 *                                      └────────────────────┘
 *
 * Invariant: a synced watcher has got, or does not want, every event up to `notified`; all of them are of whole transactions.
 */
import { assert } from "../../lib/assert.ts";
import { CatchUp } from "./catch-up.ts";
import { Delivery } from "./delivery.ts";
import type { WatchedHistory } from "./history.ts";
import type { Watcher, WatchSink } from "./watcher.ts";
import { WatcherIndex } from "./watcher-index.ts";

export class WatchHub {
  private history: WatchedHistory;
  private delivery: Delivery;
  private catchUp: CatchUp;
  private readonly synced = new WatcherIndex();
  private readonly future = new Set<Watcher>();
  /** Behind, with a sink that takes nothing at the moment. */
  private readonly stalled = new Map<WatchSink, Set<Watcher>>();
  private stalledCount = 0;
  /** Ordinal of the last record that synced watchers were told of. */
  private notified: number;
  private eventsBefore = 0;
  private readonly onWork: () => void;

  /** `onWork` is called when `step` has something to do. */
  constructor(history: WatchedHistory, onWork: () => void) {
    this.history = history;
    this.onWork = onWork;
    this.notified = history.wholeOrdinal;
    this.delivery = this.newDelivery();
    this.catchUp = this.newCatchUp();
  }

  get watcherCount(): number {
    return this.synced.size + this.future.size + this.slowCount;
  }

  /** Watchers that are behind. */
  get slowCount(): number {
    return this.stalledCount + this.catchUp.size;
  }

  /** Events handed out since the start, counted once for each watcher. */
  get eventsDelivered(): number {
    return this.eventsBefore + this.delivery.eventsDelivered + this.catchUp.eventsDelivered;
  }

  /**
   * From now on the watcher gets its events, each once, in order, in batches of whole revisions. A start in the past is caught up by
   * `step`; one that is compacted ends with `WatchSink.compacted`, later.
   */
  add(watcher: Watcher): void {
    assert(watcher.state === "closed", "a watcher was added twice");
    // What this turn has written is before the watcher's time, if it starts now.
    this.flush();
    this.place(watcher);
  }

  remove(watcher: Watcher): void {
    if (watcher.state === "synced") this.synced.delete(watcher);
    else if (watcher.state === "future") this.future.delete(watcher);
    else if (watcher.state === "behind") {
      this.catchUp.delete(watcher);
      this.unstall(watcher);
    }
    watcher.state = "closed";
  }

  /**
   * Tells synced watchers of the transactions since the last call. To be called once a turn, and never inside a transaction whose records
   * must wait for others.
   */
  flush(): void {
    const { wholeOrdinal, records } = this.history;
    if (wholeOrdinal === this.notified) return;
    const from = this.notified;
    this.notified = wholeOrdinal;
    if (this.synced.size > 0) {
      for (
        let at = records.log.next(from);
        at !== 0 && at <= wholeOrdinal;
        at = records.log.next(at)
      )
        this.delivery.match(at, this.synced);
      this.delivery.deliver(() => 0);
    }
    this.wakeFuture();
  }

  /** The watcher has got everything up to the current revision, which is not before the one that it starts at. */
  isSynced(watcher: Watcher): boolean {
    this.flush();
    return watcher.state === "synced";
  }

  /** The sink takes more again. */
  resume(sink: WatchSink): void {
    const watchers = this.stalled.get(sink);
    if (watchers === undefined) return;
    this.stalled.delete(sink);
    this.stalledCount -= watchers.size;
    for (const watcher of watchers) this.catchUp.add(watcher);
    this.onWork();
  }

  /** Does a slice of catching up; true when there is more, to be done in another turn. */
  step(): boolean {
    return this.catchUp.step();
  }

  /**
   * Another history takes the place of the present one: a snapshot from the leader. It goes on where this one ends, or further; watchers
   * find there what they have not got yet.
   */
  replaceHistory(history: WatchedHistory): void {
    const all = [...this.synced.watchers()];
    for (const watcher of all) {
      this.synced.delete(watcher);
      watcher.next = this.revisionBehindNotified();
    }
    all.push(...this.future, ...this.catchUp.takeAll());
    for (const watchers of this.stalled.values()) all.push(...watchers);
    this.future.clear();
    this.stalled.clear();
    this.stalledCount = 0;
    this.eventsBefore = this.eventsDelivered;
    this.history = history;
    this.notified = history.wholeOrdinal;
    this.delivery = this.newDelivery();
    this.catchUp = this.newCatchUp();
    for (const watcher of all) this.place(watcher);
  }

  private place(watcher: Watcher): void {
    const { currentRevision } = this.history;
    if (watcher.next > currentRevision + 1) {
      watcher.state = "future";
      this.future.add(watcher);
    } else if (watcher.next === currentRevision + 1) this.sync(watcher);
    else {
      watcher.state = "behind";
      this.catchUp.add(watcher);
      this.onWork();
    }
  }

  private sync(watcher: Watcher): void {
    watcher.state = "synced";
    this.synced.add(watcher);
  }

  private wakeFuture(): void {
    for (const watcher of this.future) {
      if (watcher.next > this.history.currentRevision + 1) continue;
      this.future.delete(watcher);
      this.place(watcher);
    }
  }

  private revisionBehindNotified(): number {
    const { records, wholeOrdinal, currentRevision } = this.history;
    return this.notified === wholeOrdinal
      ? currentRevision + 1
      : records.log.main(records.log.next(this.notified));
  }

  private stall(watcher: Watcher): void {
    watcher.state = "behind";
    const watchers = this.stalled.get(watcher.sink);
    if (watchers === undefined) this.stalled.set(watcher.sink, new Set([watcher]));
    else watchers.add(watcher);
    this.stalledCount += 1;
  }

  private unstall(watcher: Watcher): void {
    const watchers = this.stalled.get(watcher.sink);
    if (watchers?.delete(watcher) !== true) return;
    this.stalledCount -= 1;
    if (watchers.size === 0) this.stalled.delete(watcher.sink);
  }

  private newDelivery(): Delivery {
    return new Delivery(this.history, (watcher, next) => {
      this.synced.delete(watcher);
      watcher.next = next;
      this.stall(watcher);
    });
  }

  private newCatchUp(): CatchUp {
    return new CatchUp(this.history, {
      // What other transactions have written meanwhile waits for the next flush, and is news to this watcher too.
      caughtUp: (watcher) => {
        this.flush();
        this.place(watcher);
      },
      stalled: (watcher) => this.stall(watcher),
      compacted: (watcher) => {
        const { compactRevision } = this.history;
        assert(compactRevision !== 0, "nothing was compacted");
        watcher.state = "closed";
        watcher.sink.compacted(watcher, compactRevision);
      },
    });
  }
}
