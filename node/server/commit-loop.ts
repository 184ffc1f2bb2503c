/**
 * Commits the backend off the hot path: after `intervalMs`, or once enough operations gathered (etcd's --backend-batch-interval and
 * --backend-batch-limit). One commit is in flight; what is applied meanwhile goes into the next.
 */
import type { AppliedPosition, Backend } from "../backend/backend.ts";
import type { Timer, Timers } from "../lib/ports.ts";
import type { KvStore } from "../mvcc/kv-store.ts";

export interface CommitLoopOptions {
  readonly backend: Backend;
  readonly store: KvStore;
  readonly timers: Timers;
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
  private idle: (() => void) | undefined;

  constructor(options: CommitLoopOptions) {
    this.options = options;
  }

  /** To be called after entries were applied. */
  applied(): void {
    const { backend, opsMax, timers, intervalMs } = this.options;
    if (backend.isCommitting || !this.isDirty()) return;
    if (backend.pendingOps >= opsMax) this.commit();
    else this.timer ??= timers.after(intervalMs, () => this.commit());
  }

  /** Commits what is open and waits until it is on disk. */
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
    const { backend, store, position, onCommitted, onError } = this.options;
    if (backend.isCommitting) return;
    if (!this.isDirty()) {
      this.idle?.();
      return;
    }
    const mark = store.beforeCommit();
    backend.commit(position(), (error) => {
      if (error !== null) {
        onError(error);
        return;
      }
      store.afterCommit(mark);
      onCommitted();
      if (this.isStopping) this.commit();
      else this.applied();
    });
  }
}
