/**
 * Linearizable reads (thesis 6.4; etcd's linearizableReadLoop). All reads that arrive while a ReadIndex is asked for share the
 * *next* one: a read joins a batch only if that batch's ReadIndex was not yet issued when it arrived.
 */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import { goDurationText } from "../lib/go-units.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import type { LogIndex } from "../lib/units.ts";

/** How long an answer may take before raft is asked again: the question or the answer may have been lost (etcd's readIndexRetryTime). */
const retryMs = 500;

/** Who waits to read. Exactly one of the two is called, once. */
export interface ReadWaiter {
  /** The applied state is as new as the moment the read arrived: read now, in this call. */
  readable(): void;
  refused(error: EtcdErrorKind): void;
}

/** Raft's answer to a question: what must be applied before those who asked may read. */
export interface ReadAnswer {
  readonly context: number;
  readonly index: LogIndex;
}

/** What went wrong with asking, for /metrics (etcd etcdserver/read/metrics.go). */
export class ReadIndexStats {
  /** Reads that waited too long together, and answers that came too late to be of use. */
  slow = 0;
  /** Questions that a change of the leader has cost. */
  failed = 0;
}

interface Batch {
  waiters: readonly ReadWaiter[];
  /** When each of them has waited long enough, at the same place; in order. */
  deadlinesMs: readonly number[];
  /** Known once raft answered. */
  index: LogIndex | undefined;
  /** When raft was asked last. */
  askedMs: number;
}

export class ReadIndexQueue {
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly timeoutMs: number;
  private readonly stats: ReadIndexStats;
  private arriving: ReadWaiter[] = [];
  private arrivingDeadlinesMs: number[] = [];
  /** By context. A batch that was asked for again is here several times: any of the answers is as good. */
  private readonly issued = new Map<number, Batch>();
  private lastContext = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly timeoutMs: number;
    readonly stats?: ReadIndexStats;
  }) {
    this.clock = options.clock;
    this.logger = options.logger;
    this.stats = options.stats ?? new ReadIndexStats();
    this.timeoutMs = options.timeoutMs;
  }

  add(waiter: ReadWaiter): void {
    this.arriving.push(waiter);
    this.arrivingDeadlinesMs.push(this.clock.monotonicMs() + this.timeoutMs);
  }

  get isEmpty(): boolean {
    return this.arriving.length === 0;
  }

  /** Asks for one index on behalf of all that arrived. Without a leader they stay, until they time out. */
  issue(readIndex: (context: number) => boolean): void {
    if (this.arriving.length === 0 || !readIndex(this.lastContext + 1)) return;
    this.lastContext += 1;
    const batch: Batch = {
      waiters: this.arriving,
      deadlinesMs: this.arrivingDeadlinesMs,
      index: undefined,
      askedMs: this.clock.monotonicMs(),
    };
    this.issued.set(this.lastContext, batch);
    this.arriving = [];
    this.arrivingDeadlinesMs = [];
  }

  /** Asks again for batches whose answer is long due. */
  retry(readIndex: (context: number) => boolean): void {
    if (this.issued.size === 0) return;
    const now = this.clock.monotonicMs();
    for (const batch of new Set(this.issued.values())) {
      if (batch.index !== undefined || now - batch.askedMs < retryMs) continue;
      this.logger.warn("waiting for ReadIndex response took too long, retrying", {
        "sent-request-id": this.lastContext,
        "retry-timeout": goDurationText(retryMs),
      });
      batch.askedMs = now;
      if (!readIndex(this.lastContext + 1)) return;
      this.lastContext += 1;
      this.issued.set(this.lastContext, batch);
    }
  }

  /** A new leader: what the one before was asked for is not answered any more. etcd lets such reads fail, and clients ask again. */
  leaderChanged(): void {
    for (const [context, batch] of this.issued) {
      if (batch.index !== undefined) continue;
      this.issued.delete(context);
      if (batch.waiters.length > 0) this.stats.failed += 1;
      this.refuse(batch.waiters, "LeaderChanged");
      batch.waiters = [];
    }
  }

  answered(answers: readonly ReadAnswer[]): void {
    for (const { context, index } of answers) {
      const batch = this.issued.get(context);
      if (batch === undefined) this.stats.slow += 1;
      else batch.index ??= index;
    }
  }

  /** Serves every batch whose index is applied. */
  serve(applied: LogIndex): void {
    for (const [context, batch] of this.issued) {
      const { waiters, index } = batch;
      if (index === undefined || index > applied) continue;
      this.issued.delete(context);
      batch.waiters = [];
      for (const waiter of waiters) waiter.readable();
    }
  }

  expire(): void {
    const now = this.clock.monotonicMs();
    const late = lateCount(this.arrivingDeadlinesMs, now);
    if (late > 0) {
      this.stats.slow += 1;
      this.arrivingDeadlinesMs.splice(0, late);
      this.refuse(this.arriving.splice(0, late), "Timeout");
    }
    for (const [context, batch] of this.issued) {
      const { waiters } = batch;
      const count = lateCount(batch.deadlinesMs, now);
      if (count > 0) this.stats.slow += 1;
      if (count === 0 && waiters.length > 0) continue;
      batch.waiters = waiters.slice(count);
      batch.deadlinesMs = batch.deadlinesMs.slice(count);
      if (batch.waiters.length === 0) this.issued.delete(context);
      this.refuse(waiters.slice(0, count), "Timeout");
    }
  }

  refuseAll(error: EtcdErrorKind): void {
    const batches = [...new Set(this.issued.values())];
    this.issued.clear();
    this.arrivingDeadlinesMs = [];
    this.refuse(this.arriving.splice(0), error);
    for (const { waiters } of batches) this.refuse(waiters, error);
  }

  private refuse(waiters: readonly ReadWaiter[], error: EtcdErrorKind): void {
    for (const waiter of waiters) waiter.refused(error);
  }
}

/** How many of these deadlines, which are in order, have passed. */
function lateCount(deadlinesMs: readonly number[], now: number): number {
  let count = 0;
  while (count < deadlinesMs.length && (deadlinesMs[count] as number) <= now) count += 1;
  return count;
}
