/** Every name that etcd has or had for an option, whatever becomes of it here. */
import { becameGates, gone, ignored, renamed } from "./gone.ts";
import type { OptionKind } from "./options/option.ts";
import { isOptionName, optionOf, options } from "./options.ts";
import { unserved } from "./unserved.ts";

/** What was said of one option, by a flag, a variable or the configuration file. */
export interface Setting {
  /** As the user knows it: "--name", "ETCD_NAME", "etcd.yaml:3: name". */
  readonly source: string;
  /** A list only from the configuration file. */
  readonly value: string | readonly string[];
}

/** By the option's name, which may be an old one. */
export type Settings = Map<string, Setting>;

/** Each one once. */
export const knownNames: readonly string[] = [
  ...Object.keys(options),
  ...Object.keys(unserved),
  ...Object.keys(renamed),
  ...Object.keys(becameGates),
  ...Object.keys(gone),
  ...ignored,
];

/** Undefined for a name that no etcd knows. */
export function kindOf(name: string): OptionKind | undefined {
  if (isOptionName(name)) return optionOf(name).kind ?? "text";
  const own = <Value>(table: Readonly<Record<string, Value>>): Value | undefined =>
    Object.hasOwn(table, name) ? table[name] : undefined;
  const newName = own(renamed);
  if (newName !== undefined) return kindOf(newName);
  if (ignored.has(name) || own(becameGates) !== undefined) return "boolean";
  return (own(unserved) ?? own(gone))?.kind;
}
