/**
 * Brings watchers that are behind up to date: many of them in one walk over the history, in slices, so that neither a long history nor
 * many watchers hold up a turn (etcd mvcc/watchable_store.go, syncWatchers; we walk the log of revisions in memory and not the backend).
 *
 * A pass takes the watchers that wait, at most 512, and walks from the lowest revision that one of them needs. It ends at the newest record
 * with all of its watchers up to date. Who comes later, or was left behind with a full sink, is in the next pass.
 */
import { assert } from "../../lib/assert.ts";
import { Delivery } from "./delivery.ts";
import type { WatchedHistory } from "./history.ts";
import type { Watcher } from "./watcher.ts";
import { WatcherIndex } from "./watcher-index.ts";

/** etcd's maxWatchersPerSync. */
const watchersMax = 512;
/** A slice of the walk ends at the first border of revisions behind so many records, or so many matched bytes. */
const sliceRecordsMax = 2000;
const sliceBytesMax = 1024 * 1024;

export interface CatchUpOwner {
  /** The watcher has got everything up to the last whole transaction. */
  caughtUp(watcher: Watcher): void;
  /** Its sink is full; it needs what begins at `watcher.next`. */
  stalled(watcher: Watcher): void;
  /** What it needs is compacted. */
  compacted(watcher: Watcher): void;
}

interface Pass {
  readonly index: WatcherIndex;
  readonly watchers: Set<Watcher>;
  /** The last record that was looked at. */
  ordinal: number;
}

export class CatchUp {
  private readonly history: WatchedHistory;
  private readonly owner: CatchUpOwner;
  private readonly delivery: Delivery;
  /** Waiting for a pass, in order of arrival. */
  private readonly waiting = new Set<Watcher>();
  private pass: Pass | undefined;

  constructor(history: WatchedHistory, owner: CatchUpOwner) {
    this.history = history;
    this.owner = owner;
    this.delivery = new Delivery(history, (watcher, next) => this.leave(watcher, next));
  }

  get eventsDelivered(): number {
    return this.delivery.eventsDelivered;
  }

  /** Watchers that are behind and whose sinks take more. */
  get size(): number {
    return this.waiting.size + (this.pass?.watchers.size ?? 0);
  }

  add(watcher: Watcher): void {
    this.waiting.add(watcher);
  }

  /** Without effect when it is not here. */
  delete(watcher: Watcher): void {
    this.waiting.delete(watcher);
    if (this.pass?.watchers.delete(watcher) === true) this.pass.index.delete(watcher);
  }

  /** All that are here, in no pass any more: the history they were to read is replaced. */
  takeAll(): Watcher[] {
    const all = [...this.waiting, ...(this.pass?.watchers ?? [])];
    this.waiting.clear();
    this.pass = undefined;
    return all;
  }

  /** Does one slice. False when nothing is left to do for now. */
  step(): boolean {
    this.pass ??= this.begin();
    const { pass } = this;
    if (pass === undefined) return false;
    this.dropCompacted(pass);
    const next = this.walk(pass);
    this.delivery.deliver((watcher) => watcher.next);
    for (const watcher of pass.watchers) watcher.next = Math.max(watcher.next, next);
    if (pass.ordinal >= this.history.wholeOrdinal) this.end(pass);
    else if (pass.watchers.size === 0) this.pass = undefined;
    return this.pass !== undefined || this.waiting.size > 0;
  }

  private begin(): Pass | undefined {
    const { history, waiting } = this;
    const index = new WatcherIndex();
    const watchers = new Set<Watcher>();
    let from = Infinity;
    for (const watcher of waiting) {
      if (watchers.size === watchersMax) break;
      waiting.delete(watcher);
      watchers.add(watcher);
      index.add(watcher);
      from = Math.min(from, Math.max(watcher.next, history.compactRevision));
    }
    if (watchers.size === 0) return undefined;
    return { index, watchers, ordinal: history.records.log.ordinalAt(from - 1) };
  }

  private dropCompacted(pass: Pass): void {
    const { compactRevision } = this.history;
    for (const watcher of pass.watchers) {
      if (watcher.next >= compactRevision) continue;
      this.delete(watcher);
      this.owner.compacted(watcher);
    }
  }

  /** Matches the next slice of records, and returns the first revision that was not looked at. */
  private walk(pass: Pass): number {
    const { history, delivery } = this;
    const { log } = history.records;
    const { wholeOrdinal } = history;
    let records = 0;
    let bytes = 0;
    let main = 0;
    for (let at = log.next(pass.ordinal); at !== 0 && at <= wholeOrdinal; at = log.next(at)) {
      if (log.main(at) !== main) {
        if (records >= sliceRecordsMax || bytes >= sliceBytesMax) return log.main(at);
        main = log.main(at);
      }
      if (delivery.match(at, pass.index) > 0) bytes += log.recordLength(at);
      records += 1;
      pass.ordinal = at;
    }
    pass.ordinal = wholeOrdinal;
    return history.currentRevision + 1;
  }

  private end(pass: Pass): void {
    this.pass = undefined;
    for (const watcher of pass.watchers) this.owner.caughtUp(watcher);
  }

  private leave(watcher: Watcher, next: number): void {
    assert(this.pass !== undefined, "a watcher fell behind outside a pass");
    this.delete(watcher);
    watcher.next = next;
    this.owner.stalled(watcher);
  }
}
