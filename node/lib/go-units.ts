/** Durations and sizes as Go's `time` and etcd's go-humanize read and print them: flags and log lines of a member have them. */

const unitNs: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["µs", 1e3],
  ["μs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);

const quoted = (text: string): string => JSON.stringify(text);

/** Nanoseconds of a duration such as "1h30m" or "-1.5s". Throws RangeError with Go's text (time.ParseDuration). */
export function parseGoDuration(text: string): number {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  const invalid = (): RangeError => new RangeError(`time: invalid duration ${quoted(text)}`);
  if (rest === "") throw invalid();
  const part = /(\d+\.?\d*|\.\d+)([^\d.]*)/y;
  let ns = 0;
  while (part.lastIndex < rest.length) {
    const [, digits, unit = ""] = part.exec(rest) ?? [];
    if (digits === undefined) throw invalid();
    if (unit === "") throw new RangeError(`time: missing unit in duration ${quoted(text)}`);
    const each = unitNs.get(unit);
    if (each === undefined)
      throw new RangeError(`time: unknown unit ${quoted(unit)} in duration ${quoted(text)}`);
    ns += Number(digits) * each;
  }
  // An int64 in Go.
  if (ns >= 2 ** 63) throw invalid();
  return sign === "-" ? -ns : ns;
}

/** Of milliseconds, as Go prints a duration, to the microsecond: "5s", "1h0m0s", "12.345ms". */
export function goDurationText(ms: number): string {
  const us = Math.round(ms * 1000);
  if (us === 0) return "0s";
  if (us < 1000) return `${us}µs`;
  if (us < 1_000_000) return `${us / 1000}ms`;
  const minutes = Math.floor(us / 60_000_000);
  const seconds = `${(us % 60_000_000) / 1_000_000}s`;
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours}h${minutes % 60}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** Two digits in powers of 1000: "20 kB", "2.1 GB" (humanize.Bytes). */
export function goSizeText(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  let power = 0;
  while (power < sizeUnits.length - 1 && bytes >= 1000 ** (power + 1)) power += 1;
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${sizeUnits[power] ?? ""}`;
}

/** As Go's %.0f rounds. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below % 2) : Math.round(value);
}
