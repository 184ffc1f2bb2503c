/** The fuzzers from the command line; `npm test` runs a few thousand inputs of each (fuzz.test.ts). */
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

import { keep } from "./corpus.ts";
import type { WorkerInput } from "./fuzz-worker.ts";
import { type Report, watchedRun } from "./harness.ts";
import { FuzzRandom } from "./random.ts";
import type { Target } from "./target.ts";
import { targetNamed, targets } from "./targets.ts";

const help = `Usage: node test/fuzz/main.ts [flags]

Feeds inputs made from a seed to everything that reads bytes of others. The same seed and run always give the same input.

  --target NAMES   all, or names with commas between (default all): ${targets.map(({ name }) => name).join(", ")}
  --runs N         inputs for each target (default 100000)
  --seed N         (default 1)
  --only RUN       repeat that one run of one target and print what it does
  --keep           write what is found to test/fuzz/corpus
`;

/** A single run that takes longer is a hang. */
const hangMs = 30_000;
/** A single run that takes longer is a find, though it ends; other work on the machine must not make one. */
const slowMs = 10_000;

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "all" },
    runs: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    keep: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function count(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${flag}: expected a whole number, got "${text}"`);
}

/** Runs one target in a worker and watches over it. */
function fuzzInWorker(target: Target, seed: number, runs: number): Promise<Report> {
  const progress = new SharedArrayBuffer(8);
  const input: WorkerInput = { target: target.name, seed, runs, slowMs, progress };
  const current = new Float64Array(progress);
  const worker = new Worker(new URL("./fuzz-worker.ts", import.meta.url), { workerData: input });
  return new Promise((resolve, reject) => {
    let lastRun = -1;
    let sinceMs = performance.now();
    const watchdog = setInterval(() => {
      const run = current[0] ?? 0;
      if (run !== lastRun) {
        lastRun = run;
        sinceMs = performance.now();
      } else if (performance.now() - sinceMs > hangMs) {
        clearInterval(watchdog);
        void worker.terminate();
        resolve(hung(target, seed, run));
      }
    }, 1_000);
    worker.on("message", (report: Report) => {
      clearInterval(watchdog);
      resolve(report);
    });
    worker.on("error", (error: Error) => {
      clearInterval(watchdog);
      reject(error);
    });
  });
}

function hung(target: Target, seed: number, run: number): Report {
  const input = target.generate(new FuzzRandom(seed, run));
  const crash = { run, input, error: `the run did not end within ${hangMs / 1_000} s` };
  return {
    name: target.name,
    runs: run,
    seconds: 0,
    shares: {},
    missed: [],
    crashes: [crash],
    leakedBytes: 0,
  };
}

function line(report: Report): string {
  const rate = report.seconds === 0 ? "-" : String(Math.round(report.runs / report.seconds));
  const shares = Object.entries(report.shares)
    .map(([stage, share]) => `${stage} ${(100 * share).toFixed(1)} %`)
    .join(", ");
  return (
    report.name.padEnd(14) +
    String(report.runs).padStart(9) +
    rate.padStart(8) +
    String(report.crashes.length).padStart(9) +
    `  ${shares}`
  );
}

/** Runs one input here, in the open, and prints what it is and does. */
async function repeat(target: Target, seed: number, run: number): Promise<void> {
  const input = target.generate(new FuzzRandom(seed, run));
  process.stdout.write(`${Buffer.from(input).toString("hex")}\n`);
  const reached = await watchedRun(target, input, Infinity);
  const stages = target.stages.filter((_, at) => (reached & (1 << at)) !== 0);
  process.stdout.write(`reached: ${stages.join(", ")}\n`);
}

function printFinds(report: Report, seed: number): void {
  for (const stage of report.missed)
    process.stdout.write(`  too few inputs of ${report.name} reach "${stage}"\n`);
  for (const { run, input, error } of report.crashes) {
    const repeated = run === undefined ? "" : ` --only ${run}`;
    process.stdout.write(`  FOUND --target ${report.name} --seed ${seed}${repeated}: ${error}\n`);
    if (values.keep && run !== undefined) {
      const path = keep(report.name, `seed-${seed}-run-${run}`, input, error);
      process.stdout.write(`  kept as ${path}\n`);
    }
  }
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const names =
    values.target === "all" ? targets.map(({ name }) => name) : values.target.split(",");
  const chosen = names.map(targetNamed);
  const seed = count(values.seed, "seed");
  if (values.only !== undefined) {
    await repeat(chosen[0] as Target, seed, count(values.only, "only"));
    return;
  }
  const runs = count(values.runs, "runs");
  process.stdout.write(
    "target             runs  runs/s  crashes  shares of the inputs that reached\n",
  );
  for (const target of chosen) {
    const report = await fuzzInWorker(target, seed, runs);
    process.stdout.write(`${line(report)}\n`);
    printFinds(report, seed);
    if (report.crashes.length > 0 || report.missed.length > 0) process.exitCode = 1;
  }
}

await main();
