/** From single measurements to the rows of the table: medians over rounds, ratio, gate, verdict. */
import type { Measurement } from "./measurement.ts";
import { judge, median, quantile, ratioOf, type Verdict } from "./statistics.ts";
import type { Gate, Unit, Workload, WorkloadName } from "./workload.ts";

/** One server's side of a row; medians over the rounds, or over all samples of all rounds. */
export interface Side {
  value: number;
  /** The value of each round, or all samples. */
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
  remarks: readonly string[];
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
  const both = (pick: (m: Measurement) => readonly string[]) => [
    ...textsIn("etcd", theirs, pick),
    ...textsIn("etcd-ts", mine, pick),
  ];
  const problems = both((m) => m.problems);
  const ratio = ratioOf(figuresOf(mine), figuresOf(theirs));
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
    remarks: both((m) => m.remarks),
  };
}

function textsIn(
  who: string,
  measurements: readonly Measurement[],
  pick: (m: Measurement) => readonly string[],
): string[] {
  return measurements.flatMap((m, round) =>
    pick(m).map((text) => `${m.workload}, ${who}, round ${round + 1}: ${text}`),
  );
}

function figuresOf(measurements: readonly Measurement[]): number[] {
  return measurements.flatMap((m) => (m.samples.length > 0 ? m.samples : [m.value]));
}

function sideOf(measurements: readonly Measurement[]): Side {
  const of = (pick: (m: Measurement) => number) => median(measurements.map(pick));
  const figures = figuresOf(measurements);
  const isSampled = measurements.some((m) => m.samples.length > 0);
  const latency = (q: number, pick: (m: Measurement) => number) =>
    isSampled ? quantile(figures, q) : of(pick);
  return {
    value: median(figures),
    rounds: figures,
    p50Ms: latency(0.5, (m) => m.p50Ms),
    p99Ms: latency(0.99, (m) => m.p99Ms),
    p999Ms: latency(0.999, (m) => m.p999Ms),
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
