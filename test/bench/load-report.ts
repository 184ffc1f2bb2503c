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
  /** Fail-over runs: calls that got no result, which such a run allows. */
  lost?: number;
  lostTexts?: Readonly<Record<string, number>>;
  failover?: FailoverReport;
  /** Watch runs: puts acknowledged in the window (what is measured there are events), and how long it took to create all watches. */
  puts?: number;
  createdMillis?: number;
}

/** Milliseconds since the signal; -1 for what did not come about before the end of the run. */
export interface FailoverReport {
  /** The first acknowledgement, through another member, of a write that was sent after the signal. */
  firstAckMillis: number;
  /** The longest time without an acknowledged write through any member, and when it began. */
  longestGapMillis: number;
  longestGapAtMillis: number;
  processGoneMillis: number;
  /** The first acknowledgement of a write that was sent after the process had ended. */
  servedWithoutMillis: number;
  /** Ids of the keys whose puts were acknowledged, before the signal and after it. */
  acknowledgedKeys: readonly number[];
}

/** What is wrong with the store after a fail-over; empty when it holds every key whose put was acknowledged. */
export function lostKeysIn(report: LoadReport, present: ReadonlySet<number>): string[] {
  const acknowledged = report.failover?.acknowledgedKeys ?? [];
  const lost = acknowledged.filter((id) => !present.has(id));
  const problems: string[] = [];
  if (lost.length > 0)
    problems.push(`${lost.length} acknowledged keys are lost, the first of them ${lost[0] ?? 0}`);
  if (acknowledged.length !== report.acknowledged)
    problems.push(`${acknowledged.length} keys reported of ${report.acknowledged} acknowledged`);
  return problems;
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

/**
 * The same of a run in which a member went: calls may get no result, and each such write may or may not have been
 * applied; those acknowledged must be. `revisionNow`: of all members, after the one that went is back.
 */
export function failoverProblemsOf(report: LoadReport, revisionNow: number): string[] {
  const { lost = 0, failover } = report;
  const problems = problemsOf({ ...report, revisionAfter: report.revisionBefore, writes: false });
  const { acknowledged } = report;
  for (const revision of [report.revisionAfter, revisionNow]) {
    const moved = revision - report.revisionBefore;
    if (moved < acknowledged || moved > acknowledged + lost) {
      problems.push(
        `the revision moved by ${moved}, acknowledged writes: ${acknowledged}, without a result: ${lost}`,
      );
    }
  }
  if (failover === undefined) problems.push("the load generator reported no fail-over");
  else if (failover.processGoneMillis < 0) problems.push("the signalled member did not end");
  else if (failover.servedWithoutMillis < 0)
    problems.push("no write was acknowledged after the leader had gone");
  return problems;
}
