/**
 * Applies committed entries one by one and knows how far the applied state has come. Entries of requests go to apply/ and their results
 * to whoever waits; conf changes go to the membership and to raft. An entry may take several turns.
 */
import { Applier } from "../apply/applier.ts";
import type { ApplyResult } from "../apply/result.ts";
import type { AppliedPosition } from "../backend/backend.ts";
import type { Lessor } from "../lease/lessor.ts";
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/ports.ts";
import type { Alarms } from "../membership/alarms.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import { InternalRaftView } from "../proto/internal-raft-codec.ts";
import { type Entry, entryType } from "../raft/types.ts";
import type { ConfChangeApplier, ConfChangeOutcome } from "./conf-change-applier.ts";
import type { Proposals } from "./propose.ts";
import type { Quota } from "./quota.ts";
import type { RequestStats } from "./request-stats.ts";

export interface EntryApplierOptions {
  readonly store: KvStore;
  readonly cluster: Cluster;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  readonly confChanges: ConfChangeApplier;
  readonly proposals: Proposals;
  readonly quota: Pick<Quota, "isExceededBy" | "exceeded">;
  readonly clock: Clock;
  readonly stats: RequestStats;
  /** What the backend holds: the first entry to apply is the one behind it. */
  readonly position: AppliedPosition;
  /** A compaction was agreed on: there may be records to remove. */
  readonly onCompaction: () => void;
  /** The members or the configuration have changed, or a change was refused. */
  readonly onConfChange: (outcome: ConfChangeOutcome) => void;
}

export class EntryApplier {
  private readonly options: EntryApplierOptions;
  private readonly applier: Applier;
  private readonly view = new InternalRaftView();
  private applied: AppliedPosition;
  /** When the entry was begun with. */
  private beganMs = 0;

  constructor(options: EntryApplierOptions) {
    this.options = options;
    this.applier = new Applier(options);
    this.applied = options.position;
  }

  /** Where the applied state is, at the border of two entries: a commit of the backend holds whole entries only. */
  get position(): AppliedPosition {
    return this.applied;
  }

  /** False when that was a slice of the entry only: then `applyMore` is due, in a later turn. */
  apply(entry: Entry): boolean {
    const { index, type, data } = entry;
    assert(index === this.applied.consistentIndex + 1, "an entry was applied out of order", index);
    if (type !== entryType.normal) {
      const { confChanges, onConfChange } = this.options;
      onConfChange(confChanges.apply(entry));
    } else if (data.length > 0) {
      this.beganMs = this.options.clock.monotonicMs();
      this.view.decode(data, 0, data.length);
      const result = this.applier.apply(this.view);
      if (result === undefined) return false;
      this.answer(result);
    }
    this.moveTo(entry);
    return true;
  }

  /** The next slice of the entry for which `apply` has returned false; false again when there is more to do. */
  applyMore(entry: Entry): boolean {
    const result = this.applier.applyMore();
    if (result === undefined) return false;
    this.answer(result);
    this.moveTo(entry);
    return true;
  }

  private moveTo({ index, term }: Entry): void {
    this.applied = { consistentIndex: index, term, revision: this.options.store.currentRevision };
  }

  /** Tells who waits for the request in `view`. */
  private answer(result: ApplyResult): void {
    const nowMs = this.options.clock.monotonicMs();
    this.measure(result, nowMs);
    const proposer = this.options.proposals.resolve(this.view.idHigh, this.view.idLow, nowMs);
    if (result.kind === "compaction") this.options.onCompaction();
    const { alarms, quota } = this.options;
    if (result.kind === "refused" && result.error === "NoSpace" && !alarms.isNoSpace) {
      quota.exceeded(() => proposer?.refused("NoSpace"));
      return;
    }
    if (proposer === undefined) return;
    if (result.kind === "refused") proposer.refused(result.error);
    else proposer.applied(result);
  }

  private measure(result: ApplyResult, nowMs: number): void {
    const { stats } = this.options;
    // Who asks too late for a compaction has what he wanted, as on etcd.
    const isSuccess = result.kind !== "refused" || result.error === "Compacted";
    const seconds = (nowMs - this.beganMs) / 1000;
    if (!this.view.isV2) stats.applySeconds.observe(this.view.field, isSuccess, seconds);
  }
}
