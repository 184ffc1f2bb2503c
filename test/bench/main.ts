/**
 * `npm run bench`: etcd-ts beside a real etcd on the same machine and disk, with the same flags, in turns (etcd, etcd-ts,
 * etcd, etcd-ts). Ends with 1 when any run's answers or revision were not what they had to be. A missed gate is shown,
 * not an error.
 */
import { writeFileSync } from "node:fs";
import type { ContenderName } from "./contender.ts";
import { commandOf } from "./contender.ts";
import { machineLine, memoryFilesystem } from "./machine.ts";
import type { Measurement } from "./measurement.ts";
import { type BenchOptions, helpText, parseOptions, UsageError } from "./options.ts";
import { type Row, summarise } from "./summary.ts";
import { markdownTable, roundLines, terminalTable } from "./table.ts";
import { runTurn } from "./turn.ts";
import { chooseWorkloads, type Workload } from "./workloads.ts";

type Results = Record<"etcd" | "ours", Measurement[]>;

const started = performance.now();
const interrupted = new AbortController();

function progress(text: string): void {
  process.stderr.write(
    `[${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s] ${text}\n`,
  );
}

async function runRounds(options: BenchOptions, workloads: readonly Workload[]): Promise<Results> {
  const results: Results = { etcd: [], ours: [] };
  const { signal } = interrupted;
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const side of ["etcd", "ours"] as const) {
      if (signal.aborted) return results;
      const contender: ContenderName = side === "etcd" ? "etcd" : options.ours;
      progress(`round ${round} of ${options.rounds}: ${contender}`);
      const rateOf = (workload: Workload, soFar: readonly Measurement[]) =>
        openLoopRate(workload, [...results.etcd, ...(side === "etcd" ? soFar : [])]);
      results[side].push(
        ...(await runTurn({ contender, workloads, options, rateOf, progress, signal })),
      );
    }
  }
  return results;
}

/** Half of what etcd reached in the first round: the same rate for both servers and in all rounds. */
function openLoopRate(workload: Workload, ofEtcd: readonly Measurement[]): number {
  const maximum = ofEtcd.find((m) => m.workload === workload.halfRateOf)?.value ?? Number.NaN;
  if (!(maximum > 0))
    throw new Error(`no rate for ${workload.name}: etcd's ${workload.halfRateOf ?? ""} gave none`);
  return Math.round(maximum / 2);
}

function notes(options: BenchOptions, results: Results): string[] {
  const rate = results.etcd.find((m) => m.rate > 0)?.rate;
  return [
    `Ratio is etcd-ts / etcd, by the medians of ${options.rounds} round(s) in turns; pairs read etcd / etcd-ts.`,
    `${options.preload.toLocaleString("en-US")} keys of 44 bytes with 256 random bytes each loaded once per server and ` +
      `round; every window ${options.seconds} s after ${options.warmupSeconds} s of warm-up. Keys put in a window are new ` +
      "and stay, so the faster server carries more keys into the workloads that come later.",
    "Every answer is checked, and after each run the revision equals the acknowledged writes. CPU is the server's, all " +
      "threads; the load generator shares the machine. grpc-timeout differs per call; fsync is on; plain text.",
    ...(rate === undefined
      ? []
      : [`put-open-loop: Poisson arrivals, ${rate.toLocaleString("en-US")} per second for both.`]),
    ...(options.ours === "etcd"
      ? ["Self-test: the column etcd-ts is etcd too; each ratio should be near 1."]
      : []),
    ...(options.short ? ["Short form: it checks that all works. Its figures claim nothing."] : []),
  ];
}

function loadGeneratorLine(rows: readonly Row[]): string {
  const micros = (value: number) => (Number.isNaN(value) ? "–" : value.toFixed(1));
  const shares = rows
    .filter(
      ({ etcd, ours }) => !(Number.isNaN(etcd.loadCpuMicros) && Number.isNaN(ours.loadCpuMicros)),
    )
    .map(
      ({ name, etcd, ours }) =>
        `${name} ${micros(etcd.loadCpuMicros)} / ${micros(ours.loadCpuMicros)}`,
    );
  return `Load generator's own CPU, µs/op: ${shares.join(", ")}`;
}

/** Above this share of the machine, what else ran is named below the table. */
const disturbedShare = 0.1;

function disturbedLine(rows: readonly Row[]): string[] {
  const percent = (share: number) => (share * 100).toFixed(0);
  const disturbed = rows
    .filter((row) => Math.max(row.etcd.othersShare, row.ours.othersShare) > disturbedShare)
    .map(
      (row) => `${row.name} ${percent(row.etcd.othersShare)} / ${percent(row.ours.othersShare)}`,
    );
  if (disturbed.length === 0) return [];
  return [
    `DISTURBED, other processes had this much of the machine (%, worst round): ${disturbed.join(", ")}`,
  ];
}

function report(options: BenchOptions, workloads: readonly Workload[], results: Results): boolean {
  const rows = workloads.map((workload) =>
    summarise(workload, results.etcd, results.ours, !options.short),
  );
  const problems = rows.flatMap((row) => row.problems);
  const below = [
    machineLine(),
    ...notes(options, results),
    loadGeneratorLine(rows),
    ...disturbedLine(rows),
    ...problems.map((problem) => `INVALID: ${problem}`),
  ];
  const rounds = roundLines(rows);
  process.stdout.write(
    `\n${[terminalTable(rows), "", ...below, "", "Rounds:", ...rounds].join("\n")}\n`,
  );
  if (options.markdown !== undefined) {
    const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");
    writeFileSync(
      options.markdown,
      `${[markdownTable(rows), list(below), list(rounds)].join("\n\n")}\n`,
    );
  }
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  return problems.length === 0;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options === "help") {
    process.stdout.write(`${helpText()}\n`);
    return 0;
  }
  for (const name of ["etcd", options.ours] as const) commandOf(name);
  const inMemory = memoryFilesystem(options.dir);
  if (inMemory !== undefined)
    progress(`${options.dir} is ${inMemory}: an fsync costs nothing there, choose another --dir`);
  const workloads = chooseWorkloads(options.only);
  return report(options, workloads, await runRounds(options, workloads)) ? 0 : 1;
}

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => interrupted.abort());
}
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
