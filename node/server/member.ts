/**
 * One member: its log, its applied state, its peers, and the loop between them. Everything it needs of the world comes in through ports
 * and parts, so that the simulator runs the same member (DESIGN section 4, decision 9).
 *
 * Start order: applied state, log, raft; then peers, so that a vote is answered from a log that was read whole; then the loop and the
 * clock; clients last, once the member has published itself (ARCHITECTURE.md, "Start of a member").
 */

import { authRevision } from "../auth/auth-revision.ts";
import type { Lessor } from "../lease/lessor.ts";
import type { Clock, Logger, Random, Timer, Timers } from "../lib/ports.ts";
import { type ClusterId, idToHex, type MemberId } from "../lib/units.ts";
import type { Alarms } from "../membership/alarms.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { WatchHub } from "../mvcc/watch/watch-hub.ts";
import { RawNode } from "../raft/raw-node.ts";
import type { RaftStatus } from "../raft/status.ts";
import { openStore } from "./applied-state.ts";
import { ApplyLag } from "./apply-lag.ts";
import { bootOptions } from "./boot-options.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import type { CompactionWaiter } from "./compactor.ts";
import type { Defragmentation } from "./defragmentation.ts";
import type { DiskUsage } from "./disk-usage.ts";
import { advanceInitialTicks } from "./initial-ticks.ts";
import type { LeaseRequests } from "./lease-requests.ts";
import {
  electionTimeoutMs,
  type MemberOptions,
  membershipSettings,
  raftSettings,
} from "./member-options.ts";
import { type MemberParts, makeParts } from "./member-parts.ts";
import { MemberStats } from "./member-stats.ts";
import { MemberTurns } from "./member-turns.ts";
import type { PeerReceiver } from "./peer-transport.ts";
import type { Proposer } from "./propose.ts";
import { publish } from "./publish.ts";
import type { Quota } from "./quota.ts";
import type { ReadWaiter } from "./read-index.ts";
import type { Reconfig } from "./reconfig.ts";
import { tellPublished, tellStarting } from "./start-lines.ts";

export class Member {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  readonly stats: MemberStats;

  private readonly options: MemberOptions;
  private readonly node: RawNode;
  private readonly parts: MemberParts;
  private readonly ticker: Timer;
  private readonly turns: MemberTurns;
  private readonly applyLag = new ApplyLag();
  private isRemoved = false;
  private state: "running" | "stopped" | "failed" = "running";

  /** Reads what the disk holds, joins log and peers and starts to tick. Resolves once the member has published itself. */
  static async start(options: MemberOptions): Promise<Member> {
    const { ports, config, backend } = options;
    const { logger } = ports;
    const stats = new MemberStats(config.warnApplyMs);
    const store = await openStore(backend, options, stats);
    const booted = await bootstrap(bootOptions(options, stats));
    tellStarting(logger, booted, {
      appliedIndex: backend.committed.consistentIndex,
      revision: store.currentRevision,
    });
    const member = new Member(options, store, booted, stats);
    options.onOpen?.(member);
    const { bootstrapDefragThresholdBytes = 0 } = config;
    member.defragmentation.runAbove(bootstrapDefragThresholdBytes).catch((error: unknown) => {
      if (member.isRunning) logger.warn("failed to defragment", { error });
    });
    const { name, clientUrls } = config;
    await publish(member, { name, clientUrls }, ports.timers, member.parts.versions);
    tellPublished(logger, booted, config);
    return member;
  }

  private constructor(
    options: MemberOptions,
    store: KvStore,
    booted: Bootstrapped,
    stats: MemberStats,
  ) {
    const { ports, config, backend } = options;
    const { timers, random } = ports;
    const { memberId: id, cluster, storage } = booted;
    this.options = options;
    this.stats = stats;
    this.id = id;
    this.clusterId = booted.clusterId;
    this.cluster = cluster;
    const applied = backend.committed.consistentIndex;
    this.node = new RawNode({ id, storage, applied, random, ...raftSettings(config) });
    const isRunning = (): boolean => this.isRunning;
    const onRemoved = (): void => this.removed();
    const onError = (error: Error): void => this.fail(error);
    const { node } = this;
    const events = { isRunning, onRemoved, onError };
    const { clusterId } = this;
    const turns = new MemberTurns({ id, clusterId, options, cluster, node, stats, ...events });
    this.turns = turns;
    this.parts = makeParts({ options, booted, node, stats, member: this, turns, ...events });
    turns.begin(this.parts, store);
    for (const peer of booted.peers) this.parts.transport.setPeer(peer.id, peer.peerUrls);
    // Behind everything that this turn read: after a stall a tick must not come before the messages that waited meanwhile.
    this.ticker = timers.every(config.tickMs, () => timers.endOfTurn(() => this.tick()));
    this.parts.loop.schedule();
    advanceInitialTicks({
      electionTicks: config.electionTicks,
      peers: booted.peers.map((peer) => peer.id),
      transport: this.parts.transport,
      isEnabled: membershipSettings(config).initialElectionTickAdvance,
      clock: ports.clock,
      timers,
      tick: () => node.tick(),
      isRunning,
    });
    this.parts.versions.start();
    this.parts.autoCompaction?.start();
    // It may have gone too early: somebody who stays may still need its vote. Those who do not will tell it.
    if (cluster.isRemoved(id)) this.parts.removal.applied();
  }

  get store(): KvStore {
    return this.turns.state.store;
  }

  get alarms(): Alarms {
    return this.turns.state.alarms;
  }

  get clock(): Clock {
    return this.options.ports.clock;
  }

  get random(): Random {
    return this.options.ports.random;
  }

  get logger(): Logger {
    return this.options.ports.logger;
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

  /** Turns of applying that took longer. */
  get slowApplies(): number {
    return this.parts.slowWork.slowApplies;
  }

  /** Heartbeats that this member, as the leader, sent too late. */
  get lateHeartbeats(): number {
    return this.parts.heartbeats.lateCount;
  }

  /** This member has no vote: it serves little else than its own copy (thesis 4.2.1). */
  get isLearner(): boolean {
    return this.turns.isLearner;
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

  /** A number that no request or lease of any member has had. */
  newRequestId(): bigint {
    return this.parts.proposals.newId();
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
    return this.turns.installing !== undefined;
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
    if (this.applyLag.isTooLong(this.node.applied)) {
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
    if (this.isRunning) this.turns.whenReadable(waiter);
    else waiter.refused("Stopped");
  }

  /** Of users and roles. */
  get authRevision(): number {
    return authRevision(this.turns.state.backend);
  }

  get lessor(): Lessor {
    return this.turns.state.lessor;
  }

  /** What only the leader knows of leases. */
  get leaseRequests(): LeaseRequests {
    return this.parts.leaseRequests;
  }

  get quota(): Quota {
    return this.parts.quota;
  }

  get defragmentation(): Defragmentation {
    return this.parts.defragmentation;
  }

  get diskUsage(): DiskUsage {
    return this.parts.diskUsage;
  }

  /** All watchers of the key space. */
  get watches(): WatchHub {
    return this.turns.watches.hub;
  }

  /** Runs `listener` after each compaction that is applied. */
  onCompaction(listener: () => void): void {
    this.turns.onCompaction(listener);
  }

  /** Runs `waiter` when nothing that was compacted is left to remove, and that is on disk. */
  compactionDone(waiter: CompactionWaiter): void {
    this.turns.state.compactor.done(waiter);
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
    await this.turns.installing;
    await this.turns.state.close();
    await this.parts.wal.close();
  }

  private halt(state: "stopped" | "failed"): void {
    this.state = state;
    this.ticker.cancel();
    const { parts } = this;
    parts.loop.stop();
    parts.versions.stop();
    parts.leases.stop();
    parts.autoCompaction?.stop();
    parts.sending.stop();
    parts.transport.close();
    this.turns.stop();
    parts.reconfig.refuseAll("Stopped");
    parts.proposals.refuseAll("Stopped");
    parts.reads.refuseAll("Stopped");
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
    const { proposals, reads, readContexts, reconfig, catchUp, loop, inbox } = this.parts;
    node.tick();
    inbox.release();
    this.applyLag.tick(node.committed);
    proposals.expire();
    reads.expire();
    reads.retry((context) => node.readIndex(readContexts.encode(context)));
    reconfig.tick();
    catchUp.observe({ nowMs: this.clock.monotonicMs(), status: node.status() });
    if (node.hasReady() || !reads.isEmpty || !proposals.isEmpty) loop.schedule();
  }
}
