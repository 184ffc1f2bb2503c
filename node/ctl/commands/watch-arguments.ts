/** What is to be watched: from arguments, flags and the environment (etcdctl ctlv3/command/watch_command.go). */
import type { Flag } from "../command.ts";
import { CtlError, exitCode } from "../ctl-error.ts";
import type { FlagValues } from "../flag-values.ts";
import { quote } from "../go-text.ts";
import type { Io } from "../process-io.ts";
import { rawBytes } from "../raw-text.ts";

export const watchFlags: readonly Flag[] = [
  {
    name: "interactive",
    short: "i",
    kind: "switch",
    help: "read what to watch from standard input",
  },
  { name: "prefix", kind: "switch", help: "all keys that begin with the key" },
  { name: "rev", kind: "integer", help: "begin with the events of this revision" },
  { name: "prev-kv", kind: "switch", help: "print what was there before, too" },
  {
    name: "progress-notify",
    kind: "switch",
    help: "have the server tell now and then how far the watch is",
  },
];

export interface Watched {
  readonly key: Uint8Array;
  /** Exclusive; undefined for the one key or a prefix. */
  readonly rangeEnd: Uint8Array | undefined;
  readonly isPrefix: boolean;
  readonly startRevision: bigint;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
  /** Run for each event; empty for none. */
  readonly program: readonly string[];
}

/** Keys that stand in the environment; where there is one it takes the place of the arguments. */
export type KeysOfEnvironment = readonly [] | readonly [string] | readonly [string, string];

const bad = (message: string): CtlError => new CtlError(exitCode.badArguments, message);

/** Throws CtlError. */
export function keysOfEnvironment({ env }: Pick<Io, "env">): KeysOfEnvironment {
  const key = env["ETCDCTL_WATCH_KEY"] ?? "";
  const rangeEnd = env["ETCDCTL_WATCH_RANGE_END"] ?? "";
  if (key === "" && rangeEnd !== "")
    throw bad(`ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${quote(rangeEnd)}`);
  if (key === "") return [];
  return rangeEnd === "" ? [key] : [key, rangeEnd];
}

/** Keys and program, as the words of a command line name them. */
export interface WatchWords {
  readonly keys: readonly string[];
  readonly program: readonly string[];
}

export interface Arguments {
  readonly args: readonly string[];
  /** How many of the arguments stand before "--"; undefined where there is no "--". */
  readonly separatedAt: number | undefined;
}

/** Throws CtlError for what ends etcdctl even where it reads line by line. */
export function watchWords(
  { args, separatedAt }: Arguments,
  inherited: KeysOfEnvironment,
  isInteractive: boolean,
): WatchWords {
  const own = args.slice(0, separatedAt);
  const program = separatedAt === undefined ? [] : args.slice(separatedAt);
  const isSeparated = separatedAt !== undefined;
  if (isSeparated && program.length === 0)
    throw bad("bad number of arguments (found separator --, but no commands)");
  // A line of its own that has a program may add a range end to the key of the environment.
  if (own.length > 0 && inherited.length > 0 && !(isInteractive && isSeparated))
    throw bad("bad number of arguments (found conflicting environment key)");
  if (!isSeparated && own.length === 0 && inherited.length === 0) throw badNumber();
  return { keys: [...inherited, ...own], program };
}

const badNumber = (): CtlError => bad("bad number of arguments");

/** Throws CtlError for what is only told where etcdctl reads line by line. As with etcdctl the key alone is watched where there are three words or more. */
export function watchedOf({ keys, program }: WatchWords, flags: FlagValues): Watched {
  const [key, rangeEnd] = keys;
  if (key === undefined) throw badNumber();
  const isPrefix = flags.isOn("prefix");
  const isRange = keys.length === 2 && rangeEnd !== undefined;
  if (isRange && isPrefix) throw bad("`range_end` and `--prefix` are mutually exclusive");
  return {
    key: rawBytes(key),
    rangeEnd: isRange ? rawBytes(rangeEnd) : undefined,
    isPrefix,
    startRevision: flags.integer("rev"),
    prevKv: flags.isOn("prev-kv"),
    progressNotify: flags.isOn("progress-notify"),
    program,
  };
}
