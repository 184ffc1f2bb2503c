/**
 * Flags and environment variables to values. All problems are collected, each with the flag's name, so that one start tells them all.
 */
import {
  environmentName,
  type Option,
  type OptionName,
  options,
  type RawOptions,
} from "./options.ts";
import { insteadOf, unservedOptions } from "./unserved.ts";

export type Parsed =
  | {
      readonly kind: "ok";
      readonly values: RawOptions;
      readonly given: ReadonlySet<OptionName>;
      /** Variables that look like an option's and are none: Kubernetes sets such names for a Service called "etcd". */
      readonly unrecognized: readonly string[];
    }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

const isOptionName = (name: string): name is OptionName => Object.hasOwn(options, name);
const names = Object.keys(options).filter(isOptionName);

export function parseOptions(args: readonly string[], environment: Environment): Parsed {
  const problems: string[] = [];
  const texts = new Map<OptionName, { readonly source: string; readonly text: string }>();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === "--help" || arg === "-h") return { kind: "help" };
    if (arg === "--version") return { kind: "version" };
    const match = /^--?([a-z0-9][a-z0-9-]*)(?:=(.*))?$/s.exec(arg);
    const name = match?.[1];
    if (name === undefined) {
      problems.push(`"${arg}" is not a flag; flags begin with --`);
    } else if (!isOptionName(name)) {
      problems.push(
        unservedOptions.has(name)
          ? notServed(`--${name}`, name)
          : `--${name} is not known; see --help`,
      );
      if (match?.[2] === undefined && args[at + 1]?.startsWith("-") === false) at += 1;
    } else {
      const { isBoolean } = options[name] as Option<unknown>;
      const text = match?.[2] ?? (isBoolean === true ? "true" : args[++at]);
      if (text === undefined) problems.push(`--${name} needs a value`);
      else texts.set(name, { source: `--${name}`, text });
    }
  }
  readEnvironment(environment, texts, problems);
  const values = valuesOf(texts, problems);
  if (problems.length > 0) return { kind: "problems", problems };
  return {
    kind: "ok",
    values,
    given: new Set(texts.keys()),
    unrecognized: unrecognizedIn(environment),
  };
}

const notServed = (source: string, name: string): string =>
  `${source} is not served in this version; ${insteadOf(name)}`;

function unrecognizedIn(environment: Environment): readonly string[] {
  const known = new Set(names.map(environmentName));
  return Object.keys(environment).filter(
    (name) => name.startsWith("ETCD_") && !name.startsWith("ETCD_TS_") && !known.has(name),
  );
}

function readEnvironment(
  environment: Environment,
  texts: Map<OptionName, { readonly source: string; readonly text: string }>,
  problems: string[],
): void {
  for (const name of names) {
    const variable = environmentName(name);
    const text = environment[variable];
    if (text === undefined || text === "") continue;
    if (texts.has(name))
      problems.push(`${variable} is shadowed by --${name}; set only one of the two`);
    else texts.set(name, { source: variable, text });
  }
  for (const name of unservedOptions) {
    const text = environment[environmentName(name)] ?? "";
    if (text !== "") problems.push(notServed(environmentName(name), name));
  }
}

function valuesOf(
  texts: ReadonlyMap<OptionName, { readonly source: string; readonly text: string }>,
  problems: string[],
): RawOptions {
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { default: fallback, parse } = options[name] as Option<unknown>;
    const given = texts.get(name);
    if (given === undefined) {
      values[name] = fallback;
      continue;
    }
    try {
      values[name] = parse(given.text);
    } catch (error) {
      problems.push(`${given.source}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  // Each value came out of the parse function, or the default, of its own row.
  return values as RawOptions;
}

export function helpText(): string {
  const rows = names.map((name) => {
    const option = options[name] as Option<unknown>;
    const { placeholder, help, defaultText, default: fallback, isBoolean } = option;
    const flag = isBoolean === true ? `--${name}[=${placeholder}]` : `--${name} ${placeholder}`;
    const shown = defaultText ?? (Array.isArray(fallback) ? fallback.join(",") : String(fallback));
    return `  ${flag.padEnd(44)}${help}${shown === "" ? "" : ` (default ${shown})`}`;
  });
  return [
    "Usage: etcd-ts [flags]",
    "",
    "Runs one etcd member. Each flag can also be set by an environment variable: ETCD_ and the flag's name in capitals.",
    "",
    ...rows,
    `  ${"--version".padEnd(44)}print the version and exit`,
    `  ${"--help".padEnd(44)}print this text and exit`,
    "",
  ].join("\n");
}
