/**
 * What the load generator (test/peers/load) prints, and what is wrong with it: a run is only worth a figure when every
 * call was answered well and the store's revision moved by exactly the acknowledged writes.
 */

/** One line of the load generator's output; times in microseconds where the name says so. */
export interface LoadReport {
  mode: string;
  seconds: number;
  acknowledged: number;
  measured: number;
  opsPerSecond: number;
  errors: number;
  errorTexts: Readonly<Record<string, number>> | null;
  latencyMicros: { p50: number; p90: number; p99: number; p999: number; max: number };
  revisionBefore: number;
  revisionAfter: number;
  writes: boolean;
  keysRepeated: number;
  late: number;
  queuedMax: number;
  loadCpuSeconds: number;
  serverCpuSeconds: number;
  /** CPU of everything else on the machine in the window, and what the hypervisor took. */
  othersCpuSeconds: number;
  stolenSeconds: number;
}

/** Checks that the text is a report; throws with what was printed instead. */
export function parseLoadReport(text: string): LoadReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(
      `the load generator printed no report but ${JSON.stringify(text.slice(0, 200))}`,
    );
  }
  if (!isLoadReport(value))
    throw new Error(`the load generator's report lacks fields: ${text.slice(0, 200)}`);
  return value;
}

function isLoadReport(value: unknown): value is LoadReport {
  if (typeof value !== "object" || value === null) return false;
  const numbers = [
    "seconds",
    "acknowledged",
    "measured",
    "opsPerSecond",
    "errors",
    "revisionBefore",
    "revisionAfter",
    "serverCpuSeconds",
    "othersCpuSeconds",
  ];
  const record = new Map(Object.entries(value));
  return (
    numbers.every((name) => typeof record.get(name) === "number") &&
    typeof record.get("latencyMicros") === "object"
  );
}

/** Why the run does not count; empty when it does. */
export function problemsOf(report: LoadReport): string[] {
  const problems = Object.entries(report.errorTexts ?? {}).map(
    ([text, count]) => `${count} × ${text}`,
  );
  if (report.errors > 0 && problems.length === 0) problems.push(`${report.errors} errors`);
  const moved = report.revisionAfter - report.revisionBefore;
  const expected = report.writes ? report.acknowledged : 0;
  if (moved !== expected)
    problems.push(`the revision moved by ${moved}, acknowledged writes: ${expected}`);
  if (report.measured === 0) problems.push("no call was answered in the measured window");
  if (report.keysRepeated > 0)
    problems.push(`the key space was too small: ${report.keysRepeated} keys came twice`);
  return problems;
}
