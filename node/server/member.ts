/**
 * One member: its log, its applied state, and the loop between them. Everything it needs of the world comes in through ports and
 * parts, so that the simulator runs the same member (DESIGN section 4, decision 9).
 */
import { Applier } from "../apply/applier.ts";
import type { AppliedPosition, Backend } from "../backend/backend.ts";
import { assert } from "../lib/assert.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Fs, Logger, Random, Timer, Timers } from "../lib/ports.ts";
import { type ClusterId, idToHex, type LogIndex, type MemberId, type Term } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import { memberFromJson } from "../membership/member.ts";
import { KvStore } from "../mvcc/kv-store.ts";
import { InternalRaftView, internalRequest } from "../proto/internal-raft-codec.ts";
import {
  confChangeType,
  decodeConfChange,
  encodeClusterMemberAttrSet,
  encodeClusterVersionSet,
} from "../proto/membership-codec.ts";
import type { Proposal, ReadState } from "../raft/raft.ts";
import { RawNode } from "../raft/raw-node.ts";
import { type ConfState, type Entry, entryType } from "../raft/types.ts";
import type { Wal, WalOptions } from "../wal/wal.ts";
import { type Bootstrapped, bootstrap, type DataPaths } from "./bootstrap.ts";
import { CommitLoop } from "./commit-loop.ts";
import { backendPendingBytesMax, batchEntriesMax } from "./limits.ts";
import { Proposals, type Proposer } from "./propose.ts";
import { ReadIndexQueue, type ReadWaiter } from "./read-index.ts";
import { type ReadyHandler, ReadyLoop } from "./ready-loop.ts";
import { Snapshotter } from "./snapshot.ts";
import { clusterVersion } from "./version.ts";

export interface MemberPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly fs: Fs;
  readonly logger: Logger;
}

export interface MemberConfig {
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly clusterToken: string;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly snapshotCount: number;
  readonly catchupEntries: number;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchOps: number;
  readonly valueCacheBytesMax: number;
  readonly requestBytesMax: number;
}

export interface MemberOptions {
  readonly ports: MemberPorts;
  readonly config: MemberConfig;
  readonly paths: DataPaths;
  readonly walOptions: WalOptions;
  readonly backend: Backend;
  /** Never in production: lets log files go for what is applied only, so that the power-cut test can show that it notices. */
  readonly unsafeEarlyRelease?: boolean;
  /** The member cannot go on: a write failed or the state is corrupt. Called once; the process should end. */
  readonly onFatal: (error: Error) => void;
}

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
  readonly backend: Backend;

  private readonly options: MemberOptions;
  private readonly node: RawNode;
  private readonly wal: Wal;
  private readonly applier: Applier;
  private readonly proposals: Proposals;
  private readonly reads: ReadIndexQueue;
  private readonly loop: ReadyLoop;
  private readonly commits: CommitLoop;
  private readonly snapshotter: Snapshotter;
  private readonly ticker: Timer;
  private readonly entryView = new InternalRaftView();
  private position: AppliedPosition;
  private state: "running" | "stopped" | "failed" = "running";

  /** Reads what the disk holds, joins the log and starts to tick. Resolves once the member has published itself. */
  static async start(options: MemberOptions): Promise<Member> {
    const { ports, config, backend } = options;
    const store = await KvStore.open({
      backend,
      random: ports.random,
      valueCacheBytesMax: config.valueCacheBytesMax,
    });
    const parts = await bootstrap({
      fs: ports.fs,
      paths: options.paths,
      walOptions: options.walOptions,
      backend,
      newMember: {
        name: config.name,
        peerUrls: config.peerUrls,
        clusterToken: config.clusterToken,
      },
    });
    ports.logger.info("starting local member", {
      "local-member-id": idToHex(parts.memberId),
      "cluster-id": idToHex(parts.clusterId),
      "applied-index": backend.committed.consistentIndex,
      "commit-index": parts.storage.initialHardState.commit,
      "replayed-entries": parts.storage.lastIndex - backend.committed.consistentIndex,
    });
    const member = new Member(options, store, parts);
    await member.publish();
    return member;
  }

  private constructor(options: MemberOptions, store: KvStore, parts: Bootstrapped) {
    const { ports, config, backend } = options;
    const { clock, timers, random, logger } = ports;
    const timeoutMs = requestTimeoutMs(config);
    const onError = (error: Error): void => this.fail(error);
    this.options = options;
    this.id = parts.memberId;
    this.clusterId = parts.clusterId;
    this.store = store;
    this.cluster = parts.cluster;
    this.backend = backend;
    this.wal = parts.wal;
    this.position = backend.committed;
    this.applier = new Applier({ store, cluster: parts.cluster });
    this.proposals = new Proposals({
      clock,
      timeoutMs,
      id: parts.memberId,
      requestBytesMax: config.requestBytesMax,
    });
    this.reads = new ReadIndexQueue({ clock, timeoutMs });
    this.node = new RawNode({
      id: parts.memberId,
      electionTicks: config.electionTicks,
      storage: parts.storage,
      applied: backend.committed.consistentIndex,
      random,
      committedPerReadyMax: batchEntriesMax,
    });
    this.loop = new ReadyLoop({ node: this.node, wal: parts.wal, timers, handler: this, onError });
    this.snapshotter = new Snapshotter(
      {
        wal: parts.wal,
        storage: parts.storage,
        logger,
        snapshotCount: config.snapshotCount,
        catchupEntries: config.catchupEntries,
        confState: () => this.confState(),
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
      position: () => this.position,
      onCommitted: () => this.committed(),
      onError,
    });
    this.ticker = timers.every(config.tickMs, () => this.tick());
    this.loop.schedule();
  }

  get raft(): RaftStatus {
    const { node } = this;
    return { term: node.term, lead: node.lead, committed: node.committed, applied: node.applied };
  }

  get hasLeader(): boolean {
    return this.node.lead !== 0n;
  }

  /** Proposes `message[start, end)` as `field` of InternalRaftRequest. Copies it. The answer comes in a later turn. */
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

  /** Answers what waits with "server stopped", then makes everything applied durable and closes the files. */
  async stop(): Promise<void> {
    if (this.state !== "running") return;
    this.halt("stopped");
    await this.commits.stop();
    await this.wal.close();
    await this.backend.close();
  }

  private halt(state: "stopped" | "failed"): void {
    this.state = state;
    this.ticker.cancel();
    this.loop.stop();
    this.proposals.refuseAll("Stopped");
    this.reads.refuseAll("Stopped");
  }

  private fail(error: Error): void {
    if (this.state === "failed") return;
    this.halt("failed");
    this.options.onFatal(error);
  }

  private tick(): void {
    this.node.tick();
    this.proposals.expire();
    this.reads.expire();
    if (this.node.hasReady() || !this.reads.isEmpty) this.loop.schedule();
  }

  // --- ReadyHandler

  hasProposals(): boolean {
    return !this.proposals.isEmpty;
  }

  takeProposals(): readonly Proposal[] {
    return this.proposals.take();
  }

  issueReads(): void {
    if (!this.reads.isEmpty) this.reads.issue((context) => this.node.readIndex(context));
  }

  canApply(): boolean {
    return this.backend.pendingBytes < backendPendingBytesMax;
  }

  readStates(states: readonly ReadState[]): void {
    this.reads.answered(states);
  }

  apply(entry: Entry): void {
    const { term, index, type, data } = entry;
    assert(index === this.position.consistentIndex + 1, "an entry was applied out of order", index);
    // The position moves with the entry's effects: a commit between two entries holds whole entries only.
    if (type !== entryType.normal) this.applyConfChange(entry);
    else if (data.length > 0) this.applyNormal(data);
    this.position = { consistentIndex: index, term, revision: this.store.currentRevision };
  }

  applied(index: LogIndex): void {
    this.reads.serve(index);
    this.commits.applied();
    if (this.options.unsafeEarlyRelease === true) this.snapshotter.committed(this.position);
    // The only voter needs nobody's silence to lead: it campaigns as soon as the log up to its commit is applied.
    if (this.node.role === "follower" && this.node.isSingleVoter && index === this.node.committed) {
      this.node.campaign();
      this.loop.schedule();
    }
  }

  private applyNormal(data: Uint8Array): void {
    const view = this.entryView;
    view.decode(data, 0, data.length);
    const result = this.applier.apply(view);
    const proposer = this.proposals.resolve(view.idHigh, view.idLow);
    if (proposer === undefined) return;
    if (result.kind === "refused") proposer.refused(result.error);
    else proposer.applied(result);
  }

  private applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry.data);
    assert(
      entry.type === entryType.confChange && change.type === confChangeType.addNode,
      "a conf change that this version does not apply",
      change.type,
    );
    this.cluster.addMember(memberFromJson(change.context));
    this.node.applyConfState(this.confState());
  }

  private confState(): ConfState {
    const { voters, learners } = this.cluster;
    return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
  }

  private committed(): void {
    this.snapshotter.committed(this.backend.committed);
    // Applying may have waited for this.
    this.loop.schedule();
  }

  /** Tells the cluster this member's name and URLs, and its version: from then on it may serve. */
  private async publish(): Promise<void> {
    const { config, ports } = this.options;
    const attributes = { memberId: this.id, name: config.name, clientUrls: config.clientUrls };
    await this.proposeUntilApplied(
      internalRequest.clusterMemberAttrSet,
      encodeClusterMemberAttrSet(attributes),
    );
    ports.logger.info("published local member to cluster through raft", {
      "local-member-id": idToHex(this.id),
      "cluster-id": idToHex(this.clusterId),
    });
    if (this.cluster.version === undefined) {
      await this.proposeUntilApplied(
        internalRequest.clusterVersionSet,
        encodeClusterVersionSet(clusterVersion),
      );
    }
  }

  private async proposeUntilApplied(field: number, message: Uint8Array): Promise<void> {
    let error: EtcdErrorKind | undefined = "Timeout";
    while (error === "Timeout") {
      error = await new Promise<EtcdErrorKind | undefined>((resolve) => {
        this.propose(field, message, 0, message.length, {
          applied: () => resolve(undefined),
          refused: resolve,
        });
      });
    }
    if (error !== undefined) throw new Error(`the member could not publish itself: ${error}`);
  }
}

/** How long a request may wait: etcd's ReqTimeout, 5 s for queues, disk and network and 2 elections. */
const requestTimeoutMs = (config: MemberConfig): number =>
  5000 + 2 * config.electionTicks * config.tickMs;
