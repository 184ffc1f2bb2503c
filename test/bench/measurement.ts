/** One workload, one server, one round: the figures, and why they do not count if they do not. */
import { availableParallelism } from "node:os";
import { type LoadReport, problemsOf } from "./load-report.ts";
import { median, quantile } from "./statistics.ts";
import type { Unit, WorkloadName } from "./workload.ts";

export interface Measurement {
  workload: WorkloadName;
  /** In the workload's unit. */
  value: number;
  unit: Unit;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  /** The server's CPU in the window, all its threads. */
  serverCpuSeconds: number;
  /** The same in microseconds for each call in the window, all its threads. */
  serverCpuMicros: number;
  /** The load generator's own. */
  loadCpuMicros: number;
  residentBytes: number;
  peakBytes: number;
  /** Arrivals per second of an open loop; 0 of a closed one. */
  rate: number;
  /** Open loop: share of the calls that were sent a millisecond or more after their intended arrival. */
  lateShare: number;
  /** Share of the machine that neither the server nor the load generator had: what else ran, and stolen time. */
  othersShare: number;
  /** Not empty: the run is INVALID. */
  problems: readonly string[];
  /** Of a time taken several times: each; the value is their median. Empty otherwise. */
  samples: readonly number[];
  /** What a reader should know and what makes no run INVALID. */
  remarks: readonly string[];
}

export interface Memory {
  resident: number;
  peak: number;
}

export function measurementOf(
  workload: { name: WorkloadName; unit: Unit },
  report: LoadReport,
  memory: Memory,
  rate = 0,
): Measurement {
  const { latencyMicros: latency } = report;
  return {
    workload: workload.name,
    value: workload.unit === "p99 ms" ? latency.p99 / 1000 : report.opsPerSecond,
    unit: workload.unit,
    p50Ms: latency.p50 / 1000,
    p99Ms: latency.p99 / 1000,
    p999Ms: latency.p999 / 1000,
    serverCpuSeconds: report.serverCpuSeconds,
    serverCpuMicros: (report.serverCpuSeconds / report.measured) * 1e6,
    loadCpuMicros: (report.loadCpuSeconds / report.measured) * 1e6,
    residentBytes: memory.resident,
    peakBytes: memory.peak,
    rate,
    lateShare: rate > 0 ? report.late / report.measured : 0,
    othersShare: othersShareOf(report),
    problems: problemsOf(report),
    samples: [],
    remarks: remarksOf(report),
  };
}

function remarksOf({ createdMillis }: LoadReport): string[] {
  return createdMillis === undefined
    ? []
    : [`all watches were created in ${createdMillis.toFixed(0)} ms`];
}

/** What neither the servers nor the load generator had of the machine, 0 to 1. */
export function othersShareOf(report: LoadReport): number {
  const capacity = report.seconds * availableParallelism();
  return (report.othersCpuSeconds + report.stolenSeconds) / capacity;
}

/** A figure the runner took itself: no calls, no latency. */
export function plainMeasurement(
  workload: { name: WorkloadName; unit: Unit },
  value: number,
  memory: Memory,
  problems: readonly string[] = [],
): Measurement {
  const none = Number.NaN;
  return {
    workload: workload.name,
    value,
    unit: workload.unit,
    p50Ms: none,
    p99Ms: none,
    p999Ms: none,
    serverCpuSeconds: none,
    serverCpuMicros: none,
    loadCpuMicros: none,
    residentBytes: memory.resident,
    peakBytes: memory.peak,
    rate: 0,
    lateShare: 0,
    othersShare: Number.NaN,
    problems,
    samples: [],
    remarks: [],
  };
}

/** Times in milliseconds that the runner took itself, one after the other. */
export function sampledMeasurement(
  workload: { name: WorkloadName; unit: Unit },
  samples: readonly number[],
  memory: Memory,
  problems: readonly string[],
): Measurement {
  return {
    ...plainMeasurement(workload, median(samples), memory, problems),
    p50Ms: quantile(samples, 0.5),
    p99Ms: quantile(samples, 0.99),
    p999Ms: quantile(samples, 0.999),
    samples,
  };
}
