/** The command line to settings, as Go's flag package reads it: one dash or two, "--name=value" or "--name value", and "--name" alone for true. */
import { kindOf, type Settings } from "./known-options.ts";

export type Arguments =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | {
      readonly kind: "settings";
      readonly settings: Settings;
      readonly problems: readonly string[];
    };

/** --help and --version win over all that stands beside them. Of a flag that is given twice the last counts. */
export function readArguments(args: readonly string[]): Arguments {
  const problems: string[] = [];
  const settings: Settings = new Map();
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    const match = /^--?([a-z0-9][a-z0-9.-]*)(?:=(.*))?$/s.exec(arg);
    const [, name, given] = match ?? [];
    if (name === undefined) {
      problems.push(`${JSON.stringify(arg)} is not a valid flag; flags begin with --`);
      continue;
    }
    if (given === undefined && ["help", "h"].includes(name)) return { kind: "help" };
    if (given === undefined && name === "version") return { kind: "version" };
    const kind = kindOf(name);
    if (kind === undefined) {
      problems.push(`--${name} is not known; see --help`);
      // Whatever it means, what follows it is rather its value than a flag of its own.
      if (given === undefined && args[at + 1]?.startsWith("-") === false) at += 1;
      continue;
    }
    const value = given ?? (kind === "boolean" ? "true" : args[++at]);
    if (value === undefined) problems.push(`--${name} needs a value`);
    else settings.set(name, { source: `--${name}`, value });
  }
  return { kind: "settings", settings, problems };
}
