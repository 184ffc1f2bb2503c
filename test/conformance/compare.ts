/** Makes the outputs of two servers comparable, and shows how they differ. */

const masks: readonly (readonly [RegExp, string])[] = [
  // etcdctl's own log lines: time, address of an object, local port.
  [/"ts":"[^"]*"/g, '"ts":"TIME"'],
  [/0x[0-9a-f]{8,}/g, "0xPOINTER"],
  [/\/\/client-[0-9a-f-]{36}\//g, "//client-ID/"],
  [/LocalAddr: '[^']*'/g, "LocalAddr: 'LOCAL'"],
  // Durations.
  [/\b\d+(\.\d+)?(ms|µs|s)\b( *)/g, "TOOK"],
  // Sizes of the backend's file, in JSON, fields, simple and table form.
  [/"(dbSize|dbSizeInUse)":\d+/g, '"$1":SIZE'],
  [/"(DBSize|DBSizeInUse)" : \d+/g, '"$1" : SIZE'],
  [
    /(, |│ +)\d+(\.\d+)? (kB|MB)(, |( +│) +)\d+(\.\d+)? (kB|MB)(, |( +│) +)\d+%/g,
    "$1SIZE$4IN USE$8PERCENT",
  ],
  // The same of version 3.4, which draws its tables with ASCII and knows one size.
  [/(3\.7\.1, |3\.7\.1 \| +)\d+(\.\d+)? (kB|MB)(, | \|)/g, "$1SIZE$4"],
  [/((?:true|false) \| +(?:true|false) \| +\d+ \|) +\d+ \| +\d+ \|/g, "$1 INDEX | INDEX |"],
  [/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ /gm, "TIME "],
  // Raft entries that nobody asked for (elections, cluster version) may differ in number.
  [/"(raftIndex|raftAppliedIndex)":\d+/g, '"$1":INDEX'],
  [/"(RaftIndex|RaftAppliedIndex)" : \d+/g, '"$1" : INDEX'],
  [/((?:true|false), (?:true|false), \d+), \d+, \d+,/g, "$1, INDEX, INDEX,"],
  [/((?:true|false) │ +(?:true|false) │ +\d+ │) +\d+ │ +\d+ │/g, "$1 INDEX │ INDEX │"],
];

/** `address` is the server's host:port, which is the one thing that has to differ. */
export function mask(output: string, address: string): string {
  const port = address.replace(/^.*:/, "");
  let masked = output.replaceAll(`127.0.0.1:${port}`, "127.0.0.1:PORT");
  for (const [pattern, replacement] of masks) masked = masked.replace(pattern, replacement);
  // Column widths follow the masked texts.
  return /┌|\+--/.test(masked)
    ? masked.replace(/─+/g, "─").replace(/-{2,}/g, "-").replace(/ +/g, " ")
    : masked;
}

/** Lines that only one side has, in order, and the equal lines around them; empty when there are none. */
export function diff(expected: string, actual: string): string {
  if (expected === actual) return "";
  const [left, right] = [expected.split("\n"), actual.split("\n")];
  const lengths = commonLengths(left, right);
  const lines: string[] = [];
  let [at, other] = [0, 0];
  while (at < left.length || other < right.length) {
    if (at < left.length && other < right.length && left[at] === right[other]) {
      lines.push(`    ${left[at]}`);
      at += 1;
      other += 1;
    } else if (
      other >= right.length ||
      (at < left.length && common(lengths, at + 1, other) >= common(lengths, at, other + 1))
    ) {
      lines.push(`  - ${left[at]}`);
      at += 1;
    } else {
      lines.push(`  + ${right[other]}`);
      other += 1;
    }
  }
  return lines.map((line) => (line.length > 600 ? `${line.slice(0, 600)}...` : line)).join("\n");
}

const common = (lengths: readonly (readonly number[])[], at: number, other: number): number =>
  lengths[at]?.[other] ?? 0;

/** Length of the longest common subsequence of left[i...] and right[j...]. */
function commonLengths(left: readonly string[], right: readonly string[]): number[][] {
  const lengths = Array.from({ length: left.length + 1 }, () =>
    new Array<number>(right.length + 1).fill(0),
  );
  for (let at = left.length - 1; at >= 0; at -= 1) {
    for (let other = right.length - 1; other >= 0; other -= 1) {
      const row = lengths[at];
      if (row === undefined) continue;
      row[other] =
        left[at] === right[other]
          ? common(lengths, at + 1, other + 1) + 1
          : Math.max(common(lengths, at + 1, other), common(lengths, at, other + 1));
    }
  }
  return lengths;
}
