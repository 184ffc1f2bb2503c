/** What the user says, by flags and environment variables or by a configuration file, to the values of options. */
import { readText as readFromDisk } from "../lib/platform/read-text.ts";
import { readArguments } from "./arguments.ts";
import { readConfigFile } from "./config-file.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import type { Settings } from "./known-options.ts";
import type { Notice } from "./notice.ts";
import type { OptionName, RawOptions } from "./options.ts";
import { type Settled, settle } from "./settle.ts";

export type Parsed =
  | {
      readonly kind: "ok";
      readonly values: RawOptions;
      readonly given: ReadonlySet<OptionName>;
      /** For the log: old names, what was ignored, variables that look like an option's and are none. */
      readonly notices: readonly Notice[];
    }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** The text of a file; throws an Error that says why there is none. */
export type ReadText = (path: string) => string;

/** All problems are collected, each with the name of what it is about. */
export function parseOptions(
  args: readonly string[],
  environment: Environment,
  readText: ReadText = readFromDisk,
): Parsed {
  const flags = readArguments(args);
  if (flags.kind !== "settings") return flags;
  const path = flags.settings.get("config-file")?.value ?? environment["ETCD_CONFIG_FILE"] ?? "";
  if (path !== "") {
    return parseFile(String(path), { flags, environment, readText });
  }
  const variables = readEnvironment(environment, flags.settings);
  const settled = settle(new Map([...flags.settings, ...variables.settings]));
  return parsed(settled, {
    problems: [...flags.problems, ...variables.problems],
    notices: variables.notices,
  });
}

/** As on etcd flags must be right even then, although they are ignored. */
function parseFile(
  path: string,
  given: {
    readonly flags: { readonly settings: Settings; readonly problems: readonly string[] };
    readonly environment: Environment;
    readonly readText: ReadText;
  },
): Parsed {
  const { flags, environment, readText } = given;
  const problems = [...flags.problems, ...settle(flags.settings).problems];
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: "problems", problems: [...problems, `--config-file: ${why}`] };
  }
  const file = readConfigFile(path, text);
  const settled = settle(file.settings);
  return parsed(
    { ...settled, given: givenByFile(settled.given) },
    {
      problems: [...problems, ...file.problems],
      notices: [...fileNotices(path, flags.settings, environment), ...file.notices],
    },
  );
}

/** A file that says where clients are served need not say what they are told: etcd tells the default then, though hardly anyone can want it. */
const givenByFile = (given: ReadonlySet<OptionName>): ReadonlySet<OptionName> =>
  given.has("listen-client-urls") ? new Set([...given, "advertise-client-urls"]) : given;

function fileNotices(path: string, flags: Settings, environment: Environment): readonly Notice[] {
  const variables = readEnvironment(environment, new Map()).settings;
  const ignored = [...flags, ...variables]
    .filter(([name]) => name !== "config-file")
    .map(([, { source }]) => source);
  const loaded: Notice = {
    level: "info",
    message:
      "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
    fields: { path },
  };
  return ignored.length === 0
    ? [loaded]
    : [
        loaded,
        {
          level: "warn",
          message: "ignored, because the configuration file says it all",
          fields: { options: ignored },
        },
      ];
}

function parsed(
  settled: Settled,
  more: { readonly problems: readonly string[]; readonly notices: readonly Notice[] },
): Parsed {
  const problems = [...more.problems, ...settled.problems];
  if (problems.length > 0) return { kind: "problems", problems };
  const { values, given } = settled;
  return { kind: "ok", values, given, notices: [...more.notices, ...settled.notices] };
}
