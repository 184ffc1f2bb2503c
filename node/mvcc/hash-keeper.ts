/**
 * When hashes are taken (etcd's HashStorage): after the commit of what they are of, while a pin holds later compactions up. On
 * request it takes one before each compaction too and keeps the last ten until the process ends, as etcd does: members that compare the hash
 * of a compaction need not have compacted equally far. That reads every record up to the compaction, so it is not done unasked.
 */
import type { Revision } from "../lib/units.ts";
import type { KvCompaction } from "./kv-compact.ts";
import { type HashKvOutcome, hashBuckets, hashRecords } from "./kv-hash.ts";
import type { KvRecords } from "./kv-records.ts";

/** etcd's hashStorageMaxSize. */
const keptMax = 10;

export interface KvHash {
  readonly hash: number;
  /** Of the compaction before; -1 when there was none. */
  readonly compactRevision: number;
  /** The revision the hash is of. */
  readonly hashRevision: number;
}

export class HashKeeper {
  private readonly records: KvRecords;
  private readonly compaction: KvCompaction;
  private committed: Revision;
  private waiting: { readonly at: number; readonly resolve: () => void }[] = [];
  private kept: readonly KvHash[] = [];
  /** The hash that a compaction waits for. */
  private taking: { readonly at: Revision; readonly taken: Promise<void> } | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(records: KvRecords, compaction: KvCompaction, committed: Revision) {
    this.records = records;
    this.compaction = compaction;
    this.committed = committed;
  }

  /** Hashes of the last compactions, oldest first. */
  get compactions(): readonly KvHash[] {
    return this.kept;
  }

  /** Records up to a revision are on the disk. */
  committedUpTo(at: Revision): void {
    this.committed = at;
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter((waiter) => waiter.at <= at);
    this.waiting = this.waiting.filter((waiter) => waiter.at > at);
    for (const { resolve } of due) resolve();
  }

  /** A compaction waits for its hash. */
  get isTaking(): boolean {
    return this.taking !== undefined;
  }

  /** HashKV at `at`, or at the current revision for 0, which is never a kept one, as on etcd. Rejects as `Backend.scanCommitted` does. */
  async hashKv(at: number, current: Revision): Promise<HashKvOutcome> {
    if (this.taking?.at === at) await this.taking.taken;
    const kept = this.kept.find(({ hashRevision }) => hashRevision === at);
    if (kept !== undefined) return { kind: "ok", ...kept, revision: current };
    if (at > 0 && at < this.compaction.compactRevision) return { kind: "compacted" };
    if (at > current) return { kind: "futureRevision" };
    return { kind: "ok", ...(await this.take(at === 0 ? current : at)), revision: current };
  }

  /**
   * To be called before a compaction at `at` is scheduled, which then waits for the hash. Not to be called while the one before
   * is unfinished: etcd keeps no hash of such a one.
   */
  beforeCompaction(at: Revision): void {
    const taken = this.take(at, "compaction").then(
      (hash) => {
        this.kept = [...this.kept, hash].slice(-keptMax);
        this.taking = undefined;
      },
      (error: unknown) => {
        this.failure = { error };
        this.taking = undefined;
      },
    );
    this.taking = { at, taken };
  }

  /** Throws what went wrong with the hash of a compaction. */
  throwFailure(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  /** Maintenance.Hash; the records up to `current` are in it. */
  async hash(current: Revision): Promise<number> {
    await this.commitOf(current);
    return hashBuckets(this.records, current);
  }

  private async take(hashRevision: number, use: "asked" | "compaction" = "asked"): Promise<KvHash> {
    const { compactRevision } = this.compaction;
    const pin = this.compaction.pin(compactRevision);
    try {
      await this.commitOf(hashRevision);
      const hash = await hashRecords(this.records, Math.max(0, hashRevision), compactRevision, use);
      return { hash, compactRevision, hashRevision };
    } finally {
      pin.release();
    }
  }

  private async commitOf(at: number): Promise<void> {
    if (at <= this.committed) return;
    await new Promise<void>((resolve) => this.waiting.push({ at, resolve }));
  }
}
