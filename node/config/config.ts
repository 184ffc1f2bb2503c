/** Checks what options mean together, and gives the rest of the program one settled configuration. */
import type { LogLevel } from "../lib/platform/logger.ts";
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
  readonly advertiseClientUrls: readonly string[];
  readonly advertisePeerUrls: readonly string[];
  readonly clusterToken: string;
  /** Name ▸ peer URLs of the members at the cluster's birth. */
  readonly initialCluster: ReadonlyMap<string, readonly string[]>;
  readonly initialClusterState: "new" | "existing";
  readonly forceNewCluster: boolean;
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
  readonly preVote: boolean;
  readonly initialElectionTickAdvance: boolean;
  readonly tickMs: number;
  readonly electionTicks: number;
  /** Stored bytes at which writes are refused; Infinity for no limit. */
  readonly quotaBytes: number;
  readonly backendBatchIntervalMs: number;
  readonly backendBatchOps: number;
  readonly raw: RawOptions;
  readonly logLevel: LogLevel;
}

export type Checked =
  | { readonly kind: "ok"; readonly config: Config }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

export function checkConfig(raw: RawOptions, given: ReadonlySet<OptionName>): Checked {
  const initialCluster = initialClusterOf(raw);
  const problems = [...electionProblems(raw), ...initialClusterProblems(raw, initialCluster)];
  if (given.has("listen-client-urls") && !given.has("advertise-client-urls")) {
    problems.push(
      "--advertise-client-urls is required when --listen-client-urls is set explicitly",
    );
  }
  if (raw.name === "") problems.push("--name must not be empty");
  if (problems.length > 0) return { kind: "problems", problems };
  const dataDir = raw["data-dir"] === "" ? `${raw.name}.etcd` : raw["data-dir"];
  const config: Config = {
    name: raw.name,
    dataDir,
    walDir: raw["wal-dir"] === "" ? `${dataDir}/member/wal` : raw["wal-dir"],
    listenClient: raw["listen-client-urls"].map(addressOf),
    listenPeer: raw["listen-peer-urls"].map(addressOf),
    advertiseClientUrls: raw["advertise-client-urls"],
    advertisePeerUrls: raw["initial-advertise-peer-urls"],
    clusterToken: raw["initial-cluster-token"],
    initialCluster,
    initialClusterState: raw["initial-cluster-state"],
    forceNewCluster: raw["force-new-cluster"],
    strictReconfigCheck: raw["strict-reconfig-check"],
    maxLearners: raw["max-learners"],
    preVote: raw["pre-vote"],
    initialElectionTickAdvance: raw["initial-election-tick-advance"],
    tickMs: raw["heartbeat-interval"],
    electionTicks: Math.floor(raw["election-timeout"] / raw["heartbeat-interval"]),
    quotaBytes: quotaOf(raw["quota-backend-bytes"]),
    // 0 asks for the default, as on etcd.
    backendBatchIntervalMs: orDefault(
      raw["backend-batch-interval"],
      options["backend-batch-interval"].default,
    ),
    backendBatchOps: orDefault(raw["backend-batch-limit"], options["backend-batch-limit"].default),
    raw,
    logLevel: raw["log-level"],
  };
  return { kind: "ok", config };
}

/** etcd's rule: a leader needs five heartbeats' time to be heard. */
function electionProblems(raw: RawOptions): readonly string[] {
  const tick = raw["heartbeat-interval"];
  const election = raw["election-timeout"];
  return election >= 5 * tick
    ? []
    : [
        `--election-timeout (${election} ms) must be at least 5 times --heartbeat-interval (${tick} ms)`,
      ];
}

/** etcd's NAME=URL pairs; a name may come several times. Without any, this member alone. A pair without a name gets the empty one. */
function initialClusterOf(raw: RawOptions): ReadonlyMap<string, readonly string[]> {
  const text = raw["initial-cluster"];
  if (text === "") return new Map([[raw.name, raw["initial-advertise-peer-urls"]]]);
  const urlsByName = new Map<string, string[]>();
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const at = pair.indexOf("=");
    const name = at < 0 ? "" : pair.slice(0, at);
    const urls = urlsByName.get(name) ?? [];
    urls.push(pair.slice(at + 1).replace(/\/$/, ""));
    urlsByName.set(name, urls);
  }
  return urlsByName;
}

/**
 * What stands behind several members and a running cluster is there, but members find one another only with the peer network, which comes with a
 * later version: refused, not ignored.
 */
function initialClusterProblems(
  raw: RawOptions,
  initialCluster: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const unnamed = initialCluster.get("");
  if (unnamed !== undefined && raw["initial-cluster"] !== "") {
    return [`--initial-cluster: "${unnamed.join()}" is not NAME=URL`];
  }
  if (raw["initial-cluster-state"] === "existing") {
    return [
      "--initial-cluster-state=existing: only single-member clusters are served over the network yet, so there is none to join",
    ];
  }
  const others = [...initialCluster.keys()].filter((name) => name !== raw.name);
  if (others.length > 0) {
    return [
      `--initial-cluster names other members than "${raw.name}" (${others.join(", ")}); only single-member clusters are served over the network yet`,
    ];
  }
  const urls = [...(initialCluster.get(raw.name) ?? [])].sort();
  const advertised = [...raw["initial-advertise-peer-urls"]].sort();
  return urls.join() === advertised.join()
    ? []
    : [
        `--initial-cluster has ${urls.join()} for "${raw.name}", but --initial-advertise-peer-urls is ${advertised.join()}`,
      ];
}

const orDefault = (value: number, fallback: number): number => (value === 0 ? fallback : value);

/** etcd's reading of the flag: 0 is the default, a negative number no limit. */
function quotaOf(bytes: number): number {
  if (bytes === 0) return options["quota-backend-bytes"].default;
  return bytes < 0 ? Infinity : bytes;
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  // URL drops the scheme's own port.
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) };
}
