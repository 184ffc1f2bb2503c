/**
 * From the words of the command line to a command with its flags and arguments. The command is found as etcdctl's library (cobra)
 * finds it: flags may stand anywhere, and a beginning that only one command has is enough.
 */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import type { Command, Flag } from "./command.ts";
import { FlagValues } from "./flag-values.ts";
import { quote } from "./go-text.ts";

/** A command, and the words that lead to it, such as ["endpoint", "status"]. */
export interface Found {
  readonly command: Command;
  readonly path: readonly string[];
  /** Its own, those of its families, and the global ones. */
  readonly flags: readonly Flag[];
  /** All words but those of the path. */
  readonly rest: readonly string[];
  /** The first argument, which is no command where one is expected. */
  readonly stranger: string | undefined;
}

const helpFlag: Flag = { name: "help", short: "h", kind: "switch", help: "this text" };

export function findCommand(
  root: Command,
  globals: readonly Flag[],
  args: readonly string[],
): Found {
  let command = root;
  let flags = [...globals, helpFlag];
  let rest = args;
  const path: string[] = [];
  for (;;) {
    const at = firstArgument(rest, flags);
    const word = at < 0 ? undefined : (rest[at] as string);
    const next = word === undefined ? undefined : subcommand(command, word);
    if (next === undefined) return { command, path, flags, rest, stranger: word };
    command = next;
    flags = [...(next.flags ?? []), ...flags];
    path.push(next.name);
    rest = rest.filter((_word, index) => index !== at);
  }
}

/** By its name, or by a beginning of it that no other command has. */
export function subcommand(command: Command, word: string): Command | undefined {
  const { commands = [] } = command;
  const exact = commands.find(({ name }) => name === word);
  if (exact !== undefined) return exact;
  const matches = commands.filter(({ name }) => name.startsWith(word));
  return matches.length === 1 ? matches[0] : undefined;
}

/** Index of the first word that is neither a flag nor the value of one; -1 for none. An unknown flag is taken to have a value. */
function firstArgument(args: readonly string[], flags: readonly Flag[]): number {
  const isSwitch = (matches: (flag: Flag) => boolean): boolean =>
    flags.find(matches)?.kind === "switch";
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] as string;
    if (word === "--") return -1;
    if (word !== "" && !word.startsWith("-")) return at;
    const takesNext =
      !word.includes("=") &&
      (word.startsWith("--")
        ? !isSwitch(({ name }) => name === word.slice(2))
        : word.length === 2 && !isSwitch(({ short }) => short === word[1]));
    if (takesNext) at += 1;
  }
  return -1;
}

export interface Parsed {
  readonly args: readonly string[];
  /** How many of the arguments stand before "--"; undefined where there is no "--". */
  readonly separatedAt: number | undefined;
  readonly values: FlagValues;
}

/** Throws RangeError with etcdctl's text for the first flag that is wrong. */
export function parseFlags(words: readonly string[], flags: readonly Flag[]): Parsed {
  const options: ParseArgsOptionsConfig = {};
  for (const { name, short, kind } of flags) {
    const type = kind === "switch" ? "boolean" : "string";
    options[name] = short === undefined ? { type } : { type, short };
  }
  const { tokens } = parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new FlagValues(flags);
  const args: string[] = [];
  let separatedAt: number | undefined;
  for (const token of tokens) {
    if (token.kind === "positional") args.push(token.value);
    if (token.kind === "option-terminator") separatedAt = args.length;
    if (token.kind === "option")
      setFlag(values, flags, { ...token, word: words[token.index] ?? "" });
  }
  return { args, separatedAt, values };
}

interface OptionToken {
  readonly name: string;
  /** As it stood there: --rev or -w. */
  readonly rawName: string;
  readonly value: string | undefined;
  readonly word: string;
}

function setFlag(values: FlagValues, flags: readonly Flag[], token: OptionToken): void {
  const { name, rawName, value, word } = token;
  const isShort = !rawName.startsWith("--");
  const letters = isShort ? word.slice(word.indexOf(rawName.slice(1), 1)) : "";
  const flag = flags.find((candidate) => candidate.name === name);
  if (flag === undefined) {
    if (isShort)
      throw new RangeError(`unknown shorthand flag: '${rawName.slice(1)}' in -${letters}`);
    if (name === "" || name.startsWith("-")) throw new RangeError(`bad flag syntax: ${word}`);
    throw new RangeError(`unknown flag: --${name}`);
  }
  const shorthand = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
  if (flag.kind === "switch") {
    values.set(flag, value ?? "true", shorthand);
    return;
  }
  if (value === undefined) {
    const what = isShort ? `'${rawName.slice(1)}' in -${letters}` : `--${name}`;
    throw new RangeError(`flag needs an argument: ${what}`);
  }
  // Node leaves the sign of -w=json in the value.
  const isSigned = isShort && letters[1] === "=";
  values.set(flag, isSigned ? value.slice(1) : value, shorthand);
}

/** What cobra says to a word that is no command. */
export const unknownCommand = (word: string): string =>
  `unknown command ${quote(word)} for "etcdctl-ts"`;
