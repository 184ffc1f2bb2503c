/** `npm run sim`: simulated runs from the command line. */
import { parseArgs } from "node:util";
import { simulate } from "./run.ts";

const help = `Usage: npm run sim -- [flags]

Runs a whole member on a simulated clock, network and disk, cuts its power again and again, and checks that every
acknowledged write is there and every read is linearizable. A seed always gives the same run.

  --seed N        first seed (default 1)
  --runs N        seeds to run, one after the other (default 20)
  --duration MS   simulated milliseconds with faults in each run (default 5000)
  --trace         print every event
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "20" },
    duration: { type: "string", default: "5000" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function count(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`--${flag}: expected a whole number, got "${text}"`);
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const first = count(values.seed, "seed");
  const durationMs = count(values.duration, "duration");
  let failed = 0;
  process.stdout.write("    seed  crashes  acknowledged   reads  trace\n");
  for (let seed = first; seed < first + count(values.runs, "runs"); seed++) {
    const onTrace = values.trace
      ? { onTrace: (line: string) => process.stdout.write(`${line}\n`) }
      : {};
    const report = await simulate({ seed, durationMs, ...onTrace });
    const cells = [
      String(seed).padStart(8),
      String(report.crashes).padStart(9),
      String(report.acknowledged).padStart(14),
    ];
    process.stdout.write(`${cells.join("")}${String(report.reads).padStart(8)}  ${report.trace}\n`);
    for (const violation of report.violations) process.stdout.write(`  VIOLATION ${violation}\n`);
    if (report.violations.length > 0) failed += 1;
  }
  process.stdout.write(
    failed === 0
      ? "no violation\n"
      : `${failed} runs with violations; repeat one with --seed N --runs 1 --trace\n`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
