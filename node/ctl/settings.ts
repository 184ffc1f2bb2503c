/** What the global flags and the environment say: where the members are, how long to wait, how to print. */
import type { Flag } from "./command.ts";
import { CtlError, exitCode, notServed } from "./ctl-error.ts";
import type { Discovery } from "./discovery.ts";
import type { FlagValues } from "./flag-values.ts";
import type { Io } from "./process-io.ts";
import { readTls, type TlsFlags } from "./tls-settings.ts";

export const outputFormats = ["simple", "fields", "json", "table"] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface Settings {
  /** Those of --endpoints. */
  readonly endpoints: readonly string[];
  /** Where others are found; undefined for nowhere. */
  readonly discovery: Discovery | undefined;
  readonly tls: TlsFlags;
  readonly format: OutputFormat;
  readonly isHex: boolean;
  readonly commandTimeoutMs: number;
  /** At most `commandTimeoutMs`. */
  readonly dialTimeoutMs: number;
}

/** What stands in ETCDCTL_COMMAND_TIMEOUT for --command-timeout, and so on; empty variables count as absent. */
const variableOf = (flag: Flag): string =>
  `ETCDCTL_${flag.name.toUpperCase().replaceAll("-", "_")}`;

/** What watch reads itself. */
const otherVariables = new Set(["ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"]);

/**
 * Takes the environment into `values`, and warns about variables that nobody knows. `flags` are those that a command shares with
 * others. Throws CtlError.
 */
export function readEnvironment(io: Io, flags: readonly Flag[], values: FlagValues): void {
  const known = new Map(flags.map((flag) => [variableOf(flag), flag]));
  for (const [variable, text] of Object.entries(io.env)) {
    if (text === undefined || text === "" || !variable.startsWith("ETCDCTL_")) continue;
    if (otherVariables.has(variable)) continue;
    const flag = known.get(variable);
    if (flag === undefined) {
      // The only API there is; scripts have carried this line since version 3.0.
      if (variable !== "ETCDCTL_API" || text !== "3")
        io.err(`Warning: the environment variable ${variable} is not known\n`);
    } else if (values.isGiven(flag.name)) {
      const message = `both ${variable} and --${flag.name} are given: leave one of them out`;
      throw new CtlError(exitCode.error, message);
    } else setFromEnvironment(values, flag, variable, text);
  }
}

function setFromEnvironment(values: FlagValues, flag: Flag, variable: string, text: string): void {
  try {
    values.set(flag, text, variable);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CtlError(exitCode.error, error.message.replace(/ flag: /, ": "));
  }
}

/** Throws CtlError. */
export function readSettings(values: FlagValues, flags: readonly Flag[]): Settings {
  for (const flag of flags) {
    if (flag.unserved !== undefined && values.isChanged(flag)) {
      const refusal = notServed(`--${flag.name}`);
      if (flag.unserved === "") throw refusal;
      throw new CtlError(refusal.code, `${refusal.message}: ${flag.unserved}`);
    }
  }
  const endpoints = values.list("endpoints");
  const commandTimeoutMs = Math.max(values.milliseconds("command-timeout"), 1);
  const dialTimeoutMs = values.isGiven("dial-timeout")
    ? Math.min(Math.max(values.milliseconds("dial-timeout"), 1), commandTimeoutMs)
    : commandTimeoutMs;
  const format = outputFormat(values.text("write-out"));
  const tls = readTls(values);
  if (endpoints.length === 0)
    throw new CtlError(exitCode.badConnection, "etcdclient: no available endpoints");
  return {
    endpoints,
    discovery: discoveryOf(values),
    tls,
    format,
    isHex: values.isOn("hex"),
    commandTimeoutMs,
    dialTimeoutMs,
  };
}

function discoveryOf(values: FlagValues): Discovery | undefined {
  const domain = values.text("discovery-srv");
  if (domain === "") return undefined;
  return {
    domain,
    serviceName: values.text("discovery-srv-name"),
    isInsecure: values.isOn("insecure-discovery"),
  };
}

function outputFormat(text: string): OutputFormat {
  const format = outputFormats.find((name) => name === text);
  if (format !== undefined) return format;
  if (text === "protobuf") throw notServed("--write-out=protobuf");
  throw new CtlError(exitCode.badFeature, "unsupported output format");
}
