/** Runs the watchers of a member: tells them once a turn what was applied, and catches up the late ones in slices between turns. */
import type { Timers } from "../lib/ports.ts";
import type { WatchedHistory } from "../mvcc/watch/history.ts";
import { WatchHub } from "../mvcc/watch/watch-hub.ts";

export interface WatchLoopOptions {
  readonly history: WatchedHistory;
  readonly timers: Timers;
  /** The history may be read: the member runs, and no snapshot is replacing it. */
  readonly canRead: () => boolean;
  /** A record of the history is corrupt. */
  readonly onError: (error: Error) => void;
}

export class WatchLoop {
  readonly hub: WatchHub;
  private readonly options: WatchLoopOptions;
  private isScheduled = false;

  constructor(options: WatchLoopOptions) {
    this.options = options;
    this.hub = new WatchHub(options.history, () => this.schedule());
  }

  /** Entries were applied in this turn, and no transaction is open. */
  applied(): void {
    this.guarded(() => this.hub.flush());
  }

  /** A snapshot has replaced the history. */
  replaced(history: WatchedHistory): void {
    this.guarded(() => this.hub.replaceHistory(history));
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.options.timers.after(0, () => {
      this.isScheduled = false;
      // Once the snapshot is there, `replaced` begins anew.
      if (!this.options.canRead()) return;
      this.guarded(() => {
        if (this.hub.step()) this.schedule();
      });
    });
  }

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
