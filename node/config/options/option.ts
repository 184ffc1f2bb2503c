/** What an option is, and how the texts of flags, variables and the configuration file become values. */
import { parseGoDuration } from "../../lib/go-units.ts";

/** How a text becomes a value. Throws an Error that says what was expected. */
export type Parse<Value> = (text: string) => Value;

/** The type of an option's value in the configuration file; a flag is a text always, and a boolean one needs no value. */
export type OptionKind = "text" | "integer" | "duration" | "boolean" | "list";

export interface Option<Value> {
  readonly default: Value;
  readonly parse: Parse<Value>;
  /** "text" when not given. A flag of the kind "boolean" stands for true alone, and never takes the next argument for its value. */
  readonly kind?: OptionKind;
  /** Of the kind "list": the configuration file's list, whose items may have commas in them. */
  readonly parseItems?: (items: readonly string[]) => Value;
  /** What stands behind the flag in the help text. */
  readonly placeholder: string;
  readonly help: string;
  /** The default as the help text shows it, where its plain form would mislead. */
  readonly defaultText?: string;
}

export const option = <Value>(fields: Option<Value>): Option<Value> => fields;

export const text: Parse<string> = (value) => value;

export function integer(bounds: { readonly min: number; readonly max?: number }): Parse<number> {
  return (value) => {
    const max = bounds.max ?? Number.MAX_SAFE_INTEGER;
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isSafeInteger(number) && number >= bounds.min && number <= max) return number;
    throw new Error(
      `expected an integer from ${bounds.min}${bounds.max === undefined ? "" : ` to ${bounds.max}`}`,
    );
  };
}

export function oneOf<Choice extends string>(...choices: readonly Choice[]): Parse<Choice> {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return choice;
    throw new Error(`expected one of ${choices.join(", ")}`);
  };
}

/** What Go takes for a boolean (strconv.ParseBool). */
export const boolean: Parse<boolean> = (value) => {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  throw new Error("expected true or false");
};

/** 0 asks for the default, as for etcd. */
export const orDefault =
  (fallback: number, parse: Parse<number>): Parse<number> =>
  (value) => {
    const number = parse(value);
    return number === 0 ? fallback : number;
  };

const nsPerMs = 1e6;

/** A Go duration such as "5s" or "1h30m0s", in whole milliseconds; what is longer than nothing is at least one. */
export const duration: Parse<number> = (value) => {
  const ms = durationMs(value);
  if (ms !== undefined && ms >= 0 && Number.isSafeInteger(Math.round(ms))) {
    return ms === 0 ? 0 : Math.max(Math.round(ms), 1);
  }
  throw new Error('expected a duration such as "100ms" or "5s"');
};

function durationMs(value: string): number | undefined {
  try {
    return parseGoDuration(value) / nsPerMs;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export const textOption = (placeholder: string, help: string): Option<string> => ({
  default: "",
  parse: text,
  placeholder,
  help,
});

export const booleanOption = (fallback: boolean, help: string): Option<boolean> => ({
  default: fallback,
  parse: boolean,
  kind: "boolean",
  placeholder: "BOOL",
  help,
});

/** `parse` is told milliseconds; `defaultText` is Go's form of `default`. */
export const durationOption = (fields: {
  readonly default: number;
  readonly defaultText: string;
  readonly help: string;
  readonly parse?: Parse<number>;
}): Option<number> => ({
  parse: duration,
  ...fields,
  kind: "duration",
  placeholder: "DURATION",
});

/** A count, or another whole number, from 0 (or `bounds.min`) on. */
export const integerOption = (fields: {
  readonly default: number;
  readonly help: string;
  readonly placeholder?: string;
  readonly defaultText?: string;
  readonly parse?: Parse<number>;
}): Option<number> => ({
  parse: integer({ min: 0 }),
  placeholder: "N",
  ...fields,
  kind: "integer",
});

/** Texts with commas between; an empty text is no item. */
export const listOption = (fields: {
  readonly default: readonly string[];
  readonly placeholder: string;
  readonly help: string;
  readonly parseItems?: (items: readonly string[]) => readonly string[];
}): Option<readonly string[]> => {
  const parseItems = fields.parseItems ?? ((items) => items);
  const nonEmpty = (items: readonly string[]): readonly string[] =>
    parseItems(items.filter((item) => item !== ""));
  return {
    ...fields,
    kind: "list",
    parse: (value) => nonEmpty(value.split(",")),
    parseItems: nonEmpty,
  };
};
