/** What a turn is told, what it asks of the load generator, and how it speaks: the same for one member and for three. */
import type { ServerTls } from "../support/server-process.ts";
import { tlsClientFlags } from "./certificates.ts";
import type { ContenderName } from "./contender.ts";
import { drive, type Listener, type Watched } from "./drive.ts";
import { type Measurement, measurementOf, plainMeasurement } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import type { Workload } from "./workload.ts";

export interface TurnPlan extends Listener {
  contender: ContenderName;
  workloads: readonly Workload[];
  options: BenchOptions;
  /** Arrivals per second of an open-loop workload; asked when its time has come. */
  rateOf: (workload: Workload, soFar: readonly Measurement[]) => number;
}

/** Width of the region of the key space that each writing workload has for itself. */
export const regionKeys = 2 ** 26;

/** One workload of a turn. */
export interface Step {
  workload: Workload;
  position: number;
  soFar: readonly Measurement[];
}

/** What the load generator is pointed at: connections take the targets in turn. */
export interface Aim extends Watched {
  targets: readonly string[];
  pids: readonly number[];
  /** Keys loaded before. */
  preload: number;
  memory: () => { resident: number; peak: number };
  tls?: ServerTls | undefined;
}

const nothing = { resident: 0, peak: 0 };

export function aimFlags({ targets, pids, preload, tls }: Aim): string[] {
  return [
    `--target=${targets.join(",")}`,
    `--server-pid=${pids.join(",")}`,
    `--keys=${preload}`,
    ...tlsClientFlags(tls),
  ];
}

export function loadArguments(options: BenchOptions, aim: Aim, step: Step, rate: number): string[] {
  const { load } = step.workload;
  if (load === undefined)
    throw new Error(`${step.workload.name} has nothing for the load generator`);
  const flags = [
    ...aimFlags(aim),
    `--connections=${load.connections}`,
    `--streams=${load.streams}`,
    `--warmup=${options.warmupSeconds}s`,
    `--duration=${options.seconds}s`,
    `--key-offset=${aim.preload + step.position * regionKeys}`,
    `--key-space=${regionKeys}`,
  ];
  if (rate > 0) flags.push(`--rate=${rate}`);
  return [load.mode, ...flags, ...(load.flags ?? [])];
}

/** Loads the keys. */
export async function fill(plan: TurnPlan, aim: Aim, workload: Workload): Promise<Measurement> {
  const report = await drive(plan, aim, ["fill", ...aimFlags(aim)]);
  const measurement = measurementOf(workload, report, aim.memory());
  if (report.acknowledged === aim.preload) return measurement;
  const problem = `only ${report.acknowledged} keys were loaded`;
  return { ...measurement, problems: [...measurement.problems, problem] };
}

/** What a turn that ended early still owed: all INVALID, for the first line of the reason. */
export function owed(workloads: readonly Workload[], reason: string): Measurement[] {
  const problems = [reason.split("\n")[0] ?? ""];
  return workloads.map((workload) => plainMeasurement(workload, Number.NaN, nothing, problems));
}

/** One line for the person who waits. */
export function describe(m: Measurement): string {
  const figures = [`${m.value.toFixed(m.value < 100 ? 2 : 0)} ${m.unit}`];
  if (!Number.isNaN(m.serverCpuMicros)) {
    figures.push(
      `p50 ${m.p50Ms.toFixed(2)} p99 ${m.p99Ms.toFixed(2)} p99.9 ${m.p999Ms.toFixed(2)} ms`,
    );
    figures.push(`others ${(m.othersShare * 100).toFixed(0)} %`);
    figures.push(`CPU ${m.serverCpuMicros.toFixed(1)} µs/op (load ${m.loadCpuMicros.toFixed(1)})`);
  }
  figures.push(`RSS ${Math.round(m.residentBytes / 2 ** 20)} MiB`);
  if (m.samples.length > 1) figures.push(m.samples.map((sample) => sample.toFixed(0)).join(" "));
  if (m.rate > 0)
    figures.push(`at ${Math.round(m.rate)}/s, ${(m.lateShare * 100).toFixed(1)} % sent late`);
  if (m.problems.length > 0) figures.push(`INVALID: ${m.problems.join("; ")}`);
  return `${m.workload}: ${figures.join(", ")}`;
}

/** What a turn is made of, whoever has it. */
export interface TurnSteps {
  begin(): Promise<void>;
  measure(step: Step): Promise<Measurement>;
  /** Why what is measured is not there any more; undefined while it is. */
  obituary(): string | undefined;
  end(): Promise<void>;
}

/** The measurements of a turn, in order. What fails ends the turn, and what that still owed is INVALID. */
export async function inTurn(plan: TurnPlan, steps: TurnSteps): Promise<Measurement[]> {
  const done: Measurement[] = [];
  try {
    await steps.begin();
    for (const [position, workload] of plan.workloads.entries()) {
      const measurement = await steps.measure({ workload, position, soFar: done });
      done.push(measurement);
      plan.progress(describe(measurement));
    }
  } catch (error) {
    const reason = steps.obituary() ?? (error instanceof Error ? error.message : String(error));
    plan.progress(`INVALID: ${reason}`);
    done.push(...owed(plan.workloads.slice(done.length), reason));
  } finally {
    await steps.end();
  }
  return done;
}
