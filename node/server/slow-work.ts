/**
 * Tells of work that took long: a batch of the log that the disk was slow to take (storage/wal/wal.go), and entries that were slow to apply (etcdserver/txn/util.go,
 * --warning-apply-duration). Time is taken once for all entries of a turn, so that an entry costs nothing: where several were applied in one, the largest is named.
 */
import { goDurationText } from "../lib/go-units.ts";
import type { Logger } from "../lib/ports.ts";
import type { Entry } from "../raft/types.ts";
import { entryText } from "./entry-text.ts";

/** etcd's warnSyncDuration. */
const syncMsMax = 1_000;
/** etcd's DefaultWarningApplyDuration. */
const warnApplyMsDefault = 100;

export class SlowWork {
  /** Turns of applying, and entries of several turns, that were told (etcd_server_slow_apply_total). */
  slowApplies = 0;
  private readonly logger: Logger;
  private readonly applyMsMax: number;

  constructor(logger: Logger, applyMsMax = warnApplyMsDefault) {
    this.logger = logger;
    this.applyMsMax = applyMsMax;
  }

  /** A batch of the log is durable. */
  synced(tookMs: number): void {
    if (tookMs <= syncMsMax) return;
    this.logger.warn("slow fdatasync", {
      took: goDurationText(tookMs),
      "expected-duration": goDurationText(syncMsMax),
    });
  }

  /** `entries[0, count)` were applied in so long a time. */
  applied(tookMs: number, entries: readonly Entry[], count: number): void {
    if (tookMs <= this.applyMsMax || count === 0) return;
    this.slowApplies += 1;
    let largest = entries[0] as Entry;
    for (let at = 1; at < count; at++) {
      const entry = entries[at] as Entry;
      if (entry.data.length > largest.data.length) largest = entry;
    }
    this.logger.warn("apply request took too long", {
      took: goDurationText(tookMs),
      "expected-duration": goDurationText(this.applyMsMax),
      prefix: "",
      request: entryText(largest),
      response: "",
      ...(count > 1 ? { entries: count } : {}),
    });
  }
}
