/** `npm run sim:sweep`: many seeds, on all processors, with totals. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { wholeNumber } from "./arguments.ts";
import { counterNames } from "./counters.ts";
import { membersMax } from "./plan.ts";
import { simulate } from "./run.ts";
import { type SweepTotals, sweep } from "./sweep.ts";
import type { SeedResult } from "./sweep-worker.ts";

const help = `Usage: npm run sim:sweep -- [flags]

Runs many simulated clusters (npm run sim -- --help), by default with seeds that were never run before, and fails when one of them shows
what must never happen, or when one of the events that the sweep is made for has not happened in any of them.

  --runs N          seeds (default 1000)
  --from SEED       the first of them (default: fresh ones, from the clock)
  --jobs N          processes (default: one for each processor)
  --minutes M       ends after so long with what it has
  --members 1..7    members at the start (default: drawn from each seed)
  --ticks M         ticks with faults (default: drawn from each seed)
  --stop-at-first   ends with the first failure, and tells how many seeds it took
  --sample N        each N seeds one history goes to porcupine; 0 for none (default 20)
`;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000" },
    from: { type: "string" },
    jobs: { type: "string" },
    minutes: { type: "string" },
    members: { type: "string" },
    ticks: { type: "string" },
    "stop-at-first": { type: "boolean", default: false },
    sample: { type: "string", default: "20" },
    help: { type: "boolean", default: false },
  },
});

/** Lines of a failed run that are shown. */
const traceTailLines = 80;
/** Failures that are told in full. */
const toldMax = 3;
const progressMs = 2000;

const out = (text: string): void => void process.stdout.write(`${text}\n`);

function argumentsOf(): Parameters<typeof sweep>[0] {
  const now = Date.now();
  const minutes = wholeNumber(values.minutes, "minutes", { min: 1 });
  return {
    from: wholeNumber(values.from, "from") ?? Math.floor(now / 1000) * 1000,
    runs: wholeNumber(values.runs, "runs", { min: 1 }) ?? 0,
    jobs: wholeNumber(values.jobs, "jobs", { min: 1 }) ?? availableParallelism(),
    msMax: minutes === undefined ? Number.POSITIVE_INFINITY : minutes * 60_000,
    members: wholeNumber(values.members, "members", { min: 1, max: membersMax }),
    ticks: wholeNumber(values.ticks, "ticks", { min: 1 }),
    stopsAtFirst: values["stop-at-first"],
    sampleEvery: wholeNumber(values.sample, "sample") ?? 0,
    onResult: progress(now),
  };
}

/** A line that is written over at a terminal, and every so often elsewhere. */
function progress(startMs: number): (result: SeedResult, totals: SweepTotals) => void {
  let lastMs = startMs;
  return (result, totals) => {
    for (const violation of result.violations.slice(0, 1)) {
      out(`\nseed ${result.seed}: ${violation.split("\n", 1)[0]}`);
    }
    const now = Date.now();
    if (now - lastMs < (process.stdout.isTTY ? progressMs / 10 : progressMs * 15)) return;
    lastMs = now;
    const line = `${totals.seeds} seeds, ${totals.failed.length} failed, ${Math.round((now - startMs) / 1000)} s`;
    process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`);
  };
}

/** Runs the seed again with its trace, and shows the end of that. */
async function tell(failed: SeedResult): Promise<void> {
  const flags = [
    values.members === undefined ? "" : ` --members ${values.members}`,
    values.ticks === undefined ? "" : ` --ticks ${values.ticks}`,
  ].join("");
  out(
    `\n=== seed ${failed.seed} failed; to repeat it: npm run sim -- --seed ${failed.seed}${flags} --trace`,
  );
  const tail: string[] = [];
  const members = wholeNumber(values.members, "members");
  const ticks = wholeNumber(values.ticks, "ticks");
  const onTrace = (line: string): void => {
    tail.push(line.length > 400 ? `${line.slice(0, 400)} ...` : line);
    if (tail.length > traceTailLines) tail.shift();
  };
  try {
    const again = await simulate({ seed: failed.seed, members, ticks, onTrace });
    for (const line of tail) out(line);
    if (again.trace !== failed.trace)
      out(`NOT THE SAME RUN: ${failed.trace} before, ${again.trace} now`);
  } catch (error) {
    for (const line of tail) out(line);
    out(String(error));
  }
  for (const violation of failed.violations) out(`VIOLATION ${violation}`);
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const options = argumentsOf();
  const startMs = Date.now();
  out(`seeds from ${options.from}`);
  const totals = await sweep(options);
  const seconds = (Date.now() - startMs) / 1000;
  for (const failed of totals.failed.slice(0, toldMax)) await tell(failed);
  out("");
  for (const line of totals.counters.table()) out(line);
  out("");
  const mean = (sum: number): string => (sum / Math.max(1, totals.seeds)).toFixed(0);
  out(
    `${totals.seeds} seeds in ${seconds.toFixed(0)} s; ${totals.judged} histories judged by porcupine`,
  );
  out(
    `${totals.ticks} ticks, ${mean(totals.ticks)} a seed; ${totals.operations} client operations, ${mean(totals.operations)} a seed`,
  );
  if (totals.failed.length > 0) {
    out(
      `FAILED: ${totals.failed.length} seeds: ${totals.failed
        .slice(0, 20)
        .map(({ seed }) => seed)
        .join(" ")}`,
    );
    if (options.stopsAtFirst) out(`first failure after ${totals.seeds} seeds`);
  }
  const missing = options.stopsAtFirst ? [] : totals.counters.missing();
  for (const name of missing) out(`FAILED: never happened: ${counterNames[name]}`);
  if (totals.failed.length === 0 && missing.length === 0) out("no violation");
  process.exitCode = totals.failed.length === 0 && missing.length === 0 ? 0 : 1;
}

await main();
