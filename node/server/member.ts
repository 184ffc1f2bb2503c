/**
 * One member: its log, its applied state, its peers, and the loop between them. Everything it needs of the world comes in through ports
 * and parts, so that the simulator runs the same member (DESIGN section 4, decision 9).
 *
 * Start order: applied state, log, raft; then peers, so that a vote is answered from a log that was read whole; then the loop and the
 * clock; clients last, once the member has published itself (ARCHITECTURE.md, "Start of a member").
 */
import type { Clock, Timer, Timers } from "../lib/ports.ts";
import { type ClusterId, idToHex, type LogIndex, type MemberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { Message } from "../raft/messages.ts";
import { RawNode } from "../raft/raw-node.ts";
import type { Proposal, ReadState, Ready } from "../raft/ready.ts";
import type { RaftStatus } from "../raft/status.ts";
import type { Entry, Snapshot } from "../raft/types.ts";
import { SnapDir } from "../snap/snap-dir.ts";
import { AppliedState, openStore } from "./applied-state.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import type { CompactionWaiter } from "./compactor.ts";
import type { ConfChangeOutcome } from "./conf-change-applier.ts";
import { applyGapMax, backendPendingBytesMax } from "./limits.ts";
import {
  electionTimeoutMs,
  type MemberOptions,
  membershipSettings,
  newMemberOf,
  raftSettings,
} from "./member-options.ts";
import { type MemberParts, makeParts } from "./member-parts.ts";
import { MemberStats } from "./member-stats.ts";
import type { PeerReceiver } from "./peer-transport.ts";
import type { Proposer } from "./propose.ts";
import { publish } from "./publish.ts";
import type { ReadWaiter } from "./read-index.ts";
import type { ReadyHandler } from "./ready-loop.ts";
import type { Reconfig } from "./reconfig.ts";

/** How long a member that has applied its own removal goes on: its followers should hear that the removal is committed (etcd waits as long). */
const removalDelayMs = 1000;

export class Member implements ReadyHandler {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  readonly stats = new MemberStats();

  private readonly options: MemberOptions;
  private readonly node: RawNode;
  private readonly parts: MemberParts;
  private readonly ticker: Timer;
  /** Replaced as a whole by a received snapshot. */
  private appliedState: AppliedState;
  private learns: boolean;
  private readonly awaitingWhole: ReadWaiter[] = [];
  private readonly compactionListeners: (() => void)[] = [];
  /** Applied in this turn; who waits for them is told when raft knows. */
  private confChanges: ConfChangeOutcome[] = [];
  /** The installation of a snapshot that is under way. */
  private installing: Promise<void> | undefined;
  private isRemoved = false;
  private state: "running" | "stopped" | "failed" = "running";

  /** Reads what the disk holds, joins log and peers and starts to tick. Resolves once the member has published itself. */
  static async start(options: MemberOptions): Promise<Member> {
    const { ports, config, backend, paths, peers: network } = options;
    const { logger, fs } = ports;
    const store = await openStore(backend, options);
    const { maxLearners, forceNewCluster } = membershipSettings(config);
    const { maxSnapshots } = config;
    const booted = await bootstrap({
      fs,
      paths,
      walOptions: options.walOptions,
      backend,
      snaps: new SnapDir(paths.snap, { fs, logger, maxSnapshots }),
      newMember: newMemberOf(config),
      network,
      maxLearners,
      forceNewCluster,
    });
    const ids = {
      "local-member-id": idToHex(booted.memberId),
      "cluster-id": idToHex(booted.clusterId),
    };
    logger.info("starting local member", {
      ...ids,
      "applied-index": backend.committed.consistentIndex,
      "commit-index": booted.storage.initialHardState.commit,
      "replayed-entries": booted.storage.lastIndex - backend.committed.consistentIndex,
    });
    const member = new Member(options, store, booted);
    const { name, clientUrls } = config;
    await publish(member, { name, clientUrls }, ports.timers, member.parts.versions);
    logger.info("published local member to cluster through raft", ids);
    return member;
  }

  private constructor(options: MemberOptions, store: KvStore, booted: Bootstrapped) {
    const { ports, config, backend } = options;
    const { timers, random } = ports;
    const { memberId: id, cluster, storage } = booted;
    this.options = options;
    this.id = id;
    this.clusterId = booted.clusterId;
    this.cluster = cluster;
    this.learns = cluster.member(id)?.isLearner ?? false;
    const applied = backend.committed.consistentIndex;
    this.node = new RawNode({ id, storage, applied, random, ...raftSettings(config) });
    this.parts = makeParts({
      options,
      booted,
      node: this.node,
      stats: this.stats,
      member: this,
      state: () => this.appliedState,
      isRunning: () => this.state === "running",
      onRemoved: () => this.removed(),
      onError: (error) => this.fail(error),
    });
    this.appliedState = this.newState(backend, store);
    for (const peer of booted.peers) this.parts.transport.setPeer(peer.id, peer.peerUrls);
    // Behind everything that this turn read: after a stall a tick must not come before the messages that waited meanwhile.
    this.ticker = timers.every(config.tickMs, () => timers.endOfTurn(() => this.tick()));
    this.parts.loop.schedule();
    this.appliedState.compactor.resume();
    this.parts.versions.start();
  }

  private newState(backend: MemberOptions["backend"], store: KvStore): AppliedState {
    const { id, cluster, options, node, stats } = this;
    return new AppliedState(backend, store, {
      id,
      cluster,
      options,
      node,
      proposals: this.parts.proposals,
      stats,
      onCompaction: () => this.compacted(),
      onConfChange: (outcome) => this.confChanged(outcome),
      onCommitted: () => this.committed(),
      onError: (error) => this.fail(error),
    });
  }

  get store(): KvStore {
    return this.appliedState.store;
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

  /** What Status and the headers of answers tell of raft. */
  get raft(): Pick<RaftStatus, "term" | "lead" | "committed" | "applied"> {
    const { node } = this;
    return { term: node.term, lead: node.lead, committed: node.committed, applied: node.applied };
  }

  /** All of it; makes lists. */
  get raftStatus(): RaftStatus {
    return this.node.status();
  }

  get isLeader(): boolean {
    return this.node.lead === this.id;
  }

  /** Changes of the members, and of who leads. */
  get reconfig(): Reconfig {
    return this.parts.reconfig;
  }

  /** What the network calls. */
  get receiver(): PeerReceiver {
    return this.parts.inbox;
  }

  /** False once it stops or has failed. */
  get isRunning(): boolean {
    return this.state === "running";
  }

  /** Requests on their way through the log. */
  get pendingProposals(): number {
    return this.parts.proposals.pendingCount;
  }

  /** Requests that failed on that way since the start. */
  get failedProposals(): number {
    return this.parts.proposals.failedCount;
  }

  get leaderChanges(): number {
    return this.parts.leadership.changes;
  }

  get hasLeader(): boolean {
    return this.node.lead !== 0n;
  }

  /** A received snapshot is replacing the store: nothing of it can be read. */
  get isInstalling(): boolean {
    return this.installing !== undefined;
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
    this.parts.proposals.add(field, message, start, end, proposer);
    this.parts.loop.schedule();
  }

  /** Calls the waiter once the applied state is as new as this moment. */
  linearizableRead(waiter: ReadWaiter): void {
    if (this.state !== "running") {
      waiter.refused("Stopped");
      return;
    }
    this.parts.reads.add(waiter);
    this.parts.loop.schedule();
  }

  /** Calls the waiter once no entry is half applied: now, or when the one under way is whole. For what reads the store directly. */
  whenReadable(waiter: ReadWaiter): void {
    if (this.state !== "running") waiter.refused("Stopped");
    else if (this.store.isWriting || this.isInstalling) this.awaitingWhole.push(waiter);
    else waiter.readable();
  }

  /** Runs `listener` after each compaction that is applied. */
  onCompaction(listener: () => void): void {
    this.compactionListeners.push(listener);
  }

  /** Runs `waiter` when nothing that was compacted is left to remove, and that is on disk. */
  compactionDone(waiter: CompactionWaiter): void {
    this.appliedState.compactor.done(waiter);
  }

  /**
   * Hands leadership over if it has it, answers what waits with "server stopped", then makes everything applied durable and closes the
   * files. An entry that is half applied is given up with what was applied since the last commit: the next start takes both from the log.
   */
  async stop(): Promise<void> {
    if (this.state !== "running") return;
    const isNeeded = this.isLeader && this.cluster.votingMembers.length > 1;
    if (isNeeded && !this.isRemoved) {
      await this.parts.reconfig.handOver();
      // The wait may have seen the end in another way.
      if (!this.isRunning) return;
    }
    this.halt("stopped");
    await this.installing;
    await this.appliedState.close();
    await this.parts.wal.close();
  }

  private halt(state: "stopped" | "failed"): void {
    this.state = state;
    this.ticker.cancel();
    const { parts } = this;
    parts.loop.stop();
    parts.versions.stop();
    parts.sending.stop();
    parts.transport.close();
    this.appliedState.compactor.stop();
    parts.reconfig.refuseAll("Stopped");
    parts.proposals.refuseAll("Stopped");
    parts.reads.refuseAll("Stopped");
    for (const waiter of this.awaitingWhole.splice(0)) waiter.refused("Stopped");
  }

  /** Corruption that a read outside of the log has met. No effect on a member that is stopping. */
  failed(error: unknown): void {
    if (this.isRunning) this.fail(error instanceof Error ? error : new Error(String(error)));
  }

  private fail(error: Error): void {
    if (this.state === "failed") return;
    this.halt("failed");
    this.options.onFatal(error);
  }

  private removed(): void {
    if (this.isRemoved || !this.isRunning) return;
    this.isRemoved = true;
    this.options.ports.logger.warn("the member has been permanently removed from the cluster", {
      "local-member-id": idToHex(this.id),
    });
    this.options.onRemoved();
  }

  private tick(): void {
    if (!this.isRunning) return;
    const { node } = this;
    const { proposals, reads, readContexts, reconfig, catchUp, loop } = this.parts;
    node.tick();
    proposals.expire();
    reads.expire();
    reads.retry((context) => node.readIndex(readContexts.encode(context)));
    reconfig.tick();
    catchUp.observe({ nowMs: this.clock.monotonicMs(), status: node.status() });
    if (node.hasReady() || !reads.isEmpty || !proposals.isEmpty) loop.schedule();
  }

  private compacted(): void {
    // Its hash, and those who wait for the removal, need what is applied on disk.
    this.timers.endOfTurn(() => this.appliedState.commits.commitNow());
    this.appliedState.compactor.schedule();
    for (const listener of this.compactionListeners) listener();
  }

  private committed(): void {
    this.parts.snapshotter.committed(this.appliedState.backend.committed);
    this.parts.sending.committed();
    // Applying may have waited for this.
    this.parts.loop.schedule();
  }

  private confChanged(change: ConfChangeOutcome): void {
    const { transport } = this.parts;
    for (const { id, peerUrls } of change.changedPeers) {
      if (id !== this.id) transport.setPeer(id, peerUrls);
    }
    for (const id of change.left) if (id !== this.id) transport.removePeer(id);
    this.learns = this.cluster.member(this.id)?.isLearner ?? false;
    this.confChanges.push(change);
    if (change.isSelfRemoved) this.timers.after(removalDelayMs, () => this.removed());
  }

  // --- ReadyHandler

  hasProposals(): boolean {
    const { proposals, catchUp } = this.parts;
    return !proposals.isEmpty && catchUp.allowance(this.clock.monotonicMs()) > 0;
  }

  takeProposals(): readonly Proposal[] {
    const { proposals, catchUp } = this.parts;
    const batch = proposals.take();
    catchUp.proposed(bytesOf(batch), this.clock.monotonicMs());
    return batch;
  }

  returnProposals(batch: readonly Proposal[]): void {
    this.parts.proposals.putBack(batch);
  }

  issueReads(): void {
    const { reads, readContexts, leadership, versions } = this.parts;
    // A new leader does not know what the one before was asked.
    if (leadership.note(this.node.lead)) {
      reads.leaderChanged();
      if (this.isLeader) versions.check();
    }
    if (!reads.isEmpty) reads.issue((context) => this.node.readIndex(readContexts.encode(context)));
  }

  send(messages: readonly Message[]): void {
    this.parts.outbox.send(messages);
  }

  canApply(): boolean {
    return this.appliedState.backend.pendingBytes < backendPendingBytesMax;
  }

  readStates(states: readonly ReadState[]): void {
    this.parts.reads.answered(this.parts.readContexts.decode(states));
  }

  apply(entry: Entry): boolean {
    return this.appliedState.applier.apply(entry);
  }

  applyMore(entry: Entry): boolean {
    return this.appliedState.applier.applyMore(entry);
  }

  applied(index: LogIndex): void {
    // Reads, commits and what else looks at the state wait for the whole entry.
    if (this.store.isWriting) return;
    const { reads, snapshotter, reconfig, loop } = this.parts;
    for (const change of this.confChanges.splice(0)) reconfig.applied(change);
    for (const waiter of this.awaitingWhole.splice(0)) waiter.readable();
    reads.serve(index);
    this.appliedState.commits.applied();
    snapshotter.applied();
    if (this.options.unsafeEarlyRelease === true) snapshotter.committed(this.appliedState.position);
    // The only voter needs nobody's silence to lead: it campaigns as soon as the log up to its commit is applied.
    if (this.node.role === "follower" && this.node.isSingleVoter && index === this.node.committed) {
      this.node.campaign();
      loop.schedule();
    }
  }

  saveSnapshot(ready: Ready): Promise<void> {
    return this.parts.snapshotter.saveReceived(ready);
  }

  installSnapshot({ metadata }: Snapshot): Promise<void> {
    this.installing = this.install(metadata.index).finally(() => {
      this.installing = undefined;
    });
    return this.installing;
  }

  /** What reads the old store is told at its next step that it is gone. */
  private async install(index: LogIndex): Promise<void> {
    const { options, cluster, parts } = this;
    const { logger } = options.ports;
    logger.info("applying snapshot", {
      "current-applied-index": this.node.applied,
      "incoming-snapshot-index": index,
    });
    parts.sending.stop();
    this.confChanges = [];
    const before = cluster.members;
    await this.appliedState.close({ isReplaced: true });
    const backend = await options.home.install(index);
    const store = await openStore(backend, options);
    cluster.reload(backend);
    this.appliedState = this.newState(backend, store);
    for (const member of cluster.members) {
      if (member.id !== this.id) parts.transport.setPeer(member.id, member.peerUrls);
    }
    for (const { id } of before) {
      if (cluster.member(id) === undefined) parts.transport.removePeer(id);
    }
    this.learns = cluster.member(this.id)?.isLearner ?? false;
    parts.snapshotter.installed(index);
    if (this.isRunning) this.appliedState.compactor.resume();
    for (const listener of this.compactionListeners) listener();
    logger.info("applied snapshot", { "incoming-snapshot-index": index });
  }
}

function bytesOf(batch: readonly Proposal[]): number {
  let bytes = 0;
  for (const { data } of batch) bytes += data.length;
  return bytes;
}
