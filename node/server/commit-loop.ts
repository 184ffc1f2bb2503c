/**
 * Commits the backend off the hot path: after `intervalMs`, or once enough operations gathered (etcd's --backend-batch-interval and
 * --backend-batch-limit). One commit is in flight; what is applied meanwhile goes into the next.
 */
import type { AppliedPosition, Backend } from "../backend/backend.ts";
import { diskError } from "../lib/disk-error.ts";
import type { Histogram } from "../lib/histogram.ts";
import type { Clock, Timer, Timers } from "../lib/ports.ts";
import type { KvStore } from "../mvcc/kv-store.ts";

export interface CommitLoopOptions {
  readonly backend: Backend;
  readonly store: KvStore;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Gets how long each commit took. */
  readonly seconds: Histogram;
  readonly intervalMs: number;
  readonly opsMax: number;
  /** Position of everything applied so far, asked at an entry's border. */
  readonly position: () => AppliedPosition;
  /** A commit completed: `backend.committed` has moved. */
  readonly onCommitted: () => void;
  readonly onError: (error: Error) => void;
}

export class CommitLoop {
  private readonly options: CommitLoopOptions;
  private timer: Timer | undefined;
  private isStopping = false;
  /** Somebody waits for what is open. */
  private isUrgent = false;
  private idle: (() => void) | undefined;

  constructor(options: CommitLoopOptions) {
    this.options = options;
  }

  /** To be called after entries were applied. */
  applied(): void {
    const { backend, store, opsMax, timers, intervalMs } = this.options;
    if (backend.isCommitting || store.isWriting || !this.isDirty()) return;
    if (backend.pendingOps >= opsMax) this.commit();
    else this.timer ??= timers.after(intervalMs, () => this.commit());
  }

  /** Commits what is open without waiting for its time: at once, or behind the commit in flight. */
  commitNow(): void {
    if (this.options.backend.isCommitting) this.isUrgent = true;
    else if (this.isDirty()) this.commit();
  }

  /** Commits what is open and waits until it is on disk; with an entry half applied, waits for the commit in flight only. */
  stop(): Promise<void> {
    this.isStopping = true;
    return new Promise((resolve) => {
      this.idle = resolve;
      if (!this.options.backend.isCommitting) this.commit();
    });
  }

  private isDirty(): boolean {
    const { backend, position } = this.options;
    return backend.pendingOps > 0 || position().consistentIndex > backend.committed.consistentIndex;
  }

  private commit(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const { backend, store, position, clock, seconds, onCommitted, onError } = this.options;
    if (backend.isCommitting) return;
    // Half an entry is never committed: what is open waits until the entry is whole, or, at a stop, is applied from the log again.
    if (store.isWriting || !this.isDirty()) {
      this.idle?.();
      return;
    }
    const mark = store.beforeCommit();
    const sinceMs = clock.monotonicMs();
    backend.commit(position(), (error) => {
      if (error !== null) {
        onError(diskError("cannot commit the backend", error));
        return;
      }
      seconds.observe((clock.monotonicMs() - sinceMs) / 1000);
      store.afterCommit(mark);
      onCommitted();
      const isUrgent = this.isUrgent && this.isDirty();
      this.isUrgent = false;
      if (this.isStopping || isUrgent) this.commit();
      else this.applied();
    });
  }
}
