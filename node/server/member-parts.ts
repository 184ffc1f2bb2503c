/** The parts of a member that live as long as it does, made and wired: queues, loop, peers, snapshots, changes of the members. */

import type { Lessor } from "../lease/lessor.ts";
import { serverVersion } from "../lib/etcd-version.ts";
import { idToHex } from "../lib/units.ts";
import type { RawNode } from "../raft/raw-node.ts";
import type { Wal } from "../wal/wal.ts";
import type { AppliedState } from "./applied-state.ts";
import { AutoCompaction, proposeCompaction } from "./auto-compaction.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import { CatchUp } from "./catch-up.ts";
import { ClusterVersionMonitor } from "./cluster-version.ts";
import { Defragmentation } from "./defragmentation.ts";
import { DiskUsage } from "./disk-usage.ts";
import { HeartbeatWatch } from "./heartbeat-watch.ts";
import { Leadership } from "./leadership.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { LeaseRequests } from "./lease-requests.ts";
import type { Member } from "./member.ts";
import {
  electionTimeoutMs,
  type MemberOptions,
  membershipSettings,
  requestTimeoutMs,
} from "./member-options.ts";
import type { MemberStats } from "./member-stats.ts";
import type { MemberTurns } from "./member-turns.ts";
import { Milestones } from "./milestones.ts";
import { Outbox } from "./outbox.ts";
import { PeerInbox } from "./peer-inbox.ts";
import type { PeerTransport } from "./peer-transport.ts";
import { Proposals } from "./propose.ts";
import { Quota } from "./quota.ts";
import { ReadContexts } from "./read-contexts.ts";
import { ReadIndexQueue } from "./read-index.ts";
import { ReadyLoop } from "./ready-loop.ts";
import { Reconfig } from "./reconfig.ts";
import { Removal } from "./removal.ts";
import { SlowWork } from "./slow-work.ts";
import { membershipOf, Snapshotter } from "./snapshot.ts";
import { SnapshotSending } from "./snapshot-sending.ts";

export interface MemberParts {
  readonly wal: Wal;
  readonly transport: PeerTransport;
  readonly inbox: PeerInbox;
  readonly outbox: Outbox;
  readonly proposals: Proposals;
  readonly reads: ReadIndexQueue;
  readonly readContexts: ReadContexts;
  readonly leadership: Leadership;
  readonly loop: ReadyLoop;
  readonly snapshotter: Snapshotter;
  readonly catchUp: CatchUp;
  readonly sending: SnapshotSending;
  readonly reconfig: Reconfig;
  readonly versions: ClusterVersionMonitor;
  readonly removal: Removal;
  readonly leases: LeaseKeeper;
  readonly leaseRequests: LeaseRequests;
  readonly quota: Quota;
  readonly defragmentation: Defragmentation;
  readonly diskUsage: DiskUsage;
  readonly autoCompaction: AutoCompaction | undefined;
  readonly milestones: Milestones;
  readonly heartbeats: HeartbeatWatch;
  readonly slowWork: SlowWork;
}

export interface PartsOptions {
  readonly options: MemberOptions;
  readonly booted: Bootstrapped;
  readonly node: RawNode;
  readonly stats: MemberStats;
  readonly member: Member;
  readonly turns: MemberTurns;
  readonly isRunning: () => boolean;
  readonly onRemoved: () => void;
  readonly onError: (error: Error) => void;
}

export function makeParts(from: PartsOptions): MemberParts {
  const { options, booted, node, stats, member, turns, isRunning, onRemoved, onError } = from;
  const { clock, timers, random, logger } = options.ports;
  const { memberId: id, clusterId, cluster, wal } = booted;
  const timeoutMs = requestTimeoutMs(options.config);
  const electionMs = electionTimeoutMs(options.config);
  const leadership = new Leadership({ id, clock, electionTimeoutMs: electionMs });
  const timeoutError = (sinceMs: number) => leadership.timeoutError(sinceMs);
  const { requestBytesMax } = options.config;
  const { proposalSeconds: seconds } = stats.requests;
  const proposals = new Proposals({ clock, timeoutMs, id, requestBytesMax, timeoutError, seconds });
  const slowWork = new SlowWork(logger, options.config.warnApplyMs);
  const loop = new ReadyLoop({
    node,
    wal,
    timers,
    clock,
    syncSeconds: stats.walSyncSeconds,
    slowWork,
    handler: turns,
    onError,
  });
  const schedule = (): void => loop.schedule();
  const removal = new Removal({ id, confState: () => node.status().confState, onRemoved });
  const inbox = new PeerInbox({
    clusterId,
    cluster,
    node,
    home: options.home,
    clock,
    logger,
    reconfig: () => reconfig,
    leaseRequests: () => leaseRequests,
    isRunning,
    schedule,
    onRemoved: (by) => removal.toldBy(by),
    onError,
  });
  const transport = options.peers.open({ memberId: id, clusterId }, inbox);
  const reconfig = newReconfig(from, { transport, loop, timeoutMs, timeoutError });
  const { catchUp, snapshotter, sending } = snapshotParts(from, transport, loop);
  const heartbeats = new HeartbeatWatch({ clock, logger, heartbeatMs: options.config.tickMs });
  const outbox = new Outbox({
    id,
    transport,
    isRemoved: (to) => cluster.isRemoved(to),
    sendSnapshot: (message) => {
      logger.info("sending merged snapshot", { "remote-peer-id": idToHex(message.to) });
      sending.send(message);
    },
    heartbeats,
  });
  const { leases, leaseRequests } = leaseParts(from, { transport, timeoutMs, schedule });
  const versions = new ClusterVersionMonitor({
    member,
    timers,
    logger,
    versions: async () => new Map([[id, serverVersion], ...(await transport.versions())]),
  });
  const reads = new ReadIndexQueue({ clock, logger, timeoutMs, stats: stats.readIndexes });
  const readContexts = new ReadContexts(random);
  const version = (): string | undefined => cluster.version;
  const milestones = new Milestones({ id, clusterId, logger, node, version });
  return {
    ...{ slowWork, heartbeats, milestones },
    ...{ wal, transport, inbox, outbox, proposals, reads, readContexts, leadership, loop },
    ...{ snapshotter, catchUp, sending, reconfig, versions, removal, leases, leaseRequests },
    ...spaceParts(from),
  };
}

function spaceParts({
  options,
  booted,
  member,
  turns,
}: PartsOptions): Pick<MemberParts, "quota" | "defragmentation" | "diskUsage" | "autoCompaction"> {
  const { clock, timers, logger } = options.ports;
  const { quotaBackendBytes = 0, autoCompaction: settings } = options.config;
  const state = (): AppliedState => turns.state;
  const quota = new Quota({
    id: booted.memberId,
    quotaBackendBytes,
    logger,
    sizeBytes: () => state().store.logicalBytes + state().store.freedBytes,
    alarms: () => state().alarms,
    propose: member.propose.bind(member),
  });
  const path = options.paths.backend;
  const defragmentation = new Defragmentation({ state, clock, timers, logger, path });
  const autoCompaction =
    settings &&
    new AutoCompaction({
      settings,
      clock,
      timers,
      logger,
      revision: () => state().store.currentRevision,
      isLeader: () => member.isLeader,
      compact: (revision, done) => proposeCompaction(member, revision, done),
    });
  const diskUsage = new DiskUsage(() => state().backend, clock);
  return { quota, defragmentation, diskUsage, autoCompaction };
}

function leaseParts(
  { options, booted, node, stats, member, turns, isRunning }: PartsOptions,
  wires: {
    readonly transport: PeerTransport;
    readonly timeoutMs: number;
    readonly schedule: () => void;
  },
): Pick<MemberParts, "leases" | "leaseRequests"> {
  const { clock, timers } = options.ports;
  const { transport, timeoutMs, schedule } = wires;
  const lessor = (): Lessor => turns.state.lessor;
  const leases = new LeaseKeeper({
    node,
    lessor,
    appliedTerm: () => turns.state.position.term,
    timers,
    electionTimeoutMs: electionTimeoutMs(options.config),
    requestTimeoutMs: timeoutMs,
    canRead: () => isRunning() && turns.installing === undefined,
    onProposed: schedule,
    stats: stats.leases,
  });
  const leaseRequests = new LeaseRequests({
    clock,
    timers,
    timeoutMs,
    id: booted.memberId,
    lead: () => node.lead,
    applied: () => node.applied,
    isRunning,
    linearizableRead: (waiter) => member.linearizableRead(waiter),
    store: () => turns.state.store,
    lessor,
    keeper: leases,
    transport,
  });
  return { leases, leaseRequests };
}

function newReconfig(
  { options, booted, node, stats }: PartsOptions,
  wires: {
    readonly transport: PeerTransport;
    readonly loop: ReadyLoop;
    readonly timeoutMs: number;
    readonly timeoutError: (sinceMs: number) => ReturnType<Leadership["timeoutError"]>;
  },
): Reconfig {
  const { clock, logger } = options.ports;
  const { transport, loop, timeoutMs, timeoutError } = wires;
  const { memberId: id, cluster } = booted;
  const { strictReconfigCheck, maxLearners } = membershipSettings(options.config);
  return new Reconfig({
    id,
    cluster,
    clock,
    logger,
    node: {
      status: () => node.status(),
      transferLeader: (to) => {
        node.transferLeader(to);
        loop.schedule();
      },
    },
    transport,
    propose: (proposal) => {
      const isTaken = node.propose([proposal]);
      if (isTaken) loop.schedule();
      return isTaken;
    },
    timeoutMs,
    timeoutError,
    strictReconfigCheck,
    maxLearners,
    stats,
    // A real etcd panics on a joint entry.
    canEnterJoint: () =>
      cluster.members.every((other) => other.id === id || transport.isEtcdTs(other.id)),
  });
}

function snapshotParts(
  { options, booted, node, stats, turns, onError }: PartsOptions,
  transport: PeerTransport,
  loop: ReadyLoop,
): Pick<MemberParts, "catchUp" | "snapshotter" | "sending"> {
  const { clock, timers, logger } = options.ports;
  const { snapshotCount, catchupEntries } = options.config;
  const { storage, cluster, wal, snaps, snapshotIndex } = booted;
  const backend = (): MemberOptions["backend"] => turns.stateIfAny?.backend ?? options.backend;
  const catchUp = new CatchUp({
    log: storage,
    logger,
    catchupEntries,
    electionTimeoutMs: electionTimeoutMs(options.config),
    ...options.catchUp,
  });
  const snapshotter = new Snapshotter(
    {
      id: booted.memberId,
      wal,
      snaps,
      storage,
      logger,
      snapshotCount,
      catchupEntries,
      applied: () => turns.stateIfAny?.position ?? options.backend.committed,
      membership: () => membershipOf(cluster, backend()),
      holdFrom: () => catchUp.holdFrom,
      onError,
    },
    snapshotIndex,
  );
  const sending = new SnapshotSending({
    backend,
    transport,
    catchUp,
    clock,
    timers,
    logger,
    commitNow: () => turns.stateIfAny?.commits.commitNow(),
    report: (id, outcome) => {
      node.reportSnapshot(id, outcome);
      loop.schedule();
    },
    onError,
    openSeconds: stats.backendSnapshotSeconds,
  });
  return { catchUp, snapshotter, sending };
}
