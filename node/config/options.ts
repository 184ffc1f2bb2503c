/**
 * The one table of options: flag, default, check and help of each. The environment variable follows from the flag (ETCD_ and
 * capitals), as on etcd. An option of etcd that is not in this table is refused by name, never ignored.
 */

import { type FeatureGates, parseFeatureGates } from "./feature-gates.ts";

/** How a text becomes a value. Throws an Error that says what was expected. */
type Parse<Value> = (text: string) => Value;

export interface Option<Value> {
  readonly default: Value;
  readonly parse: Parse<Value>;
  /** What stands behind the flag in the help text. */
  readonly placeholder: string;
  readonly help: string;
  /** The default as the help text shows it, where its plain form would mislead. */
  readonly defaultText?: string;
  /** The flag alone stands for true, and never takes the next argument for its value. */
  readonly isBoolean?: true;
}

const option = <Value>(fields: Option<Value>): Option<Value> => fields;

const text: Parse<string> = (value) => value;

function integer(bounds: { readonly min: number; readonly max?: number }): Parse<number> {
  return (value) => {
    const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= bounds.min && number <= max) return number;
    throw new Error(
      `expected an integer from ${bounds.min}${bounds.max === undefined ? "" : ` to ${bounds.max}`}`,
    );
  };
}

function oneOf<Choice extends string>(...choices: readonly Choice[]): Parse<Choice> {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    throw new Error(`expected one of ${choices.join(", ")}`);
  };
}

/** What Go takes for a boolean (strconv.ParseBool). */
const boolean: Parse<boolean> = (value) => {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw new Error("expected true or false");
};

const booleanOption = (fallback: boolean, help: string): Option<boolean> => ({
  default: fallback,
  parse: boolean,
  placeholder: "BOOL",
  help,
  isBoolean: true,
});

/** 0 asks for the default, as for etcd. */
const orDefault =
  (fallback: number, parse: Parse<number>): Parse<number> =>
  (value) => {
    const number = parse(value);
    return number === 0 ? fallback : number;
  };

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A Go duration such as "5s", "1.5s" or "1h30m0s", in whole milliseconds. */
const duration: Parse<number> = (value) => {
  if (value === "0") return 0;
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) {
    const parts = [...value.matchAll(/([\d.]+)(ms|s|m|h)/g)];
    const ms = parts.reduce(
      (sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0),
      0,
    );
    if (Number.isSafeInteger(Math.round(ms))) return Math.round(ms);
  }
  throw new Error('expected a duration such as "100ms" or "5s"');
};

/** A comma-separated list of http URLs with a host and a port and no path; sorted and each once, as etcd has them. */
const urls: Parse<readonly string[]> = (value) =>
  [...new Set(value.split(",").map((url) => checkedUrl(url.trim())))].sort();

/** A list that may be empty. */
const optionalUrls: Parse<readonly string[]> = (value) => (value === "" ? [] : urls(value));

function checkedUrl(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error(`"${value}" is no URL; expected for example http://127.0.0.1:2379`);
  }
  if (url.protocol === "https:") throw new Error(`"${value}": https is not served yet, only http`);
  if (url.protocol !== "http:") throw new Error(`"${value}": expected http as the scheme`);
  if (!/:\d+$/.test(value.replace(/\/$/, ""))) throw new Error(`"${value}" has no port`);
  if (url.pathname !== "/" || url.search !== "") throw new Error(`"${value}" must not have a path`);
  return value.replace(/\/$/, "");
}

export const options = {
  name: option({
    default: "default",
    parse: text,
    placeholder: "NAME",
    help: "human-readable name of this member",
  }),
  "data-dir": option({
    default: "",
    parse: text,
    placeholder: "DIR",
    help: "directory of all data; NAME.etcd when not given",
  }),
  "wal-dir": option({
    default: "",
    parse: text,
    placeholder: "DIR",
    help: "directory of the log, if not in the data directory",
  }),
  "listen-client-urls": option({
    default: ["http://127.0.0.1:2379"],
    parse: urls,
    placeholder: "URLS",
    help: "where clients are served",
  }),
  "advertise-client-urls": option({
    default: ["http://localhost:2379"],
    parse: urls,
    placeholder: "URLS",
    help: "client URLs told to the cluster; needed with --listen-client-urls",
  }),
  "listen-peer-urls": option({
    default: ["http://127.0.0.1:2380"],
    parse: urls,
    placeholder: "URLS",
    help: "where other members are served",
  }),
  "listen-metrics-urls": option<readonly string[]>({
    default: [],
    parse: optionalUrls,
    placeholder: "URLS",
    help: "where /metrics, /health, /livez and /readyz are served beside the client URLs, from the start on",
  }),
  "initial-advertise-peer-urls": option({
    default: ["http://localhost:2380"],
    parse: urls,
    placeholder: "URLS",
    help: "this member's peer URLs at the cluster's birth",
  }),
  "initial-cluster": option({
    default: "",
    parse: text,
    placeholder: "NAME=URL,...",
    help: "the members at the cluster's birth, this one among them; this one alone when not given",
  }),
  "initial-cluster-state": option<"new" | "existing">({
    default: "new",
    parse: oneOf("new", "existing"),
    placeholder: "STATE",
    help: "at this member's first start: new founds the cluster, existing joins the one that runs",
  }),
  "initial-cluster-token": option({
    default: "etcd-cluster",
    parse: text,
    placeholder: "TOKEN",
    help: "keeps clusters with equal URLs apart",
  }),
  "discovery-srv": option({
    default: "",
    parse: text,
    placeholder: "DOMAIN",
    help: "full name of the DNS domain whose SRV records list the members at the cluster's birth",
  }),
  "discovery-srv-name": option({
    default: "",
    parse: text,
    placeholder: "NAME",
    help: "asks for the records of _etcd-server-NAME instead of _etcd-server",
  }),
  "force-new-cluster": booleanOption(
    false,
    "make this member, with the data that it has, the only one of its cluster",
  ),
  "strict-reconfig-check": booleanOption(
    true,
    "refuse changes of the members that the cluster's present health would not survive",
  ),
  "max-learners": option({
    default: 1,
    parse: integer({ min: 0 }),
    placeholder: "N",
    help: "learners that the cluster may have at a time",
  }),
  "pre-vote": booleanOption(
    true,
    "ask before an election, so that a returning member disturbs none",
  ),
  "initial-election-tick-advance": booleanOption(
    true,
    "count most of the first election timeout as over at the start",
  ),
  "heartbeat-interval": option({
    default: 100,
    parse: integer({ min: 0 }),
    placeholder: "MS",
    help: "length of a tick in milliseconds",
  }),
  "election-timeout": option({
    default: 1000,
    parse: integer({ min: 0 }),
    placeholder: "MS",
    help: "milliseconds without a leader before an election",
  }),
  "raft-read-timeout": option({
    default: 5000,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "5s",
    help: "silence after which a connection of another member is given up; at least 5s",
  }),
  "raft-write-timeout": option({
    default: 5000,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "5s",
    help: "time another member has to take what is sent to it; at least 5s",
  }),
  "snapshot-count": option({
    default: 10_000,
    parse: orDefault(10_000, integer({ min: 0 })),
    placeholder: "N",
    help: "applied entries between two marks that let old log files go; 0 for the default",
  }),
  "snapshot-catchup-entries": option({
    default: 5000,
    parse: orDefault(5000, integer({ min: 0 })),
    placeholder: "N",
    help: "entries kept in memory behind such a mark; 0 for the default",
  }),
  "max-wals": option({
    default: 5,
    parse: integer({ min: 0 }),
    placeholder: "N",
    help: "log files kept at least; 0 keeps all",
  }),
  "max-snapshots": option({
    default: 5,
    parse: integer({ min: 0 }),
    placeholder: "N",
    help: "snap files kept; 0 keeps all",
  }),
  "backend-batch-interval": option({
    default: 100,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "100ms",
    help: "longest time between two commits of the backend",
  }),
  "backend-batch-limit": option({
    default: 10_000,
    parse: integer({ min: 0 }),
    placeholder: "N",
    help: "operations that bring a commit of the backend about",
  }),
  "compaction-batch-limit": option({
    default: 1000,
    parse: integer({ min: 0 }),
    placeholder: "N",
    help: "records that a compaction looks at in one go; 0 for the default",
  }),
  "compaction-sleep-interval": option({
    default: 10,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "10ms",
    help: "pause of a compaction between two of those",
  }),
  "feature-gates": option<FeatureGates>({
    default: parseFeatureGates(""),
    parse: parseFeatureGates,
    placeholder: "NAME=BOOL,...",
    defaultText: "all as on etcd",
    help: "switches by etcd's names; served: LeaseCheckpoint",
  }),
  "watch-progress-notify-interval": option({
    default: 0,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "0, which stands for 10m",
    help: "how often a quiet watch that asked for it is told how far it is; at least 100ms",
  }),
  "quota-backend-bytes": option({
    default: 0,
    parse: integer({ min: Number.MIN_SAFE_INTEGER }),
    placeholder: "BYTES",
    defaultText: "0, which stands for 2147483648",
    help: "stored bytes at which writes are refused; negative for no limit",
  }),
  "auto-compaction-mode": option({
    default: "periodic",
    parse: text,
    placeholder: "MODE",
    help: "what --auto-compaction-retention counts: periodic (time) or revision (revisions)",
  }),
  "auto-compaction-retention": option({
    default: "0",
    parse: text,
    placeholder: "LENGTH",
    defaultText: "0, which stands for none",
    help: 'history kept when the leader compacts by itself: "10m", "1" for an hour, or with the mode revision a number of revisions',
  }),
  "bootstrap-defrag-threshold-megabytes": option({
    default: 0,
    parse: integer({ min: 0 }),
    placeholder: "MB",
    defaultText: "0, which stands for never",
    help: "at the start, defragment in the background when the disk has at least so much to give back",
  }),
  "max-txn-ops": option({
    default: 128,
    parse: integer({ min: 1 }),
    placeholder: "N",
    help: "operations allowed in a transaction",
  }),
  "max-request-bytes": option({
    default: 1_572_864,
    parse: integer({ min: 1, max: 512 * 1024 ** 2 }),
    placeholder: "BYTES",
    help: "largest request accepted",
  }),
  "max-concurrent-streams": option({
    default: 4_294_967_295,
    parse: integer({ min: 1, max: 4_294_967_295 }),
    placeholder: "N",
    help: "calls under way on one connection",
  }),
  "grpc-keepalive-min-time": option({
    default: 5_000,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "5s",
    help: "least time between two pings of a client",
  }),
  "grpc-keepalive-interval": option({
    default: 7_200_000,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "2h",
    help: "silence of a client after which it is pinged",
  }),
  "grpc-keepalive-timeout": option({
    default: 20_000,
    parse: duration,
    placeholder: "DURATION",
    defaultText: "20s",
    help: "time a pinged client has before it is cut off",
  }),
  "log-level": option({
    default: "info" as const,
    parse: oneOf("debug", "info", "warn", "error"),
    placeholder: "LEVEL",
    help: "debug, info, warn or error",
  }),
};

export type OptionName = keyof typeof options;
export type RawOptions = { [Name in OptionName]: (typeof options)[Name]["default"] };

export const environmentName = (name: string): string =>
  `ETCD_${name.toUpperCase().replaceAll("-", "_")}`;
