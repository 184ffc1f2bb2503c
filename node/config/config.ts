/** Checks what options mean together, and gives the rest of the program one settled configuration. */
import type { LogLevel } from "../lib/platform/logger.ts";
import type { AutoCompactionSettings } from "../server/auto-compaction.ts";
import { readAutoCompaction } from "./auto-compaction.ts";
import type { DiscoverySrv } from "./discovery-srv.ts";
import { type InitialCluster, parseInitialCluster } from "./initial-cluster.ts";
import { listenClashes } from "./listen-clash.ts";
import { type OptionName, options, type RawOptions } from "./options.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly name: string;
  readonly dataDir: string;
  readonly walDir: string;
  readonly listenClient: readonly Address[];
  readonly listenPeer: readonly Address[];
  /** Where metrics and health are served besides; mostly empty. */
  readonly listenMetrics: readonly Address[];
  readonly advertiseClientUrls: readonly string[];
  readonly advertisePeerUrls: readonly string[];
  readonly clusterToken: string;
  /**
   * Name ▸ peer URLs of the members at the cluster's birth, as the flags say it: unchecked, and empty with --discovery-srv. Counts at a member's first
   * start only, when `resolveInitialCluster` makes it whole.
   */
  readonly initialCluster: InitialCluster;
  readonly discoverySrv: DiscoverySrv | undefined;
  readonly initialClusterState: "new" | "existing";
  readonly forceNewCluster: boolean;
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
  readonly preVote: boolean;
  readonly initialElectionTickAdvance: boolean;
  readonly tickMs: number;
  readonly electionTicks: number;
  /** How long a connection of another member may be silent, and how long it may take none of our bytes. */
  readonly raftReadTimeoutMs: number;
  readonly raftWriteTimeoutMs: number;
  /** Undefined for none. */
  readonly autoCompaction: AutoCompactionSettings | undefined;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchOps: number;
  readonly raw: RawOptions;
  readonly logLevel: LogLevel;
  /** What the user should know of what was made of the options; for the log. */
  readonly notices: readonly Notice[];
}

export interface Notice {
  readonly level: "info" | "warn";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** etcd's bounds. */
const electionMsMax = 50_000;
const raftTimeoutMsMin = 5000;

export type Checked =
  | { readonly kind: "ok"; readonly config: Config }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

export function checkConfig(raw: RawOptions, given: ReadonlySet<OptionName>): Checked {
  const addresses = Object.fromEntries(listenFlags.map((flag) => [flag, raw[flag].map(addressOf)]));
  const problems = [...urlProblems(raw), ...listenClashes(addresses), ...electionProblems(raw)];
  if (raw["discovery-srv"] !== "" && raw["initial-cluster"] !== "") {
    problems.push(
      'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
    );
  }
  if (given.has("listen-client-urls") && !given.has("advertise-client-urls")) {
    problems.push(
      "--advertise-client-urls is required when --listen-client-urls is set explicitly",
    );
  }
  if (raw.name === "") problems.push("--name must not be empty");
  const autoCompaction = readAutoCompaction(
    raw["auto-compaction-mode"],
    raw["auto-compaction-retention"],
  );
  if (autoCompaction.kind === "problem") problems.push(autoCompaction.problem);
  if (problems.length > 0) return { kind: "problems", problems };
  const dataDir = raw["data-dir"] === "" ? `${raw.name}.etcd` : raw["data-dir"];
  const config: Config = {
    name: raw.name,
    dataDir,
    walDir: raw["wal-dir"] === "" ? `${dataDir}/member/wal` : raw["wal-dir"],
    listenClient: raw["listen-client-urls"].map(addressOf),
    listenPeer: raw["listen-peer-urls"].map(addressOf),
    listenMetrics: raw["listen-metrics-urls"].map(addressOf),
    advertiseClientUrls: raw["advertise-client-urls"],
    advertisePeerUrls: raw["initial-advertise-peer-urls"],
    clusterToken: raw["initial-cluster-token"],
    initialCluster: initialClusterOf(raw, given),
    discoverySrv: discoverySrvOf(raw),
    initialClusterState: raw["initial-cluster-state"],
    forceNewCluster: raw["force-new-cluster"],
    strictReconfigCheck: raw["strict-reconfig-check"],
    maxLearners: raw["max-learners"],
    preVote: raw["pre-vote"],
    initialElectionTickAdvance: raw["initial-election-tick-advance"],
    tickMs: raw["heartbeat-interval"],
    electionTicks: Math.floor(raw["election-timeout"] / raw["heartbeat-interval"]),
    raftReadTimeoutMs: Math.max(raw["raft-read-timeout"], raftTimeoutMsMin),
    raftWriteTimeoutMs: Math.max(raw["raft-write-timeout"], raftTimeoutMsMin),
    autoCompaction: autoCompaction.kind === "on" ? autoCompaction.settings : undefined,
    // 0 asks for the default, as on etcd.
    backendBatchIntervalMs: orDefault(
      raw["backend-batch-interval"],
      options["backend-batch-interval"].default,
    ),
    backendBatchOps: orDefault(raw["backend-batch-limit"], options["backend-batch-limit"].default),
    raw,
    logLevel: raw["log-level"],
    notices: noticesOf(raw),
  };
  return { kind: "ok", config };
}

/** etcd's rule: a leader needs five heartbeats' time to be heard. */
function electionProblems(raw: RawOptions): readonly string[] {
  const tick = raw["heartbeat-interval"];
  const election = raw["election-timeout"];
  if (tick === 0) return ["--heartbeat-interval must be >0 (set to 0ms)"];
  if (election === 0) return ["--election-timeout must be >0 (set to 0ms)"];
  if (5 * tick > election) {
    return [
      `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${tick}ms]`,
    ];
  }
  return election <= electionMsMax
    ? []
    : [
        `--election-timeout[${election}ms] is too long, and should be set less than ${electionMsMax}ms`,
      ];
}

const listenFlags = ["listen-peer-urls", "listen-client-urls", "listen-metrics-urls"] as const;

/** Listening needs addresses, "localhost" apart: a name could stand for several, or for another machine. */
function urlProblems(raw: RawOptions): string[] {
  return listenFlags.flatMap((flag) =>
    raw[flag].flatMap((url) => {
      const host = new URL(url).hostname;
      const isAddress = /^\[.*\]$|^\d+\.\d+\.\d+\.\d+$/.test(host);
      return isAddress || host === "localhost"
        ? []
        : [`--${flag}: expected IP in URL for binding (${url})`];
    }),
  );
}

/**
 * Without --initial-cluster, and without another way to find members, this member alone. Unlike etcd also for a member of the default name that
 * advertises other URLs than the default ones, whom etcd refuses to start.
 */
function initialClusterOf(raw: RawOptions, given: ReadonlySet<OptionName>): InitialCluster {
  const isDiscovered = raw["discovery-srv"] !== "" || raw["discovery-srv-name"] !== "";
  return given.has("initial-cluster") || isDiscovered
    ? parseInitialCluster(raw["initial-cluster"])
    : new Map([[raw.name, raw["initial-advertise-peer-urls"]]]);
}

function discoverySrvOf(raw: RawOptions): DiscoverySrv | undefined {
  const domain = raw["discovery-srv"];
  return domain === "" ? undefined : { domain, serviceName: raw["discovery-srv-name"] };
}

function noticesOf(raw: RawOptions): readonly Notice[] {
  const notices: Notice[] = [];
  for (const flag of ["raft-read-timeout", "raft-write-timeout"] as const) {
    if (raw[flag] >= raftTimeoutMsMin) continue;
    const message = `${flag} increased to minimum value: ${raftTimeoutMsMin / 1000}s`;
    notices.push({ level: "info", message, fields: {} });
  }
  if (raw.name === options.name.default) {
    notices.push({
      level: "warn",
      message:
        "it isn't recommended to use default name, please set a value for --name. " +
        "Note that etcd might run into issue when multiple members have the same default name",
      fields: { name: raw.name },
    });
  }
  return notices;
}

const orDefault = (value: number, fallback: number): number => (value === 0 ? fallback : value);

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  // Go binds "localhost" to its IPv4 address, which a client that resolves it to both finds too.
  const host = hostname === "localhost" ? "127.0.0.1" : hostname.replace(/^\[|\]$/g, "");
  // URL drops the scheme's own port.
  return { host, port: port === "" ? 80 : Number(port) };
}
