/**
 * One server's turn of one round: a fresh directory, the keys loaded once, then every workload against it. The server
 * runs only during its own turn.
 */
import { Compactor } from "./compactor.ts";
import { Contender, type ContenderName } from "./contender.ts";
import { runLoad } from "./load-generator.ts";
import { type LoadReport, problemsOf } from "./load-report.ts";
import { type Measurement, measurementOf, plainMeasurement } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import type { Workload } from "./workloads.ts";

export interface TurnPlan {
  contender: ContenderName;
  workloads: readonly Workload[];
  options: BenchOptions;
  /** Arrivals per second of an open-loop workload; asked when its time has come. */
  rateOf: (workload: Workload, soFar: readonly Measurement[]) => number;
  progress: (text: string) => void;
  /** Ends the turn early: its server is stopped, what is missing counts as INVALID. */
  signal: AbortSignal;
}

/** Width of the region of the key space that each writing workload has for itself. */
const regionKeys = 2 ** 26;
const readyTimeoutSeconds = 300;
/** How often a server is looked at while the load generator works. */
const watchMs = 100;

/** The measurements of the turn, in order. A server that dies ends the turn; what it still owed is INVALID. */
export async function runTurn(plan: TurnPlan): Promise<Measurement[]> {
  const server = await Contender.create(plan.contender, plan.options.dir);
  const done: Measurement[] = [];
  try {
    server.start();
    await probe(plan, server);
    for (const [position, workload] of plan.workloads.entries()) {
      const measurement = await measure(plan, server, { workload, position, soFar: done });
      done.push(measurement);
      plan.progress(describe(measurement));
    }
  } catch (error) {
    const reason = server.obituary() ?? (error instanceof Error ? error.message : String(error));
    plan.progress(`INVALID: ${reason}`);
    for (const workload of plan.workloads.slice(done.length)) {
      const problems = [reason.split("\n")[0] ?? ""];
      done.push(plainMeasurement(workload, Number.NaN, { resident: 0, peak: 0 }, problems));
    }
  } finally {
    await server.dispose();
  }
  return done;
}

interface Step {
  workload: Workload;
  position: number;
  soFar: readonly Measurement[];
}

async function measure(plan: TurnPlan, server: Contender, step: Step): Promise<Measurement> {
  const { workload } = step;
  if (workload.name === "fill") return fill(plan, server, workload);
  if (workload.name === "memory") return memory(server, workload);
  if (workload.name === "restart") return restart(plan, server, workload);
  const rate = workload.halfRateOf === undefined ? 0 : plan.rateOf(workload, step.soFar);
  const compactor = workload.compacts === true ? new Compactor(server.target) : undefined;
  const report = await drive(plan, server, loadArguments(plan.options, server, step, rate));
  if (compactor !== undefined) {
    const measurement = measurementOf(workload, report, server.memory(), rate);
    return { ...measurement, problems: [...measurement.problems, ...(await compactor.stop())] };
  }
  return measurementOf(workload, report, server.memory(), rate);
}

function loadArguments(
  options: BenchOptions,
  server: Contender,
  step: Step,
  rate: number,
): string[] {
  const { load } = step.workload;
  if (load === undefined)
    throw new Error(`${step.workload.name} has nothing for the load generator`);
  const flags = [
    `--target=${server.target}`,
    `--server-pid=${server.pid}`,
    `--connections=${load.connections}`,
    `--streams=${load.streams}`,
    `--warmup=${options.warmupSeconds}s`,
    `--duration=${options.seconds}s`,
    `--keys=${options.preload}`,
    `--key-offset=${options.preload + step.position * regionKeys}`,
    `--key-space=${regionKeys}`,
  ];
  if (rate > 0) flags.push(`--rate=${rate}`);
  return [load.mode, ...flags, ...(load.flags ?? [])];
}

async function fill(plan: TurnPlan, server: Contender, workload: Workload): Promise<Measurement> {
  const flags = [
    `--target=${server.target}`,
    `--server-pid=${server.pid}`,
    `--keys=${plan.options.preload}`,
  ];
  const report = await drive(plan, server, ["fill", ...flags]);
  const measurement = measurementOf(workload, report, server.memory());
  if (report.acknowledged === plan.options.preload) return measurement;
  return {
    ...measurement,
    problems: [...measurement.problems, `only ${report.acknowledged} keys were loaded`],
  };
}

function memory(server: Contender, workload: Workload): Measurement {
  const now = server.memory();
  return plainMeasurement(workload, now.resident / 2 ** 20, now);
}

/** A graceful stop, then the time from the start of the process until a linearizable read is answered. */
async function restart(
  plan: TurnPlan,
  server: Contender,
  workload: Workload,
): Promise<Measurement> {
  const before = await probe(plan, server);
  await server.stop();
  const started = performance.now();
  server.start();
  const after = await probe(plan, server);
  const seconds = (performance.now() - started) / 1000;
  const problems =
    before === after ? [] : [`revision ${before} before the restart, ${after} after it`];
  return plainMeasurement(workload, seconds, server.memory(), problems);
}

/** The revision, once the server answers. */
async function probe(plan: TurnPlan, server: Contender): Promise<number> {
  const flags = [`--target=${server.target}`, `--duration=${readyTimeoutSeconds}s`];
  const report = await drive(plan, server, ["probe", ...flags]);
  const problems = problemsOf({ ...report, measured: 1 });
  if (problems.length > 0) throw new Error(problems.join("; "));
  return report.revisionAfter;
}

/** Runs the load generator; ends it when its server is gone, or when the turn is to end. */
async function drive(
  plan: TurnPlan,
  server: Contender,
  args: readonly string[],
): Promise<LoadReport> {
  const gone = new AbortController();
  const watch = setInterval(() => {
    if (server.obituary() !== undefined) gone.abort();
  }, watchMs);
  const signal = AbortSignal.any([plan.signal, gone.signal]);
  const onProgress = (line: string) => plan.progress(`${args[0] ?? ""}: ${line}`);
  try {
    return await runLoad({ args, onProgress, signal });
  } finally {
    clearInterval(watch);
  }
}

function describe(m: Measurement): string {
  const figures = [`${m.value.toFixed(m.value < 100 ? 2 : 0)} ${m.unit}`];
  if (!Number.isNaN(m.p50Ms)) {
    figures.push(
      `p50 ${m.p50Ms.toFixed(2)} p99 ${m.p99Ms.toFixed(2)} p99.9 ${m.p999Ms.toFixed(2)} ms`,
    );
    figures.push(`others ${(m.othersShare * 100).toFixed(0)} %`);
    figures.push(`CPU ${m.serverCpuMicros.toFixed(1)} µs/op (load ${m.loadCpuMicros.toFixed(1)})`);
  }
  figures.push(`RSS ${Math.round(m.residentBytes / 2 ** 20)} MiB`);
  if (m.rate > 0)
    figures.push(`at ${Math.round(m.rate)}/s, ${(m.lateShare * 100).toFixed(1)} % sent late`);
  if (m.problems.length > 0) figures.push(`INVALID: ${m.problems.join("; ")}`);
  return `${m.workload}: ${figures.join(", ")}`;
}
