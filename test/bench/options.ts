/**
 * What `npm run bench` can be told: one table of flags, from which parsing, checking and the help text come.
 */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { WorkloadName } from "./workload.ts";
import { isWorkloadName, workloads } from "./workloads.ts";

export interface BenchOptions {
  /** Checks only: few keys, short windows, no verdict on any gate. */
  short: boolean;
  /** Empty for all. */
  only: readonly WorkloadName[];
  /** Without `only`: the workloads on one member, or on three; undefined for both. */
  members: 1 | 3 | undefined;
  rounds: number;
  /** The measured window of each workload. */
  seconds: number;
  /** Before each window; counted apart. */
  warmupSeconds: number;
  /** Keys loaded before the first workload. */
  preload: number;
  /** How often in each turn the leader of three members is killed, and told to stop. */
  failovers: number;
  /** Size of the store that is defragmented, half of it garbage. */
  defragMib: number;
  /** Data directories are made in here: it decides which disk is measured. */
  dir: string;
  markdown: string | undefined;
  json: string | undefined;
  /** Who plays etcd-ts. With "etcd" every ratio must come out near 1: the test of the bench itself. */
  ours: "etcd-ts" | "etcd";
}

const flags = {
  short: { type: "boolean", help: "checks only, a few seconds for each server; claims nothing" },
  only: { type: "string", help: "comma-separated workloads, from the list below" },
  members: { type: "string", help: "only the workloads on 1 member, or those on 3 (both)" },
  rounds: { type: "string", help: "how often each server has its turn, etcd first (2; short: 1)" },
  seconds: { type: "string", help: "the measured window of a workload (60; short: 0.5)" },
  warmup: { type: "string", help: "seconds before each window (5; short: 0.2)" },
  preload: { type: "string", help: "keys loaded before the first workload (1000000; short: 3000)" },
  failovers: {
    type: "string",
    help: "how often in a turn the leader of three is killed, and stopped (5; short: 1)",
  },
  "defrag-mib": {
    type: "string",
    help: "MiB of the store that is defragmented (128; short: 8; the gate of DESIGN is for 1024)",
  },
  dir: {
    type: "string",
    help: "where data directories are made (the system's folder for temporary files)",
  },
  markdown: { type: "string", help: "write the table to this file too, as Markdown" },
  json: { type: "string", help: "write every single measurement to this file" },
  ours: { type: "string", help: "etcd-ts, or etcd to measure etcd against itself (etcd-ts)" },
  help: { type: "boolean", help: "this text" },
} as const;

/** Bad flags; the message names all of them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function helpText(): string {
  const lines = Object.entries(flags).map(([name, { type, help }]) => {
    const flag = type === "boolean" ? `--${name}` : `--${name} VALUE`;
    return `  ${flag.padEnd(18)} ${help}`;
  });
  const names = workloads.map(({ name, what }) => `  ${name.padEnd(26)} ${what}`);
  return [
    "npm run bench -- [flags]: etcd-ts beside a real etcd, on this machine, in turns.",
    "",
    ...lines,
    "",
    "Workloads, in the order they run in:",
    ...names,
  ].join("\n");
}

/** The options of a command line, or "help"; throws UsageError. */
export function parseOptions(args: readonly string[]): BenchOptions | "help" {
  const given = parse(args);
  if (given.help === true) return "help";
  const short = given.short === true;
  const problems: string[] = [];
  const number = (
    name: "rounds" | "seconds" | "warmup" | "preload" | "failovers" | "defrag-mib",
    fallback: number,
    least: number,
  ): number => {
    const text = given[name];
    const value = text === undefined ? fallback : Number(text);
    if (!(value >= least)) problems.push(`--${name} must be a number, ${least} or more`);
    return value;
  };
  const only = (given.only ?? "").split(",").filter((name) => name !== "");
  const unknown = only.filter((name) => !isWorkloadName(name));
  if (unknown.length > 0) problems.push(`--only does not know ${unknown.join(", ")}; see --help`);
  const ours = given.ours ?? "etcd-ts";
  if (ours !== "etcd-ts" && ours !== "etcd") problems.push("--ours must be etcd-ts or etcd");
  const members = given.members;
  if (members !== undefined && members !== "1" && members !== "3")
    problems.push("--members must be 1 or 3");
  const options: BenchOptions = {
    short,
    only: only.filter(isWorkloadName),
    members: members === undefined ? undefined : members === "3" ? 3 : 1,
    rounds: Math.floor(number("rounds", short ? 1 : 2, 1)),
    seconds: number("seconds", short ? 0.5 : 60, 0.1),
    warmupSeconds: number("warmup", short ? 0.2 : 5, 0),
    preload: Math.floor(number("preload", short ? 3000 : 1_000_000, 1000)),
    failovers: Math.floor(number("failovers", short ? 1 : 5, 1)),
    defragMib: number("defrag-mib", short ? 8 : 128, 1),
    dir: given.dir ?? tmpdir(),
    markdown: given.markdown,
    json: given.json,
    ours: ours === "etcd" ? "etcd" : "etcd-ts",
  };
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return options;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false })
      .values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
