/** From single measurements to the rows of the table: medians over rounds, ratio, gate, verdict. */
import type { Measurement } from "./measurement.ts";
import { judge, median, ratioOf, type Verdict } from "./statistics.ts";
import type { Gate, Unit, Workload, WorkloadName } from "./workloads.ts";

/** One server's side of a row; medians over the rounds. */
export interface Side {
  value: number;
  rounds: readonly number[];
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  cpuSeconds: number;
  cpuMicros: number;
  loadCpuMicros: number;
  residentBytes: number;
  peakBytes: number;
  /** The most of any round. */
  othersShare: number;
}

export interface Row {
  name: WorkloadName;
  unit: Unit;
  etcd: Side;
  ours: Side;
  ratio: number;
  gate: Gate | undefined;
  verdict: Verdict;
  problems: readonly string[];
}

/** One row. Any INVALID measurement makes the row invalid; with `judged` false nothing passes or misses. */
export function summarise(
  workload: Workload,
  etcd: readonly Measurement[],
  ours: readonly Measurement[],
  judged: boolean,
): Row {
  const mine = ours.filter((m) => m.workload === workload.name);
  const theirs = etcd.filter((m) => m.workload === workload.name);
  const problems = [...problemsIn("etcd", theirs), ...problemsIn("etcd-ts", mine)];
  const ratio = ratioOf(
    mine.map((m) => m.value),
    theirs.map((m) => m.value),
  );
  const verdict = judged ? judge(ratio, workload.gate) : "none";
  return {
    name: workload.name,
    unit: workload.unit,
    etcd: sideOf(theirs),
    ours: sideOf(mine),
    ratio,
    gate: workload.gate,
    verdict: problems.length > 0 ? "invalid" : verdict,
    problems,
  };
}

function problemsIn(who: string, measurements: readonly Measurement[]): string[] {
  return measurements.flatMap((m, round) =>
    m.problems.map((problem) => `${m.workload}, ${who}, round ${round + 1}: ${problem}`),
  );
}

function sideOf(measurements: readonly Measurement[]): Side {
  const of = (pick: (m: Measurement) => number) => median(measurements.map(pick));
  return {
    value: of((m) => m.value),
    rounds: measurements.map((m) => m.value),
    p50Ms: of((m) => m.p50Ms),
    p99Ms: of((m) => m.p99Ms),
    p999Ms: of((m) => m.p999Ms),
    cpuSeconds: of((m) => m.serverCpuSeconds),
    cpuMicros: of((m) => m.serverCpuMicros),
    loadCpuMicros: of((m) => m.loadCpuMicros),
    residentBytes: of((m) => m.residentBytes),
    peakBytes: of((m) => m.peakBytes),
    othersShare: Math.max(
      0,
      ...measurements.map((m) => (Number.isNaN(m.othersShare) ? 0 : m.othersShare)),
    ),
  };
}
