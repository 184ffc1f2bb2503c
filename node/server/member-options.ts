/** What a member is made of and with. `config/` fills it from flags, the simulator from its own. */
import type { Backend, BackendDisk } from "../backend/backend.ts";
import type { Clock, Fs, Logger, Random, Timers } from "../lib/ports.ts";
import type { WalOptions } from "../wal/wal.ts";
import type { DataPaths } from "./bootstrap.ts";

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
  /** Records that a compaction looks at in one go, and its pause behind them; etcd's 1,000 and 10 ms when 0 or not given. */
  readonly compactionBatchRecords?: number;
  readonly compactionSleepMs?: number;
}

export interface MemberOptions {
  readonly ports: MemberPorts;
  readonly config: MemberConfig;
  readonly paths: DataPaths;
  readonly walOptions: WalOptions;
  readonly backend: Backend & Pick<BackendDisk, "identity">;
  /** Never in production: lets log files go for what is applied only, so that the power-cut test can show that it notices. */
  readonly unsafeEarlyRelease?: boolean;
  /** The member cannot go on: a write failed or the state is corrupt. Called once; the process should end. */
  readonly onFatal: (error: Error) => void;
}

/** How long a follower waits for a leader; also what etcd calls an election's time. */
export const electionTimeoutMs = (config: MemberConfig): number =>
  config.electionTicks * config.tickMs;

/** How long a request may wait: etcd's ReqTimeout, 5 s for queues, disk and network and 2 elections. */
export const requestTimeoutMs = (config: MemberConfig): number =>
  5000 + 2 * electionTimeoutMs(config);
