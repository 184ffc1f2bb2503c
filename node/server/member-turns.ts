/**
 * What a member does in each turn of its loop: takes what gathered to raft, and raft's answers to log, peers, state and those who wait
 * (ready-loop.ts says when). It also holds the applied state, which a received snapshot replaces as a whole.
 */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import type { Timers } from "../lib/ports.ts";
import type { ClusterId, LogIndex, MemberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import { isJoint } from "../membership/conf-state-json.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { Message } from "../raft/messages.ts";
import type { RawNode } from "../raft/raw-node.ts";
import type { Proposal, ReadState, Ready } from "../raft/ready.ts";
import { type Entry, entryType, type Snapshot } from "../raft/types.ts";
import { AppliedState, openStore } from "./applied-state.ts";
import type { ConfChangeOutcome } from "./conf-change-applier.ts";
import { backendPendingBytesMax } from "./limits.ts";
import type { MemberOptions } from "./member-options.ts";
import type { MemberParts } from "./member-parts.ts";
import type { MemberStats } from "./member-stats.ts";
import type { ReadWaiter } from "./read-index.ts";
import type { ReadyHandler } from "./ready-loop.ts";
import { WatchLoop } from "./watch-loop.ts";

/** A change that has taken a member out, and the entry that must be committed behind it. */
interface SettlingChange {
  readonly change: ConfChangeOutcome;
  readonly until: LogIndex;
}

const emptyEntry: Proposal = { type: entryType.normal, data: emptyBytes };

export interface MemberTurnsOptions {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly options: MemberOptions;
  readonly cluster: Cluster;
  readonly node: RawNode;
  readonly stats: MemberStats;
  readonly isRunning: () => boolean;
  readonly onError: (error: Error) => void;
}

export class MemberTurns implements ReadyHandler {
  private readonly given: MemberTurnsOptions;
  private partsOrNone: MemberParts | undefined;
  private stateOrNone: AppliedState | undefined;
  private watchesOrNone: WatchLoop | undefined;
  private learns: boolean;
  private readonly awaitingWhole: ReadWaiter[] = [];
  private readonly compactionListeners: (() => void)[] = [];
  /** Applied in this turn; who waits for them is told when raft knows. */
  private confChanges: ConfChangeOutcome[] = [];
  private readonly settling: SettlingChange[] = [];
  /** The installation of a snapshot that is under way. */
  installing: Promise<void> | undefined;

  constructor(given: MemberTurnsOptions) {
    this.given = given;
    this.learns = given.cluster.member(given.id)?.isLearner ?? false;
  }

  /** Before the first turn: the parts that it works with, and the store that was opened. */
  begin(parts: MemberParts, store: KvStore): void {
    this.partsOrNone = parts;
    this.stateOrNone = this.newState(this.given.options.backend, store);
    this.watchesOrNone = new WatchLoop({
      history: store,
      timers: this.timers,
      canRead: () => this.given.isRunning() && this.installing === undefined,
      onError: this.given.onError,
    });
    this.state.compactor.resume();
  }

  /** Undefined before `begin`. */
  get stateIfAny(): AppliedState | undefined {
    return this.stateOrNone;
  }

  get state(): AppliedState {
    return begun(this.stateOrNone);
  }

  get watches(): WatchLoop {
    return begun(this.watchesOrNone);
  }

  get isLearner(): boolean {
    return this.learns;
  }

  private get parts(): MemberParts {
    return begun(this.partsOrNone);
  }

  private get timers(): Timers {
    return this.given.options.ports.timers;
  }

  private get nowMs(): number {
    return this.given.options.ports.clock.monotonicMs();
  }

  /** Calls the waiter once no entry is half applied: now, or when the one under way is whole. */
  whenReadable(waiter: ReadWaiter): void {
    if (this.state.store.isWriting || this.installing !== undefined)
      this.awaitingWhole.push(waiter);
    else waiter.readable();
  }

  /** Runs `listener` after each compaction that is applied. */
  onCompaction(listener: () => void): void {
    this.compactionListeners.push(listener);
  }

  /** The member ends: nobody is waited for any more. */
  stop(): void {
    this.state.compactor.stop();
    for (const waiter of this.awaitingWhole.splice(0)) waiter.refused("Stopped");
  }

  private newState(backend: MemberOptions["backend"], store: KvStore): AppliedState {
    const { id, clusterId, cluster, options, node, stats, onError } = this.given;
    return new AppliedState(backend, store, {
      id,
      clusterId,
      cluster,
      options,
      node,
      proposals: this.parts.proposals,
      stats,
      quota: this.parts.quota,
      onCompaction: () => this.compacted(),
      onConfChange: (outcome) => this.confChanged(outcome),
      onCommitted: () => this.committed(),
      onError,
    });
  }

  private compacted(): void {
    // Its hash, and those who wait for the removal, need what is applied on disk.
    this.timers.endOfTurn(() => this.state.commits.commitNow());
    this.state.compactor.schedule();
    for (const listener of this.compactionListeners) listener();
  }

  private committed(): void {
    this.parts.snapshotter.committed(this.state.backend.committed);
    this.parts.sending.committed();
    // Applying may have waited for this.
    this.parts.loop.schedule();
  }

  private confChanged(change: ConfChangeOutcome): void {
    const { id: self, cluster } = this.given;
    const { transport } = this.parts;
    for (const { id, peerUrls } of change.changedPeers) {
      if (id !== self) transport.setPeer(id, peerUrls);
    }
    for (const id of change.left) if (id !== self) transport.removePeer(id);
    this.learns = cluster.member(self)?.isLearner ?? false;
    this.confChanges.push(change);
  }

  hasProposals(): boolean {
    const { proposals, catchUp } = this.parts;
    return !proposals.isEmpty && catchUp.allowance(this.nowMs) > 0;
  }

  takeProposals(): readonly Proposal[] {
    const { proposals, catchUp } = this.parts;
    const { nowMs } = this;
    const batch = proposals.take(catchUp.allowance(nowMs));
    catchUp.proposed(bytesOf(batch), nowMs);
    return batch;
  }

  returnProposals(batch: readonly Proposal[]): void {
    this.parts.proposals.putBack(batch);
  }

  issueReads(): void {
    const { node } = this.given;
    const { reads, readContexts, leadership, leases, versions, inbox } = this.parts;
    const { milestones, heartbeats } = this.parts;
    inbox.release();
    milestones.look();
    leases.follow();
    // A new leader does not know what the one before was asked.
    if (leadership.note(node.lead)) {
      reads.leaderChanged();
      if (node.lead === node.id) {
        heartbeats.reset();
        versions.check();
      }
    }
    if (!reads.isEmpty) reads.issue((context) => node.readIndex(readContexts.encode(context)));
  }

  send(messages: readonly Message[]): void {
    this.parts.outbox.send(messages);
  }

  canApply(): boolean {
    return this.state.backend.pendingBytes < backendPendingBytesMax;
  }

  readStates(states: readonly ReadState[]): void {
    this.parts.reads.answered(this.parts.readContexts.decode(states));
  }

  apply(entry: Entry): boolean {
    return this.state.applier.apply(entry);
  }

  applyMore(entry: Entry): boolean {
    return this.state.applier.applyMore(entry);
  }

  applied(index: LogIndex): void {
    // Reads, commits and what else looks at the state wait for the whole entry.
    if (this.state.store.isWriting) return;
    const { node, options } = this.given;
    const { reads, snapshotter, reconfig, loop, milestones } = this.parts;
    milestones.look();
    const changes = this.confChanges.splice(0);
    for (const change of changes) {
      if (change.isV2 && !isJoint(change.confState)) snapshotter.forget(change.index);
      this.settle(change);
    }
    while (this.settling[0] !== undefined && this.settling[0].until <= index) {
      const [{ change }] = this.settling.splice(0, 1) as [SettlingChange];
      reconfig.applied(change);
    }
    for (const waiter of this.awaitingWhole.splice(0)) waiter.readable();
    reads.serve(index);
    this.watches.applied();
    this.state.commits.applied();
    snapshotter.applied(changes.length > 0);
    if (options.unsafeEarlyRelease === true) snapshotter.committed(this.state.position);
    // The only voter needs nobody's silence to lead: it campaigns as soon as the log up to its commit is applied.
    if (node.role === "follower" && node.isSingleVoter && index === node.committed) {
      node.campaign();
      loop.schedule();
    }
  }

  /**
   * Who asked for a removal may let the member go for good once he is told that it is done. So a leader tells it only behind one entry
   * more: whoever holds that entry has stored, in the same write, that the removal before it is committed, and a majority of the new
   * configuration holds it when it is committed. Whoever asked a follower is told at once, as on etcd.
   */
  private settle(change: ConfChangeOutcome): void {
    const { node } = this.given;
    const { reconfig, removal } = this.parts;
    if (change.isSelfRemoved) removal.applied();
    const isSettling =
      change.left.length > 0 && node.role === "leader" && node.propose([emptyEntry]);
    if (isSettling) this.settling.push({ change, until: node.lastIndex });
    else reconfig.applied(change);
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
    const { id: self, options, cluster, node, isRunning } = this.given;
    const { parts } = this;
    const { logger } = options.ports;
    logger.info("applying snapshot", {
      "current-applied-index": node.applied,
      "incoming-snapshot-index": index,
    });
    parts.sending.stop();
    this.confChanges = [];
    this.settling.length = 0;
    const before = cluster.members;
    await this.state.close({ isReplaced: true });
    const backend = await options.home.install(index);
    const store = await openStore(backend, options, this.given.stats);
    cluster.reload(backend);
    this.stateOrNone = this.newState(backend, store);
    this.watches.replaced(store);
    for (const member of cluster.members) {
      if (member.id !== self) parts.transport.setPeer(member.id, member.peerUrls);
    }
    for (const { id } of before) {
      if (cluster.member(id) === undefined) parts.transport.removePeer(id);
    }
    this.learns = cluster.member(self)?.isLearner ?? false;
    parts.snapshotter.installed(index);
    if (isRunning()) this.state.compactor.resume();
    for (const listener of this.compactionListeners) listener();
    if (cluster.isRemoved(self)) parts.removal.applied();
    logger.info("applied snapshot", { "incoming-snapshot-index": index });
  }
}

function begun<Part>(part: Part | undefined): Part {
  assert(part !== undefined, "a turn before the member began");
  return part;
}

function bytesOf(batch: readonly Proposal[]): number {
  let bytes = 0;
  for (const { data } of batch) bytes += data.length;
  return bytes;
}
