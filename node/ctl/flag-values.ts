/** Values of flags as etcdctl's library for flags (pflag) reads them, with its error texts. */
import type { Flag } from "./command.ts";
import { parseBool, parseDuration, parseInteger, quote } from "./go-text.ts";

type Value = boolean | bigint | string | number | readonly string[];

const standards = { switch: "false", integer: "0", text: "", list: "", duration: "0s" } as const;

export const standardOf = (flag: Flag): string => flag.standard ?? standards[flag.kind];

function read(flag: Flag, text: string): Value {
  switch (flag.kind) {
    case "switch":
      return parseBool(text);
    case "integer":
      return parseInteger(text, 0);
    case "duration":
      return parseDuration(text);
    case "list":
      return text === "" ? [] : text.split(",").map((item) => item.trim());
    case "text":
      return text;
  }
}

/** Asking for a flag that the command does not have is a bug, and throws TypeError. */
export class FlagValues {
  readonly #flags = new Map<string, Flag>();
  readonly #values = new Map<string, Value>();

  constructor(flags: readonly Flag[]) {
    for (const flag of flags) this.#flags.set(flag.name, flag);
  }

  /** `given` is how the flag stood there, for the error text. Throws RangeError with etcdctl's text. */
  set(flag: Flag, text: string, given: string): void {
    try {
      const value = read(flag, text);
      const isLonger = flag.kind === "list" && this.isGiven(flag.name);
      this.#values.set(
        flag.name,
        isLonger ? [...this.list(flag.name), ...(value as readonly string[])] : value,
      );
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(
        `invalid argument ${quote(text)} for ${quote(given)} flag: ${error.message}`,
        { cause: error },
      );
    }
  }

  isGiven(name: string): boolean {
    return this.#values.has(name);
  }

  isOn(name: string): boolean {
    return this.#value(name) === true;
  }

  integer(name: string): bigint {
    const value = this.#value(name);
    if (typeof value !== "bigint") throw new TypeError(`--${name} is no integer`);
    return value;
  }

  text(name: string): string {
    const value = this.#value(name);
    if (typeof value !== "string") throw new TypeError(`--${name} is no text`);
    return value;
  }

  milliseconds(name: string): number {
    const value = this.#value(name);
    if (typeof value !== "number") throw new TypeError(`--${name} is no duration`);
    return value;
  }

  list(name: string): readonly string[] {
    const value = this.#value(name);
    if (!Array.isArray(value)) throw new TypeError(`--${name} is no list`);
    return value as readonly string[];
  }

  /** Whether the value is another than the standard one. */
  isChanged(flag: Flag): boolean {
    const value = this.#values.get(flag.name);
    return value !== undefined && String(value) !== String(read(flag, standardOf(flag)));
  }

  #value(name: string): Value {
    const flag = this.#flags.get(name);
    if (flag === undefined) throw new TypeError(`the command has no flag --${name}`);
    return this.#values.get(name) ?? read(flag, standardOf(flag));
  }
}
