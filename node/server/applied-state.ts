/**
 * What applied entries have made, and what works on it: backend, store, membership, the applier and the two jobs that run beside it. A
 * snapshot from another member replaces all of it at once, so it is one object; the log and raft live longer.
 */
import { ensureAuthRevision } from "../auth/auth-revision.ts";
import type { AppliedPosition } from "../backend/backend.ts";
import type { MemberBackend } from "../backend/backend-snapshot.ts";
import { Lessor } from "../lease/lessor.ts";
import type { ClusterId, MemberId } from "../lib/units.ts";
import { Alarms } from "../membership/alarms.ts";
import type { Cluster } from "../membership/cluster.ts";
import { KvStore } from "../mvcc/kv-store.ts";
import type { RawNode } from "../raft/raw-node.ts";
import { CommitLoop } from "./commit-loop.ts";
import { Compactor } from "./compactor.ts";
import { ConfChangeApplier, type ConfChangeOutcome } from "./conf-change-applier.ts";
import { EntryApplier } from "./entry-applier.ts";
import { type MemberOptions, membershipSettings, minTtlSeconds } from "./member-options.ts";
import type { MemberStats } from "./member-stats.ts";
import type { Proposals } from "./propose.ts";
import type { Quota } from "./quota.ts";

/** etcd's defaults of --compaction-batch-limit and --compaction-sleep-interval. */
const batchRecordsDefault = 1000;
const sleepMsDefault = 10;

/** Reads the backend whole. Throws CorruptionError, and BackendDamage before anything was written. */
export async function openStore(
  backend: MemberBackend,
  { ports, config, paths }: MemberOptions,
  stats: MemberStats,
): Promise<KvStore> {
  const { random, logger, fs, timers } = ports;
  const store = await KvStore.open({
    backend,
    random,
    valueCacheBytesMax: config.valueCacheBytesMax,
    checkpoint: { fs, timers, logger, path: `${paths.snap}/index.checkpoint`, disk: backend },
    hashCompactions: true,
    totals: stats.store,
  });
  ensureAuthRevision(backend);
  return store;
}

export interface AppliedStateParts {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  /** Stays one object over a snapshot: it reads the new backend. */
  readonly cluster: Cluster;
  readonly options: MemberOptions;
  readonly node: RawNode;
  readonly proposals: Proposals;
  readonly stats: MemberStats;
  readonly quota: Quota;
  /** A compaction was applied. */
  readonly onCompaction: () => void;
  readonly onConfChange: (outcome: ConfChangeOutcome) => void;
  /** A commit of the backend completed. */
  readonly onCommitted: () => void;
  readonly onError: (error: Error) => void;
}

export class AppliedState {
  readonly backend: MemberBackend;
  readonly store: KvStore;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  readonly applier: EntryApplier;
  readonly commits: CommitLoop;
  readonly compactor: Compactor;

  constructor(backend: MemberBackend, store: KvStore, parts: AppliedStateParts) {
    const { id, clusterId, cluster, options, node, proposals, stats, onError } = parts;
    const { clock, timers, logger } = options.ports;
    this.backend = backend;
    this.store = store;
    this.alarms = new Alarms(backend);
    this.lessor = new Lessor({
      backend,
      clock,
      minTtlSeconds: minTtlSeconds(options.config),
      checkpointIntervalMs: options.config.leaseCheckpointIntervalMs,
      stats: stats.leases,
    });
    const { maxLearners } = membershipSettings(options.config);
    this.applier = new EntryApplier({
      store,
      cluster,
      alarms: this.alarms,
      lessor: this.lessor,
      confChanges: new ConfChangeApplier({ id, clusterId, cluster, node, maxLearners, logger }),
      proposals,
      quota: parts.quota,
      clock,
      stats: stats.requests,
      position: backend.committed,
      onCompaction: parts.onCompaction,
      onConfChange: parts.onConfChange,
    });
    this.commits = new CommitLoop({
      backend,
      store,
      timers,
      intervalMs: options.config.backendBatchIntervalMs,
      opsMax: options.config.backendBatchOps,
      position: () => this.applier.position,
      clock,
      seconds: stats.backendCommitSeconds,
      onCommitted: () => {
        this.compactor.committed();
        parts.onCommitted();
      },
      onError,
    });
    this.compactor = this.newCompactor(options, stats, onError);
    // An index that came from a checkpoint is held against the disk while the member serves.
    store.checkRecords().catch((error: unknown) => {
      if (!this.isClosed) onError(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** Where it stands, at the border of two entries. */
  get position(): AppliedPosition {
    return this.applier.position;
  }

  /** Nothing reads or writes it any more, or may. */
  isClosed = false;

  /**
   * Makes everything applied durable and closes the files; half an entry is given up with what came since the last commit. `isReplaced`: a
   * received state takes its place, so that nothing need be kept for a start from it.
   */
  async close({ isReplaced = false } = {}): Promise<void> {
    this.isClosed = true;
    this.compactor.stop();
    await this.commits.stop();
    if (!isReplaced && !this.store.isWriting) await this.store.saveCheckpoint();
    await this.backend.close();
  }

  private newCompactor(
    options: MemberOptions,
    { compaction }: MemberStats,
    onError: (error: Error) => void,
  ): Compactor {
    const { clock, timers, logger } = options.ports;
    const { compactionBatchRecords = 0, compactionSleepMs = 0 } = options.config;
    return new Compactor({
      store: this.store,
      backend: this.backend,
      clock,
      timers,
      logger,
      batchRecordsMax: compactionBatchRecords === 0 ? batchRecordsDefault : compactionBatchRecords,
      sleepMs: compactionSleepMs === 0 ? sleepMsDefault : compactionSleepMs,
      onProgress: () => this.commits.applied(),
      commitNow: () => this.commits.commitNow(),
      onError,
      stats: compaction,
    });
  }
}
