/**
 * One member: its log, its applied state, and the loop between them. Everything it needs of the world comes in through ports and
 * parts, so that the simulator runs the same member (DESIGN section 4, decision 9).
 */
import { ensureAuthRevision } from "../auth/auth-revision.ts";
import type { Backend } from "../backend/backend.ts";
import type { Clock, Timer, Timers } from "../lib/ports.ts";
import { type ClusterId, idToHex, type LogIndex, type MemberId, type Term } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import { KvStore } from "../mvcc/kv-store.ts";
import type { Proposal, ReadState } from "../raft/raft.ts";
import { RawNode } from "../raft/raw-node.ts";
import { type Entry, entryType } from "../raft/types.ts";
import { SnapDir } from "../snap/snap-dir.ts";
import type { Wal } from "../wal/wal.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import { CommitLoop } from "./commit-loop.ts";
import { type CompactionWaiter, Compactor } from "./compactor.ts";
import { EntryApplier } from "./entry-applier.ts";
import { Leadership } from "./leadership.ts";
import { applyGapMax, backendPendingBytesMax, batchEntriesMax } from "./limits.ts";
import { electionTimeoutMs, type MemberOptions, requestTimeoutMs } from "./member-options.ts";
import { MemberStats } from "./member-stats.ts";
import { Proposals, type Proposer } from "./propose.ts";
import { publish } from "./publish.ts";
import { ReadIndexQueue, type ReadWaiter } from "./read-index.ts";
import { type ReadyHandler, ReadyLoop } from "./ready-loop.ts";
import { membershipOf, Snapshotter } from "./snapshot.ts";

/** etcd's defaults of --compaction-batch-limit and --compaction-sleep-interval. */
const batchRecordsDefault = 1000;
const sleepMsDefault = 10;

/** What Status tells of raft. */
export interface RaftStatus {
  readonly term: Term;
  readonly lead: MemberId;
  readonly committed: LogIndex;
  readonly applied: LogIndex;
}

export class Member implements ReadyHandler {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly store: KvStore;
  readonly cluster: Cluster;
  readonly stats = new MemberStats();

  private readonly options: MemberOptions;
  private readonly backend: Backend;
  private readonly node: RawNode;
  private readonly wal: Wal;
  private readonly proposals: Proposals;
  private readonly reads: ReadIndexQueue;
  private readonly applier: EntryApplier;
  private readonly loop: ReadyLoop;
  private readonly commits: CommitLoop;
  private readonly snapshotter: Snapshotter;
  private readonly compactor: Compactor;
  private readonly ticker: Timer;
  private learns: boolean;
  private readonly leadership: Leadership;
  private readonly awaitingWhole: ReadWaiter[] = [];
  private readonly compactionListeners: (() => void)[] = [];
  private state: "running" | "stopped" | "failed" = "running";

  /** Reads what the disk holds, joins the log and starts to tick. Resolves once the member has published itself. */
  static async start(options: MemberOptions): Promise<Member> {
    const { ports, config, backend } = options;
    const { random, logger, fs } = ports;
    const { name, clientUrls, peerUrls, clusterToken, valueCacheBytesMax } = config;
    const store = await KvStore.open({
      backend,
      random,
      valueCacheBytesMax,
      checkpoint: {
        fs,
        timers: ports.timers,
        logger,
        path: `${options.paths.snap}/index.checkpoint`,
        disk: backend,
      },
      hashCompactions: true,
    });
    ensureAuthRevision(backend);
    const newMember = { peerUrls, clusterToken };
    const { maxSnapshots } = config;
    const snaps = new SnapDir(options.paths.snap, { fs, logger, maxSnapshots });
    const parts = await bootstrap({ ...options, fs, newMember, snaps });
    const ids = {
      "local-member-id": idToHex(parts.memberId),
      "cluster-id": idToHex(parts.clusterId),
    };
    logger.info("starting local member", {
      ...ids,
      "applied-index": backend.committed.consistentIndex,
      "commit-index": parts.storage.initialHardState.commit,
      "replayed-entries": parts.storage.lastIndex - backend.committed.consistentIndex,
    });
    const member = new Member(options, store, parts);
    await publish(member, { name, clientUrls }, ports.timers);
    logger.info("published local member to cluster through raft", ids);
    // An index that came from a checkpoint is held against the disk while the member serves.
    store.checkRecords().catch((error: unknown) => member.failed(error));
    return member;
  }

  private constructor(options: MemberOptions, store: KvStore, parts: Bootstrapped) {
    const { ports, config, backend } = options;
    const { clock, timers, random, logger } = ports;
    const { memberId: id, cluster, wal, storage } = parts;
    const { requestBytesMax, electionTicks, snapshotCount, catchupEntries } = config;
    const timeoutMs = requestTimeoutMs(config);
    const onError = (error: Error): void => this.fail(error);
    const position = backend.committed;
    this.options = options;
    this.id = id;
    this.clusterId = parts.clusterId;
    this.store = store;
    this.cluster = cluster;
    this.backend = backend;
    this.learns = cluster.member(id)?.isLearner ?? false;
    this.wal = wal;
    this.leadership = new Leadership({ id, clock, electionTimeoutMs: electionTimeoutMs(config) });
    this.proposals = new Proposals({
      clock,
      timeoutMs,
      id,
      requestBytesMax,
      timeoutError: (sinceMs) => this.leadership.timeoutError(sinceMs),
    });
    this.reads = new ReadIndexQueue({ clock, timeoutMs });
    const applied = position.consistentIndex;
    const committedPerReadyMax = batchEntriesMax;
    this.node = new RawNode({ id, electionTicks, storage, applied, random, committedPerReadyMax });
    const { node, proposals } = this;
    this.applier = new EntryApplier({
      store,
      cluster,
      node,
      proposals,
      position,
      onCompaction: () => this.compacted(),
    });
    const { walSyncSeconds: syncSeconds } = this.stats;
    this.loop = new ReadyLoop({ node, wal, timers, clock, syncSeconds, handler: this, onError });
    this.snapshotter = new Snapshotter(
      {
        wal,
        snaps: parts.snaps,
        storage,
        logger,
        snapshotCount,
        catchupEntries,
        applied: () => this.applier.position,
        membership: () => membershipOf(cluster, backend),
        onError,
      },
      parts.snapshotIndex,
    );
    this.commits = new CommitLoop({
      backend,
      store,
      timers,
      intervalMs: config.backendBatchIntervalMs,
      opsMax: config.backendBatchOps,
      position: () => this.applier.position,
      clock,
      seconds: this.stats.backendCommitSeconds,
      onCommitted: () => this.committed(),
      onError,
    });
    this.compactor = this.newCompactor();
    // Behind everything that this turn read: after a stall a tick must not come before the messages that waited meanwhile.
    this.ticker = timers.every(config.tickMs, () => timers.endOfTurn(() => this.tick()));
    this.loop.schedule();
    this.compactor.resume();
  }

  private newCompactor(): Compactor {
    const { ports, config } = this.options;
    const { clock, timers, logger } = ports;
    const { compactionBatchRecords = 0, compactionSleepMs = 0 } = config;
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
      onError: (error) => this.fail(error),
    });
  }

  get clock(): Clock {
    return this.options.ports.clock;
  }

  get timers(): Timers {
    return this.options.ports.timers;
  }

  get electionTimeoutMs(): number {
    return electionTimeoutMs(this.options.config);
  }

  /** Largest entry that a request may become. */
  get requestBytesMax(): number {
    return this.options.config.requestBytesMax;
  }

  /** This member has no vote: it serves little else than its own copy (thesis 4.2.1). */
  get isLearner(): boolean {
    return this.learns;
  }

  get raft(): RaftStatus {
    const { node } = this;
    return { term: node.term, lead: node.lead, committed: node.committed, applied: node.applied };
  }

  get isLeader(): boolean {
    return this.node.lead === this.id;
  }

  /** Requests on their way through the log. */
  get pendingProposals(): number {
    return this.proposals.pendingCount;
  }

  /** Requests that failed on that way since the start. */
  get failedProposals(): number {
    return this.proposals.failedCount;
  }

  get leaderChanges(): number {
    return this.leadership.changes;
  }

  get hasLeader(): boolean {
    return this.node.lead !== 0n;
  }

  /** Proposes `message[start, end)` as `field` of InternalRaftRequest. Copies it. The answer comes in a later turn, a refusal perhaps now. */
  propose(
    field: number,
    message: Uint8Array,
    start: number,
    end: number,
    proposer: Proposer,
  ): void {
    if (this.state !== "running") {
      proposer.refused("Stopped");
      return;
    }
    if (this.node.committed - this.node.applied > applyGapMax) {
      proposer.refused("TooManyRequests");
      return;
    }
    this.proposals.add(field, message, start, end, proposer);
    this.loop.schedule();
  }

  /** Calls the waiter once the applied state is as new as this moment. */
  linearizableRead(waiter: ReadWaiter): void {
    if (this.state !== "running") {
      waiter.refused("Stopped");
      return;
    }
    this.reads.add(waiter);
    this.loop.schedule();
  }

  /** Calls the waiter once no entry is half applied: now, or when the one under way is whole. For what reads the store directly. */
  whenReadable(waiter: ReadWaiter): void {
    if (this.state !== "running") waiter.refused("Stopped");
    else if (this.store.isWriting) this.awaitingWhole.push(waiter);
    else waiter.readable();
  }

  /** Runs `listener` after each compaction that is applied. */
  onCompaction(listener: () => void): void {
    this.compactionListeners.push(listener);
  }

  /** Runs `waiter` when nothing that was compacted is left to remove, and that is on disk. */
  compactionDone(waiter: CompactionWaiter): void {
    this.compactor.done(waiter);
  }

  /**
   * Answers what waits with "server stopped", then makes everything applied durable and closes the files. An entry that is half applied is given
   * up with what was applied since the last commit: the next start takes both from the log.
   */
  async stop(): Promise<void> {
    if (this.state !== "running") return;
    this.halt("stopped");
    await this.commits.stop();
    if (!this.store.isWriting) await this.store.saveCheckpoint();
    await this.wal.close();
    await this.backend.close();
  }

  private halt(state: "stopped" | "failed"): void {
    this.state = state;
    this.ticker.cancel();
    this.loop.stop();
    this.compactor.stop();
    this.proposals.refuseAll("Stopped");
    this.reads.refuseAll("Stopped");
    for (const waiter of this.awaitingWhole.splice(0)) waiter.refused("Stopped");
  }

  /** Corruption that a read outside of the log has met. No effect on a member that is stopping. */
  failed(error: unknown): void {
    if (this.state === "running")
      this.fail(error instanceof Error ? error : new Error(String(error)));
  }

  private fail(error: Error): void {
    if (this.state === "failed") return;
    this.halt("failed");
    this.options.onFatal(error);
  }

  private tick(): void {
    if (this.state !== "running") return;
    this.node.tick();
    this.proposals.expire();
    this.reads.expire();
    this.reads.retry((context) => this.node.readIndex(context));
    if (this.node.hasReady() || !this.reads.isEmpty) this.loop.schedule();
  }

  private compacted(): void {
    // Its hash, and those who wait for the removal, need what is applied on disk.
    this.timers.endOfTurn(() => this.commits.commitNow());
    this.compactor.schedule();
    for (const listener of this.compactionListeners) listener();
  }

  private committed(): void {
    this.compactor.committed();
    this.snapshotter.committed(this.backend.committed);
    // Applying may have waited for this.
    this.loop.schedule();
  }

  // --- ReadyHandler

  hasProposals(): boolean {
    return !this.proposals.isEmpty;
  }

  takeProposals(): readonly Proposal[] {
    return this.proposals.take();
  }

  issueReads(): void {
    // A new leader does not know what the one before was asked.
    if (this.leadership.note(this.node.lead)) this.reads.leaderChanged();
    if (!this.reads.isEmpty) this.reads.issue((context) => this.node.readIndex(context));
  }

  canApply(): boolean {
    return this.backend.pendingBytes < backendPendingBytesMax;
  }

  readStates(states: readonly ReadState[]): void {
    this.reads.answered(states);
  }

  apply(entry: Entry): boolean {
    if (!this.applier.apply(entry)) return false;
    if (entry.type !== entryType.normal)
      this.learns = this.cluster.member(this.id)?.isLearner ?? false;
    return true;
  }

  applyMore(entry: Entry): boolean {
    return this.applier.applyMore(entry);
  }

  applied(index: LogIndex): void {
    // Reads, commits and what else looks at the state wait for the whole entry.
    if (this.store.isWriting) return;
    for (const waiter of this.awaitingWhole.splice(0)) waiter.readable();
    this.reads.serve(index);
    this.commits.applied();
    if (this.options.unsafeEarlyRelease === true) this.snapshotter.committed(this.applier.position);
    // The only voter needs nobody's silence to lead: it campaigns as soon as the log up to its commit is applied.
    if (this.node.role === "follower" && this.node.isSingleVoter && index === this.node.committed) {
      this.node.campaign();
      this.loop.schedule();
    }
  }
}
