/**
 * Defragment: gives the room of what compaction has removed back to the disk. On etcd this stops every read and write of the member; here the
 * backend merges its tables on a thread of its own while everything goes on.
 */
import type { BackendDisk } from "../backend/backend.ts";
import { goDurationText, goSizeText } from "../lib/go-units.ts";
import { exponentialBuckets, Histogram } from "../lib/histogram.ts";
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import type { CompactionWaiter } from "./compactor.ts";

/** The applied state that is defragmented; a received snapshot replaces it. */
export interface DefragmentedState {
  readonly backend: Pick<BackendDisk, "compactDisk" | "sizeOnDisk">;
  readonly store: {
    readonly logicalBytes: number;
    readonly freedBytes: number;
    defragmented(): void;
  };
  readonly compactor: { done(waiter: CompactionWaiter): void };
}

export interface DefragmentationOptions {
  readonly state: () => DefragmentedState;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Directory of the backend, for the log. */
  readonly path: string;
}

/** How long to wait for a compaction that is under way, so that what it removes goes too. Long reads can hold it up for longer. */
const compactionWaitMs = 5000;

export class Defragmentation {
  /** How long each took. */
  readonly seconds = new Histogram(exponentialBuckets(0.1, 2, 13));
  private readonly options: DefragmentationOptions;
  private running: Promise<void> | undefined;
  /** The one behind it: all that are asked for meanwhile are one. */
  private next: Promise<void> | undefined;

  constructor(options: DefragmentationOptions) {
    this.options = options;
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  /**
   * Resolves when the disk has back what was removed before the call. One at a time; calls that come while one runs share the next. Rejects when
   * the disk fails, or the backend closes.
   */
  run(): Promise<void> {
    const { running } = this;
    if (running === undefined) return this.start();
    this.next ??= running
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        return this.start();
      });
    return this.next;
  }

  /** At the member's start (--bootstrap-defrag-threshold-megabytes): when so many bytes of the disk's are garbage. 0 for never. */
  async runAbove(thresholdBytes: number): Promise<void> {
    if (thresholdBytes === 0) return;
    const { state, logger } = this.options;
    const { backend, store } = state();
    const size = await backend.sizeOnDisk();
    const inUse = store.logicalBytes;
    if (size - inUse >= thresholdBytes) {
      await this.run();
      return;
    }
    logger.info("Skipping defragmentation", {
      ...sizes(size, inUse),
      "bootstrap-defrag-threshold-bytes": thresholdBytes,
      "bootstrap-defrag-threshold": goSizeText(thresholdBytes),
    });
  }

  private start(): Promise<void> {
    this.running = this.defragment().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async defragment(): Promise<void> {
    const { clock, logger, path } = this.options;
    const startMs = clock.monotonicMs();
    const { backend, store } = await this.compactedState();
    const before = store.logicalBytes + store.freedBytes;
    const inUseBefore = store.logicalBytes;
    logger.info("defragmenting", { path, ...sizes(before, inUseBefore) });
    await backend.compactDisk();
    store.defragmented();
    const took = clock.monotonicMs() - startMs;
    this.seconds.observe(took / 1000);
    const { logicalBytes, freedBytes } = store;
    const size = logicalBytes + freedBytes;
    logger.info("finished defragmenting directory", {
      path,
      "current-db-size-bytes-diff": size - before,
      "current-db-size-bytes": size,
      "current-db-size": goSizeText(size),
      "current-db-size-in-use-bytes-diff": logicalBytes - inUseBefore,
      "current-db-size-in-use-bytes": logicalBytes,
      "current-db-size-in-use": goSizeText(logicalBytes),
      took: goDurationText(took),
    });
  }

  /** The state once the removals of a compaction are on disk, or the wait for them has been long enough. */
  private compactedState(): Promise<DefragmentedState> {
    const { state, timers } = this.options;
    return new Promise((resolve, reject) => {
      const timer = timers.after(compactionWaitMs, () => resolve(state()));
      state().compactor.done((error) => {
        timer.cancel();
        if (error === undefined) resolve(state());
        else reject(new Error("the store is being closed"));
      });
    });
  }
}

const sizes = (size: number, inUse: number) => ({
  "current-db-size-bytes": size,
  "current-db-size": goSizeText(size),
  "current-db-size-in-use-bytes": inUse,
  "current-db-size-in-use": goSizeText(inUse),
});
