/**
 * Drives raft: takes each Ready and does what it says, in etcd's order (server/etcdserver/raft.go): send, persist, apply, advance.
 * It runs at the end of an event-loop turn, so that all requests of the turn share one batch, one log write and one sync;
 * while that write is in flight the next batch gathers (DESIGN section 4, decision 4).
 *
 * What goes to followers leaves before the local write is durable (thesis 10.2.1); what promises something of it leaves behind it.
 */
import type { Histogram } from "../lib/histogram.ts";
import type { Clock, Timers } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import type { RawNode } from "../raft/raw-node.ts";
import type { Proposal, ReadState, Ready } from "../raft/ready.ts";
import { type Entry, entryType, type Snapshot } from "../raft/types.ts";
import type { Wal } from "../wal/wal.ts";
import { applyGapMax, batchEntriesMax } from "./limits.ts";
import type { SlowWork } from "./slow-work.ts";

/** What the loop serves: the member's queues, its peers and its applied state. */
export interface ReadyHandler {
  /** The proposals that gathered, at most one batch of them; none while there is nothing to propose. */
  takeProposals(): readonly Proposal[];
  /** Raft has not taken this batch: it comes again, before all others. */
  returnProposals(batch: readonly Proposal[]): void;
  hasProposals(): boolean;
  /** Asks for the reads that gathered. */
  issueReads(): void;
  /** For other members. */
  send(messages: readonly Message[]): void;
  /** False while applying must wait, because the backend's disk is too far behind. */
  canApply(): boolean;
  /** False when the entry needs more turns: `applyMore` is called in each, and no other entry is applied before that returned true. */
  apply(entry: Entry): boolean;
  applyMore(entry: Entry): boolean;
  readStates(states: readonly ReadState[]): void;
  /** All of this turn is applied up to `index`. */
  applied(index: LogIndex): void;
  /** Makes the snapshot durable in the log, with the hard state and the entries behind it. */
  saveSnapshot(ready: Ready): Promise<void>;
  /** Puts the snapshot, which is in the log durably, in the place of the applied state. */
  installSnapshot(snapshot: Snapshot): Promise<void>;
}

export interface ReadyLoopOptions {
  readonly node: RawNode;
  readonly wal: Wal;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Gets how long each batch took to become durable. */
  readonly syncSeconds: Histogram;
  /** Is told how long syncs and applying took. */
  readonly slowWork: SlowWork;
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
  /** When it was. */
  private firstBegunMs = 0;
  /** A snapshot is on its way into the applied state. */
  private isInstalling = false;
  /** A conf change up to here may be applied: it is durable that it is committed. */
  private durableCommit = 0;
  private isStoringCommit = false;

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
    this.propose();
    if (this.unapplied.length > 0) this.applyAll(this.unapplied);
    while (this.canTake()) {
      const ready = node.ready();
      if (ready.messages.length > 0) handler.send(ready.messages);
      if (ready.snapshot !== undefined) this.install(ready, ready.snapshot);
      else this.persist(ready);
      this.apply(ready);
      // One slice of committed entries a turn: sockets and timers come in between.
      if (ready.committedEntries.length > 0) break;
    }
    if (!this.isInstalling) handler.applied(node.applied);
    // Only what this turn cannot wait for itself: a write in flight schedules the next turn when it is done.
    const canApplyMore = this.unapplied.length > 0 && !this.isStoringCommit;
    if (canApplyMore || this.canTake()) this.scheduleNext();
  }

  /** The leader appends the batch of the turn, one write at a time; a follower passes it on. */
  private propose(): void {
    const { node, handler } = this.options;
    if (!handler.hasProposals() || node.lead === 0n || node.leadTransferee !== 0n) return;
    if (node.isAppending && node.role === "leader") return;
    const batch = handler.takeProposals();
    if (batch.length > 0 && !node.propose(batch)) handler.returnProposals(batch);
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
    const { wal, clock, syncSeconds, slowWork, onError, handler } = this.options;
    if (!ready.mustSync) {
      // A commit index that moved alone needs no sync: it goes out with the next batch.
      if (ready.hardState !== undefined) wal.save(ready.hardState, [], () => undefined);
      // Nothing to wait for: what they promise is durable already.
      handler.send(ready.messagesAfterAppend);
      return;
    }
    const sinceMs = clock.monotonicMs();
    wal.save(ready.hardState, ready.entries, (error) => {
      if (error !== null) {
        onError(error);
        return;
      }
      const tookMs = clock.monotonicMs() - sinceMs;
      syncSeconds.observe(tookMs / 1000);
      slowWork.synced(tookMs);
      this.advance(ready);
    });
  }

  /** `ready` is durable: what waited for that leaves, in the turn that it became so. */
  private advance(ready: Ready): void {
    const { node, handler } = this.options;
    if (this.isStopped) return;
    handler.send(ready.messagesAfterAppend);
    node.advanceAppend(ready);
    this.schedule();
  }

  /**
   * A snapshot takes the place of log and state: first in the log, then in the backend. What raft had handed out before to be applied is in
   * it. A crash in between leaves the received state beside a log that names it, and the next start goes on from there.
   */
  private install(ready: Ready, snapshot: Snapshot): void {
    const { handler, onError } = this.options;
    this.unapplied = [];
    this.isFirstBegun = false;
    this.isInstalling = true;
    const install = async (): Promise<void> => {
      await handler.saveSnapshot(ready);
      await handler.installSnapshot(snapshot);
      this.isInstalling = false;
      this.advance(ready);
    };
    install().catch((error: unknown) =>
      onError(error instanceof Error ? error : new Error(String(error))),
    );
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
    if (entries.length === 0) return;
    const { node, handler, clock, slowWork } = this.options;
    const end = Math.min(entries.length, batchEntriesMax);
    const sinceMs = this.isFirstBegun ? this.firstBegunMs : clock.monotonicMs();
    let at = 0;
    for (; at < end; at++) {
      const entry = entries[at] as Entry;
      if (entry.type !== entryType.normal && entry.index > this.durableCommit) {
        this.storeCommit(entry.index);
        break;
      }
      const isApplied = this.isFirstBegun ? handler.applyMore(entry) : handler.apply(entry);
      if (!isApplied && !this.isFirstBegun) this.firstBegunMs = clock.monotonicMs();
      this.isFirstBegun = !isApplied;
      if (!isApplied) break;
      node.advanceApply(entry.index);
    }
    slowWork.applied(clock.monotonicMs() - sinceMs, entries, at);
    this.unapplied = at === 0 ? entries : entries.slice(at);
  }

  /**
   * A conf change is applied only when this member could not forget that it is committed. Otherwise a crash would bring it back under the
   * configuration before, while those whom the change has removed are told so by it, and go for good.
   */
  private storeCommit(index: LogIndex): void {
    if (this.isStoringCommit) return;
    this.isStoringCommit = true;
    const { wal, onError } = this.options;
    wal.saveCommit(index, (error) => {
      if (error !== null) {
        onError(error);
        return;
      }
      this.isStoringCommit = false;
      this.durableCommit = index;
      this.schedule();
    });
  }
}
