/** The operator's command line. Every option can also come from the environment: --default-image from ETCD_TS_OPERATOR_DEFAULT_IMAGE. */
import { type LogLevel, logLevels } from "./json-logger.ts";

/** A mistake of the user, told without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface RunOptions {
  readonly command: "run";
  /** Empty for all of them. */
  readonly namespaces: readonly string[];
  readonly leaderElectionNamespace: string;
  readonly leaderElectionName: string;
  readonly defaultImage: string;
  /** Undefined: from /etc/resolv.conf. */
  readonly clusterDomain: string | undefined;
  readonly metricsAddress: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  readonly workers: number;
  /** Undefined: from where kubectl and pods have it. */
  readonly kubeconfig: string | undefined;
}

export interface ApplyCrdsOptions {
  readonly command: "apply-crds";
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

export interface MaintenanceOptions {
  readonly command: "maintenance";
  readonly task: MaintenanceTask;
  readonly cluster: { readonly namespace: string; readonly name: string };
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
}

/** `of`: help on one command alone. */
export interface HelpOptions {
  readonly command: "help";
  readonly of?: "maintenance";
}

export type Options = RunOptions | ApplyCrdsOptions | MaintenanceOptions | HelpOptions;

const maintenanceTasks = ["compact", "defrag"] as const;

type MaintenanceTask = (typeof maintenanceTasks)[number];

interface Flag {
  readonly placeholder: string;
  readonly help: string;
  readonly commands: readonly Exclude<Options["command"], "help">[];
  readonly default?: string;
  /** Environment variables beside ETCD_TS_OPERATOR_<NAME>, which goes first. */
  readonly environment?: readonly string[];
}

const flags = {
  namespaces: {
    placeholder: "A,B",
    help: "namespaces whose clusters are looked after (default: all)",
    commands: ["run"],
  },
  "leader-election-namespace": {
    placeholder: "NAMESPACE",
    help: "where the lease is (default: the pod's own, from POD_NAMESPACE)",
    commands: ["run"],
    environment: ["POD_NAMESPACE"],
  },
  "leader-election-name": {
    placeholder: "NAME",
    help: "name of the lease",
    commands: ["run"],
    default: "etcd-ts-operator",
  },
  "default-image": {
    placeholder: "IMAGE",
    help: "image of members whose cluster names none; required",
    commands: ["run"],
    environment: ["ETCD_TS_DEFAULT_IMAGE"],
  },
  "cluster-domain": {
    placeholder: "DOMAIN",
    help: "DNS domain of the Kubernetes cluster (default: from /etc/resolv.conf, or cluster.local)",
    commands: ["run"],
  },
  "metrics-address": {
    placeholder: "HOST:PORT",
    help: "where /metrics, /livez and /readyz are served",
    commands: ["run"],
    default: "0.0.0.0:8080",
  },
  "log-level": {
    placeholder: "LEVEL",
    help: `one of ${logLevels.join(", ")}`,
    commands: ["run", "apply-crds", "maintenance"],
    default: "info",
  },
  workers: {
    placeholder: "COUNT",
    help: "clusters that are worked on at a time",
    commands: ["run"],
    default: "4",
  },
  kubeconfig: {
    placeholder: "FILE",
    help: "how to reach Kubernetes (default: KUBECONFIG, or the pod's service account)",
    commands: ["run", "apply-crds", "maintenance"],
  },
  cluster: {
    placeholder: "NAMESPACE/NAME",
    help: "maintenance: the EtcdCluster to work on; required",
    commands: ["maintenance"],
  },
} as const satisfies Readonly<Record<string, Flag>>;

type FlagName = keyof typeof flags;

const workersMax = 64;

function flagRows(isShown: (flag: Flag) => boolean): readonly string[] {
  return Object.entries(flags as Readonly<Record<string, Flag>>)
    .filter(([, flag]) => isShown(flag))
    .map(([name, flag]) => {
      const preset = flag.default === undefined ? "" : ` (default: ${flag.default})`;
      return `  ${`--${name} ${flag.placeholder}`.padEnd(40)} ${flag.help}${preset}`;
    });
}

export function helpText({ of }: Pick<HelpOptions, "of"> = {}): string {
  return of === "maintenance" ? maintenanceHelp() : generalHelp();
}

function maintenanceHelp(): string {
  return [
    "One run of maintenance on one EtcdCluster, as spec.maintenance asks for: what the cluster's CronJobs run.",
    "",
    "  etcd-ts-operator maintenance compact --cluster NAMESPACE/NAME   drop history, up to the revision that the run before saw",
    "  etcd-ts-operator maintenance defrag --cluster NAMESPACE/NAME    defragment members in need, one after the other, the leader last",
    "",
    "It holds the Lease <name>-maintenance while it works. When somebody else holds it, or the cluster is not well, the run is skipped.",
    "How it ended stands in status.maintenance, in an Event of the EtcdCluster and in the log.",
    "Exit codes: 0 done or skipped, 1 failed, 2 a mistake on the command line.",
    "",
    "Options:",
    ...flagRows(({ commands }) => commands.includes("maintenance")),
    "",
  ].join("\n");
}

function generalHelp(): string {
  return [
    "Looks after EtcdClusters on Kubernetes.",
    "",
    "  etcd-ts-operator [run] [options]          run the operator",
    "  etcd-ts-operator apply-crds [options]     create or update the CustomResourceDefinitions, and wait until they serve",
    "  etcd-ts-operator maintenance [options]    one run of maintenance on one cluster, as its CronJobs do it: see maintenance --help",
    "",
    "Options, also from the environment (--log-level from ETCD_TS_OPERATOR_LOG_LEVEL):",
    ...flagRows(() => true),
    "",
  ].join("\n");
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws UsageError, which names the flag and says what to do. */
export function parseOptions(args: readonly string[], environment: Environment): Options {
  const { command, task, given } = split(args);
  if (command === "help") return task === undefined ? { command } : { command, of: "maintenance" };
  for (const name of given.keys()) {
    if (!(flags[name].commands as readonly string[]).includes(command)) {
      throw new UsageError(`--${name} is no option of ${command}`);
    }
  }
  const value = (name: FlagName): string | undefined => valueOf(name, given, environment);
  const logLevel = logLevelOf(value("log-level") ?? "");
  const kubeconfig = value("kubeconfig");
  if (command === "apply-crds") return { command, kubeconfig, logLevel };
  if (command === "maintenance") {
    const cluster = clusterOf(required(value, "cluster"));
    return { command, task: taskOf(task ?? ""), cluster, kubeconfig, logLevel };
  }
  return {
    command,
    logLevel,
    kubeconfig,
    namespaces: namespacesOf(value("namespaces")),
    leaderElectionNamespace: required(value, "leader-election-namespace"),
    leaderElectionName: required(value, "leader-election-name"),
    defaultImage: required(value, "default-image"),
    clusterDomain: value("cluster-domain"),
    metricsAddress: addressOf(value("metrics-address") ?? ""),
    workers: workersOf(value("workers") ?? ""),
  };
}

function split(args: readonly string[]): {
  readonly command: Options["command"];
  /** What follows `maintenance`; "" for nothing. */
  readonly task?: string;
  readonly given: ReadonlyMap<FlagName, string>;
} {
  const rest = [...args];
  let command: Options["command"] = "run";
  if (rest[0] === "run" || rest[0] === "apply-crds" || rest[0] === "help") {
    command = rest[0];
    rest.shift();
  }
  const given = new Map<FlagName, string>();
  if (rest[0] === "maintenance") {
    command = "maintenance";
    rest.shift();
    const [next = "-"] = rest as readonly string[];
    const task = next.startsWith("-") ? "" : next;
    if (task !== "") rest.shift();
    const isHelp = readFlags(rest, given);
    return { command: isHelp ? "help" : command, task, given };
  }
  return readFlags(rest, given) ? { command: "help", given } : { command, given };
}

/** Whether help was asked for instead. */
function readFlags(rest: string[], given: Map<FlagName, string>): boolean {
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    if (next === "--help" || next === "-h") return true;
    const [, name = "", , inline] = /^--([a-z-]+)(=(.*))?$/s.exec(next) ?? [];
    if (!isFlag(name)) {
      const what = next.startsWith("-") ? "option" : "command";
      throw new UsageError(`${next} is no ${what}: see etcd-ts-operator --help`);
    }
    const value = inline ?? rest.shift();
    if (value === undefined) throw new UsageError(`--${name} needs a value`);
    given.set(name, value);
  }
  return false;
}

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(flags, name);
}

/** An empty value counts as none: that is how a chart leaves something out. */
function valueOf(
  name: FlagName,
  given: ReadonlyMap<FlagName, string>,
  environment: Environment,
): string | undefined {
  const flag: Flag = flags[name];
  const own = `ETCD_TS_OPERATOR_${name.toUpperCase().replaceAll("-", "_")}`;
  const variables = [own, ...(flag.environment ?? [])].map((variable) => environment[variable]);
  const candidates = [given.get(name), ...variables, flag.default];
  return candidates.find((candidate) => candidate !== undefined && candidate !== "");
}

function required(value: (name: FlagName) => string | undefined, name: FlagName): string {
  const found = value(name);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} is required: give it ${flags[name].placeholder}`);
}

function namespacesOf(text: string | undefined): string[] {
  const names = (text ?? "").split(",").map((name) => name.trim());
  const given = names.filter((name) => name !== "");
  for (const name of given) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      throw new UsageError(`--namespaces: ${name} is no name of a namespace`);
    }
  }
  return [...new Set(given)];
}

function clusterOf(text: string): { readonly namespace: string; readonly name: string } {
  const [, namespace, name] = /^([a-z0-9-]{1,63})\/([a-z0-9-]{1,63})$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw new UsageError(`--cluster: expected NAMESPACE/NAME, not ${text}`);
}

function taskOf(text: string): MaintenanceTask {
  const task = maintenanceTasks.find((known) => known === text);
  if (task !== undefined) return task;
  const given = text === "" ? "" : `, not ${text}`;
  throw new UsageError(`maintenance: expected ${maintenanceTasks.join(" or ")}${given}`);
}

function logLevelOf(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (level !== undefined) return level;
  throw new UsageError(`--log-level: expected one of ${logLevels.join(", ")}, not ${text}`);
}

function workersOf(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= workersMax) return count;
  throw new UsageError(`--workers: expected a number from 1 to ${workersMax}, not ${text}`);
}

/** "host:port", ":port" for all addresses, "[::]:port". */
function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits !== "" && port <= 65_535) {
    const host = bracketed ?? plain ?? "";
    return { host: host === "" ? "0.0.0.0" : host, port };
  }
  throw new UsageError(`--metrics-address: expected HOST:PORT, not ${text}`);
}
