/** What a member is made of and with. `config/` fills it from flags, the simulator from its own. */
import type { BackendHome, MemberBackend } from "../backend/backend-snapshot.ts";
import type { Clock, Fs, Logger, Random, Timers } from "../lib/ports.ts";
import type { ClusterId } from "../lib/units.ts";
import type { ResolveHost } from "../membership/peer-urls.ts";
import { type RaftConfig, raftDefaults } from "../raft/config.ts";
import type { WalOptions } from "../wal/wal.ts";
import type { AutoCompactionSettings } from "./auto-compaction.ts";
import type { DataPaths, NewMember } from "./bootstrap.ts";
import type { Member } from "./member.ts";
import type { PeerNetwork } from "./peer-transport.ts";

export interface MemberPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly fs: Fs;
  readonly logger: Logger;
}

/** What decides who is in the cluster; each flag of the same name says more. */
export interface MembershipSettings {
  /** Names and peer URLs of all members at the cluster's birth, or, for one that joins, of all that it will then have; this one among them. */
  readonly initialCluster: ReadonlyMap<string, readonly string[]>;
  /** Counts for an empty data directory only: found the cluster, or join the one that runs. */
  readonly initialClusterState: "new" | "existing";
  /** Refuse changes that a cluster with its present health might not survive. */
  readonly strictReconfigCheck: boolean;
  /** Learners that the cluster may have at a time. */
  readonly maxLearners: number;
  /** Make this member, with what it has, the only one. */
  readonly forceNewCluster: boolean;
  /** Ask before campaigning (thesis 9.6). */
  readonly preVote: boolean;
  /** A member of several counts most of its first election timeout as over when it starts. */
  readonly initialElectionTickAdvance: boolean;
}

export interface MemberConfig extends Partial<MembershipSettings> {
  readonly name: string;
  /** Where other members find this one, as it is told to the cluster at its birth. */
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly clusterToken: string;
  /** The cluster that this member belongs to, if whoever starts it knows: expected-cluster.ts. */
  readonly expectedClusterId?: ClusterId | undefined;
  readonly tickMs: number;
  readonly electionTicks: number;
  /** Applied entries between two marks in the log (--snapshot-count). */
  readonly snapshotCount: number;
  /** `.snap` files kept (--max-snapshots); 0 keeps all. */
  readonly maxSnapshots: number;
  /** Entries kept in memory behind a mark (--snapshot-catchup-entries). */
  readonly catchupEntries: number;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchOps: number;
  readonly valueCacheBytesMax: number;
  /** Largest entry that a request may become (--max-request-bytes). */
  readonly requestBytesMax: number;
  /** How often the leader tells the others what is left of long leases; never when not given. */
  readonly leaseCheckpointIntervalMs?: number | undefined;
  /** Records that a compaction looks at in one go, and its pause behind them; etcd's 1,000 and 10 ms when 0 or not given. */
  readonly compactionBatchRecords?: number;
  readonly compactionSleepMs?: number;
  /** --warning-apply-duration: applying that takes longer is told in the log; etcd's 100 ms when not given. */
  readonly warnApplyMs?: number;
  /** --quota-backend-bytes; etcd's 2 GiB when 0 or not given, negative for no limit. */
  readonly quotaBackendBytes?: number;
  /** When the leader compacts by itself; never when not given. */
  readonly autoCompaction?: AutoCompactionSettings | undefined;
  /** Garbage on the disk with which a start defragments; never when 0 or not given. */
  readonly bootstrapDefragThresholdBytes?: number;
}

export interface MemberOptions {
  readonly ports: MemberPorts;
  readonly config: MemberConfig;
  readonly paths: DataPaths;
  readonly walOptions: WalOptions;
  /** Where the backend lies, and where received ones come to lie. */
  readonly home: BackendHome;
  /** The live one, opened; what was received before was dealt with (received-state.ts). */
  readonly backend: MemberBackend;
  readonly peers: PeerNetwork;
  /** See BootstrapOptions. */
  readonly initialCluster?: () => Promise<MembershipSettings["initialCluster"]>;
  readonly resolveHost?: ResolveHost;
  /** Called once, when the member takes part in the cluster, and before it has published itself, which needs a quorum. */
  readonly onOpen?: (member: Member) => void;
  /** Changes to how lagging followers are waited for; tests use it. */
  readonly catchUp?: { readonly catchUpBytesMax?: number; readonly isEnabled?: boolean };
  /** Never in production: lets log files go for what is applied only, so that the power-cut test can show that it notices. */
  readonly unsafeEarlyRelease?: boolean;
  /** The member cannot go on: a write failed or the state is corrupt. Called once; the process should end. */
  readonly onFatal: (error: Error) => void;
  /** The cluster goes on without this member, for good: it serves no more and should be stopped. Called once. */
  readonly onRemoved: () => void;
}

/** How long a follower waits for a leader; also what etcd calls an election's time. */
export const electionTimeoutMs = (config: MemberConfig): number =>
  config.electionTicks * config.tickMs;

/** What raft is told beside the state that was found on disk. */
export const raftSettings = (
  config: MemberConfig,
): Omit<RaftConfig, "id" | "storage" | "applied" | "random"> => ({
  ...raftDefaults,
  electionTicks: config.electionTicks,
  preVote: membershipSettings(config).preVote,
});

/** The shortest time to live of a lease: half as much again as an election takes (etcd server.go). */
export const minTtlSeconds = ({ electionTicks, tickMs }: MemberConfig): number =>
  Math.ceil((Math.floor((3 * electionTicks) / 2) * tickMs) / 1000);

/** How long a request may wait: etcd's ReqTimeout, 5 s for queues, disk and network and 2 elections. */
export const requestTimeoutMs = (config: MemberConfig): number =>
  5000 + 2 * electionTimeoutMs(config);

/** The settings with etcd's defaults where `config` has none: a cluster of this member alone. */
export const membershipSettings = (config: MemberConfig): MembershipSettings => ({
  initialCluster: config.initialCluster ?? new Map([[config.name, config.peerUrls]]),
  initialClusterState: config.initialClusterState ?? "new",
  strictReconfigCheck: config.strictReconfigCheck ?? true,
  maxLearners: config.maxLearners ?? 1,
  forceNewCluster: config.forceNewCluster ?? false,
  preVote: config.preVote ?? true,
  initialElectionTickAdvance: config.initialElectionTickAdvance ?? true,
});

/** Who this member is if its data directory is new. */
export function newMemberOf(config: MemberConfig): NewMember {
  const { name, peerUrls, clusterToken } = config;
  const { initialCluster, initialClusterState } = membershipSettings(config);
  return { name, peerUrls, clusterToken, initialCluster, initialClusterState };
}
