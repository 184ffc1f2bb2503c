/** The rows as text: a table for the terminal, the same as Markdown. Pads by itself, knows no server. */
import type { Row, Side } from "./summary.ts";
import type { Gate, Unit } from "./workload.ts";

const headings = [
  "workload",
  "unit",
  "etcd",
  "etcd-ts",
  "ratio",
  "gate",
  "",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "CPU s",
  "CPU µs/op",
  "RSS MiB",
];

const verdictText = { pass: "pass", miss: "MISS", invalid: "INVALID", none: "" } as const;

/** Columns from the third on are figures and stand to the right; pairs read etcd / etcd-ts. */
export function terminalTable(rows: readonly Row[]): string {
  const lines = [headings, ...rows.map(cells)];
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const render = (line: readonly string[]): string =>
    line
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const [first = headings, ...rest] = lines;
  return [
    render(first),
    widths.map((width) => "-".repeat(width)).join("  "),
    ...rest.map(render),
  ].join("\n");
}

export function markdownTable(rows: readonly Row[]): string {
  const render = (line: readonly string[]): string => `| ${line.join(" | ")} |`;
  const rule = headings.map((_, column) => (column < 2 ? "---" : "---:"));
  return [render(headings), render(rule), ...rows.map((row) => render(cells(row)))].join("\n");
}

/** The values of each round, for all rows: how much a median can be trusted. */
export function roundLines(rows: readonly Row[]): string[] {
  return rows.map(({ name, unit, etcd, ours }) => {
    const list = (side: Side) => side.rounds.map((value) => figure(value, unit)).join(", ");
    return `${name} (${unit}): etcd ${list(etcd)}; etcd-ts ${list(ours)}`;
  });
}

function cells(row: Row): string[] {
  const pair = (pick: (side: Side) => string) => both(pick(row.etcd), pick(row.ours));
  return [
    row.name,
    row.unit,
    figure(row.etcd.value, row.unit),
    figure(row.ours.value, row.unit),
    Number.isNaN(row.ratio) ? "–" : `${row.ratio.toFixed(2)} ×`,
    gateText(row.gate),
    verdictText[row.verdict],
    pair((side) => milliseconds(side.p50Ms)),
    pair((side) => milliseconds(side.p99Ms)),
    pair((side) => milliseconds(side.p999Ms)),
    pair((side) => orDash(side.cpuSeconds, (value) => value.toFixed(1))),
    pair((side) => orDash(side.cpuMicros, (value) => value.toFixed(value < 100 ? 1 : 0))),
    pair((side) =>
      side.residentBytes > 0 ? Math.round(side.residentBytes / 2 ** 20).toString() : "–",
    ),
  ];
}

export function gateText(gate: Gate | undefined): string {
  if (gate === undefined) return "–";
  return `${gate.bound === "atLeast" ? "≥" : "≤"} ${gate.ratio} ×`;
}

/** Thousands are separated, small values keep three digits. */
export function figure(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return "–";
  if (unit === "p99 ms" || unit === "ms") return milliseconds(value);
  if (unit === "s") return value.toFixed(2);
  return Math.round(value).toLocaleString("en-US");
}

function both(etcd: string, ours: string): string {
  return etcd === "–" && ours === "–" ? "–" : `${etcd} / ${ours}`;
}

function milliseconds(value: number): string {
  return orDash(value, (ms) => ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0));
}

function orDash(value: number, format: (value: number) => string): string {
  return Number.isNaN(value) ? "–" : format(value);
}
