/** `npm run sim`: simulated runs from the command line, one seed after the other. */
import { parseArgs } from "node:util";
import { faultsOf, wholeNumber } from "./arguments.ts";
import { Counters } from "./counters.ts";
import { faultKinds, membersMax } from "./plan.ts";
import { simulate } from "./run.ts";

const help = `Usage: npm run sim -- [flags]

Runs whole clusters on simulated clocks, networks and disks, does to them what can happen, and checks what Raft and etcd promise: one
leader in a term, logs that match, no acknowledged write lost, reads that are linearizable, members with equal data, watchers that get each
event once and in order, leases that end neither before their time nor long behind it. Then it heals everything and demands progress. A seed
always gives the same run.

  --seed N        first seed (default 1)
  --runs K        seeds to run, one after the other (default 1)
  --members 1..7  members at the start (default: drawn from the seed)
  --ticks M       ticks of 100 ms with faults (default: drawn from the seed, about 2,000)
  --faults A,B    these faults only: ${faultKinds.join(", ")}
  --trace         print everything that happens
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    members: { type: "string" },
    ticks: { type: "string" },
    faults: { type: "string" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const first = wholeNumber(values.seed, "seed") ?? 1;
  const runs = wholeNumber(values.runs, "runs") ?? 1;
  const options = {
    members: wholeNumber(values.members, "members", { min: 1, max: membersMax }),
    ticks: wholeNumber(values.ticks, "ticks", { min: 1 }),
    faults: faultsOf(values.faults),
    onTrace: values.trace ? (line: string) => void process.stdout.write(`${line}\n`) : undefined,
  };
  const counters = new Counters();
  let failed = 0;
  process.stdout.write("      seed  members  ticks  operations  answered  events  CPU ms  trace\n");
  for (let seed = first; seed < first + runs; seed++) {
    const before = process.cpuUsage();
    const report = await simulate({ seed, ...options });
    const { user, system } = process.cpuUsage(before);
    counters.addAll(report.counters);
    const cells = [
      String(seed).padStart(10),
      String(report.members).padStart(9),
      String(report.ticks).padStart(7),
      String(report.operations).padStart(12),
      String(report.answered).padStart(10),
      String(report.events).padStart(8),
      String(Math.round((user + system) / 1000)).padStart(8),
    ];
    process.stdout.write(`${cells.join("")}  ${report.trace}\n`);
    for (const violation of report.violations) process.stdout.write(`  VIOLATION ${violation}\n`);
    if (report.violations.length > 0) failed += 1;
  }
  for (const line of counters.table()) process.stdout.write(`${line}\n`);
  process.stdout.write(
    failed === 0
      ? "no violation\n"
      : `${failed} of ${runs} runs with violations; see what happened in one: npm run sim -- --seed N --trace\n`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
