/** Numbers, durations, sizes and quoted texts as Go writes and reads them: outputs and error texts of etcdctl are made of them. */
import { escapeByte, escapedByte } from "./raw-text.ts";

const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

const badNumber = (call: string, text: string, why: string): RangeError =>
  new RangeError(`strconv.${call}: parsing ${quote(text)}: ${why}`);

/** An int64. Base 0 takes 0x, 0o, 0b and leading zeros as Go's literals have them. Throws RangeError with Go's text. */
export function parseInteger(text: string, base: 0 | 10 | 16): bigint {
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const value = natural(digits, base);
  if (value === undefined) throw badNumber("ParseInt", text, "invalid syntax");
  const signed = sign === "-" ? -value : value;
  if (signed > maxInt64 || signed < -maxInt64 - 1n)
    throw badNumber("ParseInt", text, "value out of range");
  return signed;
}

/** A uint64 in hexadecimal, as ids are written. Throws RangeError with Go's text. */
export function parseHexId(text: string): bigint {
  const value = natural(text, 16);
  if (value === undefined) throw badNumber("ParseUint", text, "invalid syntax");
  if (value > maxUint64) throw badNumber("ParseUint", text, "value out of range");
  return value;
}

function natural(digits: string, base: 0 | 10 | 16): bigint | undefined {
  if (base === 16) return /^[0-9a-f]+$/i.test(digits) ? BigInt(`0x${digits}`) : undefined;
  if (base === 10) return /^[0-9]+$/.test(digits) ? BigInt(digits) : undefined;
  if (!/^(0x(_?[0-9a-f])+|0b(_?[01])+|0o?(_?[0-7])+|[1-9](_?[0-9])*|0)$/i.test(digits))
    return undefined;
  const plain = digits.replaceAll("_", "");
  return BigInt(/^0[0-7]/.test(plain) ? `0o${plain.slice(1)}` : plain);
}

/** Throws RangeError with Go's text. */
export function parseBool(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw badNumber("ParseBool", text, "invalid syntax");
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration such as 1m30s. Throws RangeError with Go's text. */
export function parseDuration(text: string): number {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  if (rest === "") throw new RangeError(`time: invalid duration ${quote(text)}`);
  let total = 0;
  const part = /([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)/y;
  while (part.lastIndex < rest.length) {
    const [, digits = "", unit = ""] = part.exec(rest) ?? [];
    if (digits === "") throw new RangeError(`time: invalid duration ${quote(text)}`);
    if (unit === "") throw new RangeError(`time: missing unit in duration ${quote(text)}`);
    const ms = unitMs[unit];
    if (ms === undefined)
      throw new RangeError(`time: unknown unit ${quote(unit)} in duration ${quote(text)}`);
    total += Number(digits) * ms;
  }
  return sign === "-" ? -total : total;
}

/** A duration as Go prints it: 1.5ms, 2m0.25s. */
export function durationText(nanoseconds: bigint): string {
  const decimal = (unit: bigint): string => {
    const fraction = String(nanoseconds % unit).padStart(String(unit).length - 1, "0");
    return `${nanoseconds / unit}.${fraction}`.replace(/\.?0+$/, "");
  };
  if (nanoseconds === 0n) return "0s";
  if (nanoseconds < 1000n) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${decimal(1000n)}µs`;
  if (nanoseconds < 1_000_000_000n) return `${decimal(1_000_000n)}ms`;
  const minutes = nanoseconds / 60_000_000_000n;
  nanoseconds %= 60_000_000_000n;
  const seconds =
    nanoseconds < 1_000_000_000n ? `0${decimal(1_000_000_000n).slice(1)}` : decimal(1_000_000_000n);
  const hours = minutes / 60n;
  if (hours > 0n) return `${hours}h${minutes % 60n}m${seconds}s`;
  return minutes > 0n ? `${minutes}m${seconds}s` : `${seconds}s`;
}

/** In powers of 1000, two digits at most: 20 kB, 2.1 GB. */
export function sizeText(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  let power = 0;
  while (power < units.length - 1 && bytes >= 1000 ** (power + 1)) power += 1;
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${units[power] ?? ""}`;
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}

const escapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** %q: a Go string literal. */
export function quote(text: string): string {
  let quoted = "";
  for (const character of text) quoted += quotedCharacter(character);
  return `"${quoted}"`;
}

function quotedCharacter(character: string): string {
  const escape = escapes[character];
  if (escape !== undefined) return escape;
  const code = character.codePointAt(0) as number;
  const byte = escapedByte(code);
  if (byte !== undefined) return `\\x${byte.toString(16).padStart(2, "0")}`;
  if (character === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x1_0000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

const unescapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

/** The Go string literal that `text` begins with, and its length; undefined where there is none. */
export function unquotePrefix(text: string): { value: string; length: number } | undefined {
  if (text.startsWith("`")) {
    const end = text.indexOf("`", 1);
    return end < 0 ? undefined : { value: text.slice(1, end), length: end + 1 };
  }
  const literal = /^"((?:[^"\\\n]|\\.)*)"/s.exec(text);
  if (literal === null) return undefined;
  const [whole, body = ""] = literal;
  let wrong = 0;
  const value = body.replace(
    /\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs,
    (...match: (string | undefined)[]) => {
      const [, hex, octal, short, long, letter] = match;
      if (hex !== undefined) return escapeByte(parseInt(hex, 16));
      if (octal !== undefined && parseInt(octal, 8) < 256) return escapeByte(parseInt(octal, 8));
      const code = parseInt(short ?? long ?? "", 16);
      if (code <= 0x10_ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
      const plain = unescapes[letter ?? ""];
      if (plain === undefined) wrong += 1;
      return plain ?? "";
    },
  );
  return wrong === 0 ? { value, length: whole.length } : undefined;
}
