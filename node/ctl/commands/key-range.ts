/** Keys of get and del: one, a range, a prefix, or all from one on. */
import { CtlError, exitCode } from "../ctl-error.ts";
import type { FlagValues } from "../flag-values.ts";

export interface KeyRange {
  readonly key: string;
  /** "\0" for no end; undefined for the one key, and for a prefix. */
  readonly rangeEnd: string | undefined;
}

/** `args` has a key at least. Throws CtlError. */
export function keyRange(args: readonly string[], flags: FlagValues): KeyRange {
  const [key = "", rangeEnd] = args;
  const isFromKey = flags.isOn("from-key");
  if (rangeEnd !== undefined && (flags.isOn("prefix") || isFromKey)) {
    throw new CtlError(
      exitCode.badArguments,
      "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
    );
  }
  // The empty key is none; "\0" is the first.
  if (isFromKey) return { key: key === "" ? "\0" : key, rangeEnd: "\0" };
  return { key, rangeEnd };
}

/** Throws CtlError when both are on. */
export function refuseBoth(flags: FlagValues, one: string, other: string): void {
  if (flags.isOn(one) && flags.isOn(other)) {
    throw new CtlError(
      exitCode.badArguments,
      `\`--${one}\` and \`--${other}\` cannot be set at the same time, choose one`,
    );
  }
}
