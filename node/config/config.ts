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
  const problems = [...electionProblems(raw), ...initialClusterProblems(raw)];
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

/** More than one member comes with a later version: refused, not ignored. */
function initialClusterProblems(raw: RawOptions): readonly string[] {
  const text = raw["initial-cluster"];
  if (text === "") return [];
  const parts = text.split(",");
  const unnamed = parts.filter((part) => part.indexOf("=") < 1);
  if (unnamed.length > 0) return [`--initial-cluster: "${unnamed.join()}" is not NAME=URL`];
  const members = parts.map((part) => {
    const at = part.indexOf("=");
    return { name: part.slice(0, at), url: part.slice(at + 1).replace(/\/$/, "") };
  });
  const others = members.filter(({ name }) => name !== raw.name);
  if (others.length > 0) {
    return [
      `--initial-cluster names other members than "${raw.name}" (${others.map(({ name }) => name).join(", ")}); only single-member clusters are served yet`,
    ];
  }
  const urls = members.map(({ url }) => url).sort();
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
