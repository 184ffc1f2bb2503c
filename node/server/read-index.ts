/**
 * Linearizable reads (thesis 6.4; etcd's linearizableReadLoop). All reads that arrive while a ReadIndex is asked for share the
 * *next* one: a read joins a batch only if that batch's ReadIndex was not yet issued when it arrived.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";
import type { ReadState } from "../raft/raft.ts";

/** Who waits to read. Exactly one of the two is called, once. */
export interface ReadWaiter {
  /** The applied state is as new as the moment the read arrived: read now, in this call. */
  readable(): void;
  refused(error: EtcdErrorKind): void;
}

interface Batch {
  readonly waiters: readonly ReadWaiter[];
  readonly deadlineMs: number;
  /** Known once raft answered. */
  index: LogIndex | undefined;
}

export class ReadIndexQueue {
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  private arriving: ReadWaiter[] = [];
  private firstArrivalMs = 0;
  private readonly issued = new Map<number, Batch>();
  private lastContext = 0;

  constructor(options: { readonly clock: Clock; readonly timeoutMs: number }) {
    this.clock = options.clock;
    this.timeoutMs = options.timeoutMs;
  }

  add(waiter: ReadWaiter): void {
    if (this.arriving.length === 0) this.firstArrivalMs = this.clock.monotonicMs();
    this.arriving.push(waiter);
  }

  get isEmpty(): boolean {
    return this.arriving.length === 0;
  }

  /** Asks for one index on behalf of all that arrived. Without a leader they stay, until they time out. */
  issue(readIndex: (context: number) => boolean): void {
    if (this.arriving.length === 0 || !readIndex(this.lastContext + 1)) return;
    this.lastContext += 1;
    const deadlineMs = this.firstArrivalMs + this.timeoutMs;
    this.issued.set(this.lastContext, { waiters: this.arriving, deadlineMs, index: undefined });
    this.arriving = [];
  }

  answered(readStates: readonly ReadState[]): void {
    for (const { context, index } of readStates) {
      const batch = this.issued.get(context);
      if (batch !== undefined) batch.index = index;
    }
  }

  /** Serves every batch whose index is applied. */
  serve(applied: LogIndex): void {
    for (const [context, { waiters, index }] of this.issued) {
      if (index === undefined || index > applied) continue;
      this.issued.delete(context);
      for (const waiter of waiters) waiter.readable();
    }
  }

  expire(): void {
    const now = this.clock.monotonicMs();
    if (this.arriving.length > 0 && this.firstArrivalMs + this.timeoutMs <= now) {
      this.refuse(this.arriving.splice(0), "Timeout");
    }
    for (const [context, { waiters, deadlineMs }] of this.issued) {
      if (deadlineMs > now) continue;
      this.issued.delete(context);
      this.refuse(waiters, "Timeout");
    }
  }

  refuseAll(error: EtcdErrorKind): void {
    const batches = [...this.issued.values()];
    this.issued.clear();
    this.refuse(this.arriving.splice(0), error);
    for (const { waiters } of batches) this.refuse(waiters, error);
  }

  private refuse(waiters: readonly ReadWaiter[], error: EtcdErrorKind): void {
    for (const waiter of waiters) waiter.refused(error);
  }
}
