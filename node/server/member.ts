/**
 * One member: its log, its applied state, and the loop between them. Everything it needs of the world comes in through ports and
 * parts, so that the simulator runs the same member (DESIGN section 4, decision 9).
 */
import type { Backend } from "../backend/backend.ts";
import type { Timer } from "../lib/ports.ts";
import { type ClusterId, idToHex, type LogIndex, type MemberId, type Term } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import { KvStore } from "../mvcc/kv-store.ts";
import type { Proposal, ReadState } from "../raft/raft.ts";
import { RawNode } from "../raft/raw-node.ts";
import type { Entry } from "../raft/types.ts";
import type { Wal } from "../wal/wal.ts";
import { type Bootstrapped, bootstrap } from "./bootstrap.ts";
import { CommitLoop } from "./commit-loop.ts";
import { EntryApplier } from "./entry-applier.ts";
import { backendPendingBytesMax, batchEntriesMax } from "./limits.ts";
import { type MemberOptions, requestTimeoutMs } from "./member-options.ts";
import { Proposals, type Proposer } from "./propose.ts";
import { publish } from "./publish.ts";
import { ReadIndexQueue, type ReadWaiter } from "./read-index.ts";
import { type ReadyHandler, ReadyLoop } from "./ready-loop.ts";
import { Snapshotter } from "./snapshot.ts";

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
  private readonly ticker: Timer;
  private state: "running" | "stopped" | "failed" = "running";

  /** Reads what the disk holds, joins the log and starts to tick. Resolves once the member has published itself. */
  static async start(options: MemberOptions): Promise<Member> {
    const { ports, config, backend } = options;
    const { random, logger, fs } = ports;
    const { name, clientUrls, peerUrls, clusterToken, valueCacheBytesMax } = config;
    const store = await KvStore.open({ backend, random, valueCacheBytesMax });
    const newMember = { peerUrls, clusterToken };
    const parts = await bootstrap({ ...options, fs, newMember });
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
    await publish(member, { name, clientUrls });
    logger.info("published local member to cluster through raft", ids);
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
    this.wal = wal;
    this.proposals = new Proposals({ clock, timeoutMs, id, requestBytesMax });
    this.reads = new ReadIndexQueue({ clock, timeoutMs });
    const applied = position.consistentIndex;
    const committedPerReadyMax = batchEntriesMax;
    this.node = new RawNode({ id, electionTicks, storage, applied, random, committedPerReadyMax });
    const { node, proposals } = this;
    this.applier = new EntryApplier({ store, cluster, node, proposals, position });
    this.loop = new ReadyLoop({ node, wal, timers, handler: this, onError });
    const confState = () => cluster.confState;
    this.snapshotter = new Snapshotter(
      { wal, storage, logger, snapshotCount, catchupEntries, confState, onError },
      parts.snapshotIndex,
    );
    this.commits = new CommitLoop({
      backend,
      store,
      timers,
      intervalMs: config.backendBatchIntervalMs,
      opsMax: config.backendBatchOps,
      position: () => this.applier.position,
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

  private committed(): void {
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
    if (!this.reads.isEmpty) this.reads.issue((context) => this.node.readIndex(context));
  }

  canApply(): boolean {
    return this.backend.pendingBytes < backendPendingBytesMax;
  }

  readStates(states: readonly ReadState[]): void {
    this.reads.answered(states);
  }

  apply(entry: Entry): void {
    this.applier.apply(entry);
  }

  applied(index: LogIndex): void {
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
