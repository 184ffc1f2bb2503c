/** Checks what options mean together, and gives the rest of the program one settled configuration. */
import type { LogSettings } from "../log/settings.ts";
import type { AutoCompactionSettings } from "../server/auto-compaction.ts";
import type { TlsSettings } from "../tls/settings.ts";
import { readAutoCompaction } from "./auto-compaction.ts";
import type { DiscoverySrv } from "./discovery-srv.ts";
import { type InitialCluster, parseInitialCluster } from "./initial-cluster.ts";
import { type Address, listenersOf, listenProblems, usesClientTls } from "./listeners.ts";
import { readLog } from "./log-settings.ts";
import type { Notice } from "./notice.ts";
import { type OptionName, options, type RawOptions } from "./options.ts";
import { readTls } from "./tls-settings.ts";

export type { Address } from "./listeners.ts";

export interface Config {
  readonly name: string;
  readonly dataDir: string;
  readonly walDir: string;
  readonly listenClient: readonly Address[];
  readonly listenPeer: readonly Address[];
  /** Where metrics and health are served besides; mostly empty. */
  readonly listenMetrics: readonly Address[];
  /** Where HTTP is served to clients; `listenClient` serves gRPC only then. Mostly empty. */
  readonly listenClientHttp: readonly Address[];
  /** Undefined: no certificate, or no https URL that would show it. */
  readonly clientTls: TlsSettings | undefined;
  /** Undefined: neither files nor --peer-auto-tls. */
  readonly peerTls: TlsSettings | undefined;
  readonly selfSignedCertValidityYears: number;
  /** Origins whose pages may ask over HTTP; "*" for all. */
  readonly cors: readonly string[];
  /** Names under which HTTP without TLS is answered; "*" for all. */
  readonly hostWhitelist: readonly string[];
  readonly enablePprof: boolean;
  readonly metrics: "basic" | "extensive";
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
  readonly log: LogSettings;
  /** A call of a client, and the application of a request, that takes longer is logged as slow. */
  readonly warnUnaryRequestMs: number;
  readonly warnApplyMs: number;
  /** What the user should know of what was made of the options; for the log. */
  readonly notices: readonly Notice[];
}

/** etcd's bounds. */
const electionMsMax = 50_000;
const raftTimeoutMsMin = 5000;

export type Checked =
  | { readonly kind: "ok"; readonly config: Config }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** `notices`: what was to be told of the options before they were checked. */
export function checkConfig(
  raw: RawOptions,
  given: ReadonlySet<OptionName>,
  notices: readonly Notice[] = [],
): Checked {
  const listeners = listenersOf(raw);
  const tls = readTls(raw, usesClientTls(listeners));
  const log = readLog(raw);
  const autoCompaction = readAutoCompaction(
    raw["auto-compaction-mode"],
    raw["auto-compaction-retention"],
  );
  const problems = [
    ...listenProblems(raw, listeners, tls.hasPair),
    ...electionProblems(raw),
    ...clusterProblems(raw, given),
    ...tls.problems,
    ...(log.kind === "problems" ? log.problems : []),
    ...(autoCompaction.kind === "problem" ? [autoCompaction.problem] : []),
  ];
  if (problems.length > 0 || log.kind === "problems") return { kind: "problems", problems };
  const config: Config = {
    ...clusterConfig(raw, given),
    ...httpConfig(raw),
    ...storageConfig(raw),
    listenClient: listeners["listen-client-urls"],
    listenClientHttp: listeners["listen-client-http-urls"],
    listenPeer: listeners["listen-peer-urls"],
    listenMetrics: listeners["listen-metrics-urls"],
    clientTls: tls.client,
    peerTls: tls.peer,
    selfSignedCertValidityYears: raw["self-signed-cert-validity"],
    autoCompaction: autoCompaction.kind === "on" ? autoCompaction.settings : undefined,
    raw,
    log: log.settings,
    notices: [...notices, ...tls.notices, ...noticesOf(raw)],
  };
  return { kind: "ok", config };
}

type ClusterConfig = Pick<
  Config,
  | "name"
  | "advertiseClientUrls"
  | "advertisePeerUrls"
  | "clusterToken"
  | "initialCluster"
  | "discoverySrv"
  | "initialClusterState"
  | "forceNewCluster"
  | "strictReconfigCheck"
  | "maxLearners"
  | "preVote"
  | "initialElectionTickAdvance"
  | "tickMs"
  | "electionTicks"
  | "raftReadTimeoutMs"
  | "raftWriteTimeoutMs"
>;

const clusterConfig = (raw: RawOptions, given: ReadonlySet<OptionName>): ClusterConfig => ({
  name: raw.name,
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
});

const httpConfig = (
  raw: RawOptions,
): Pick<Config, "cors" | "hostWhitelist" | "enablePprof" | "metrics"> => ({
  cors: raw.cors,
  hostWhitelist: raw["host-whitelist"],
  enablePprof: raw["enable-pprof"],
  metrics: raw.metrics,
});

type StorageConfig = Pick<
  Config,
  | "dataDir"
  | "walDir"
  | "backendBatchIntervalMs"
  | "backendBatchOps"
  | "warnUnaryRequestMs"
  | "warnApplyMs"
>;

function storageConfig(raw: RawOptions): StorageConfig {
  const dataDir = raw["data-dir"] === "" ? `${raw.name}.etcd` : raw["data-dir"];
  return {
    dataDir,
    walDir: raw["wal-dir"] === "" ? `${dataDir}/member/wal` : raw["wal-dir"],
    // 0 asks for the default, as on etcd.
    backendBatchIntervalMs: orDefault(
      raw["backend-batch-interval"],
      options["backend-batch-interval"].default,
    ),
    backendBatchOps: orDefault(raw["backend-batch-limit"], options["backend-batch-limit"].default),
    warnUnaryRequestMs: raw["warning-unary-request-duration"],
    warnApplyMs: raw["warning-apply-duration"],
  };
}

function clusterProblems(raw: RawOptions, given: ReadonlySet<OptionName>): string[] {
  const problems: string[] = [];
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
  return problems;
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
