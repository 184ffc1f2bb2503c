/**
 * Drives raft: takes each Ready and does what it says, in etcd's order (server/etcdserver/raft.go): persist, send, apply, advance.
 * It runs at the end of an event-loop turn, so that all requests of the turn share one batch, one log write and one sync;
 * while that write is in flight the next batch gathers (DESIGN section 4, decision 4).
 */
import { assert } from "../lib/assert.ts";
import type { Histogram } from "../lib/histogram.ts";
import type { Clock, Timers } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Proposal, ReadState } from "../raft/raft.ts";
import type { RawNode, Ready } from "../raft/raw-node.ts";
import type { Entry } from "../raft/types.ts";
import type { Wal } from "../wal/wal.ts";
import { applyGapMax, batchEntriesMax } from "./limits.ts";

/** What the loop serves: the member's queues and its applied state. */
export interface ReadyHandler {
  /** The proposals that gathered, at most one batch of them; none while there is nothing to propose. */
  takeProposals(): readonly Proposal[];
  hasProposals(): boolean;
  /** Asks for the reads that gathered. */
  issueReads(): void;
  /** False while applying must wait, because the backend's disk is too far behind. */
  canApply(): boolean;
  /** False when the entry needs more turns: `applyMore` is called in each, and no other entry is applied before that returned true. */
  apply(entry: Entry): boolean;
  applyMore(entry: Entry): boolean;
  readStates(states: readonly ReadState[]): void;
  /** All of this turn is applied up to `index`. */
  applied(index: LogIndex): void;
}

export interface ReadyLoopOptions {
  readonly node: RawNode;
  readonly wal: Wal;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Gets how long each batch took to become durable. */
  readonly syncSeconds: Histogram;
  readonly handler: ReadyHandler;
  /** A failed write is the end of the member: nothing after it may be promised. */
  readonly onError: (error: Error) => void;
}

export class ReadyLoop {
  private readonly options: ReadyLoopOptions;
  private isScheduled = false;
  private isStopped = false;
  /** Handed out by raft and not applied, because the first needs or needed several turns. */
  private unapplied: readonly Entry[] = [];
  /** A slice of the first of them is done. */
  private isFirstBegun = false;

  private readonly turn = (): void => {
    this.isScheduled = false;
    if (this.isStopped) return;
    try {
      this.run();
    } catch (error) {
      // Corruption that a read has met, or a bug: nothing after it may be promised either.
      this.options.onError(error instanceof Error ? error : new Error(String(error)));
    }
  };

  constructor(options: ReadyLoopOptions) {
    this.options = options;
  }

  /** Something may be to do at the end of this turn. Cheap; called for every request. */
  schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.options.timers.endOfTurn(this.turn);
  }

  stop(): void {
    this.isStopped = true;
  }

  private run(): void {
    const { node, handler } = this.options;
    handler.issueReads();
    if (!node.isAppending && node.role === "leader" && handler.hasProposals()) {
      const isAccepted = node.propose(handler.takeProposals());
      assert(isAccepted, "a leader refused proposals");
    }
    if (this.unapplied.length > 0) this.applyAll(this.unapplied);
    while (this.canTake()) {
      const ready = node.ready();
      this.persist(ready);
      this.apply(ready);
      // One slice of committed entries a turn: sockets and timers come in between.
      if (ready.committedEntries.length > 0) break;
    }
    handler.applied(node.applied);
    // Only what this turn cannot wait for itself: a write in flight schedules the next turn when it is done.
    if (this.unapplied.length > 0 || this.canTake()) this.scheduleNext();
  }

  private canTake(): boolean {
    const { node, handler } = this.options;
    return node.hasReady() && this.unapplied.length < applyGapMax && handler.canApply();
  }

  /** The next turn, not this one's end. */
  private scheduleNext(): void {
    this.options.timers.after(0, () => this.schedule());
  }

  private persist(ready: Ready): void {
    const { node, wal, clock, syncSeconds, onError } = this.options;
    if (!ready.mustSync) {
      // A commit index that moved alone needs no sync: it goes out with the next batch.
      if (ready.hardState !== undefined) wal.save(ready.hardState, [], () => undefined);
      return;
    }
    const sinceMs = clock.monotonicMs();
    wal.save(ready.hardState, ready.entries, (error) => {
      if (error !== null) {
        onError(error);
        return;
      }
      syncSeconds.observe((clock.monotonicMs() - sinceMs) / 1000);
      node.advanceAppend(ready);
      this.schedule();
    });
  }

  private apply(ready: Ready): void {
    const { handler } = this.options;
    if (ready.readStates.length > 0) handler.readStates(ready.readStates);
    const { committedEntries } = ready;
    if (this.unapplied.length > 0) this.unapplied = [...this.unapplied, ...committedEntries];
    else this.applyAll(committedEntries);
  }

  /** Applies a turn's worth at most, and ends within an entry that needs more turns. */
  private applyAll(entries: readonly Entry[]): void {
    const { node, handler } = this.options;
    const end = Math.min(entries.length, batchEntriesMax);
    let at = 0;
    for (; at < end; at++) {
      const entry = entries[at] as Entry;
      const isApplied = this.isFirstBegun ? handler.applyMore(entry) : handler.apply(entry);
      this.isFirstBegun = !isApplied;
      if (!isApplied) break;
      node.advanceApply(entry.index);
    }
    this.unapplied = at === 0 ? entries : entries.slice(at);
  }
}
