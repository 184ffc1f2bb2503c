/**
 * `npm run bench`: etcd-ts beside a real etcd on the same machine and disk, with the same flags, in turns (etcd, etcd-ts,
 * etcd, etcd-ts). Ends with 1 when any run's answers or revision were not what they had to be. A missed gate is shown,
 * not an error.
 */
import { writeFileSync } from "node:fs";
import type { ContenderName } from "./contender.ts";
import { commandOf } from "./contender.ts";
import { runDefragTurn } from "./defrag-turn.ts";
import { runFailoverTurn } from "./failover-turn.ts";
import { memoryFilesystem } from "./machine.ts";
import type { Measurement } from "./measurement.ts";
import { type BenchOptions, helpText, parseOptions, UsageError } from "./options.ts";
import { runReconnectTurn } from "./reconnect-turn.ts";
import { linesBelow, type Results } from "./report.ts";
import { summarise } from "./summary.ts";
import { markdownTable, roundLines, terminalTable } from "./table.ts";
import { runThreeTurn } from "./three-turn.ts";
import { runSecureTurn, runTurn } from "./turn.ts";
import type { TurnPlan } from "./turn-plan.ts";
import type { Workload } from "./workload.ts";
import { chooseWorkloads, isThree } from "./workloads.ts";

const started = performance.now();
const interrupted = new AbortController();

function progress(text: string): void {
  process.stderr.write(
    `[${((performance.now() - started) / 1000).toFixed(1).padStart(7)} s] ${text}\n`,
  );
}

/** The workloads that share a turn: servers run only in their own, so that nothing else is on the machine. */
interface Part {
  what: string;
  workloads: readonly Workload[];
  run: (plan: TurnPlan) => Promise<Measurement[]>;
}

function partsOf(workloads: readonly Workload[]): Part[] {
  const those = (belongs: (workload: Workload) => boolean) => workloads.filter(belongs);
  const isFailover = ({ failover }: Workload) => failover !== undefined;
  const parts: Part[] = [
    {
      what: "one member",
      workloads: those((w) => !isThree(w) && w.defragments !== true && w.isSecure !== true),
      run: runTurn,
    },
    {
      what: "one member with garbage",
      workloads: those(({ defragments }) => defragments === true),
      run: runDefragTurn,
    },
    {
      what: "one member over mutual TLS",
      workloads: those(({ isSecure }) => isSecure === true),
      run: runSecureTurn,
    },
    {
      what: "three members",
      workloads: those(({ clients }) => clients !== undefined),
      run: runThreeTurn,
    },
    { what: "the leader of three goes", workloads: those(isFailover), run: runFailoverTurn },
    {
      what: "three members over mutual TLS, whose clients reconnect",
      workloads: those(({ reconnects }) => reconnects === true),
      run: runReconnectTurn,
    },
  ];
  return parts.filter((part) => part.workloads.length > 0);
}

async function runRounds(options: BenchOptions, parts: readonly Part[]): Promise<Results> {
  const results: Results = { etcd: [], ours: [] };
  const { signal } = interrupted;
  for (const { what, workloads, run } of parts) {
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const side of ["etcd", "ours"] as const) {
        if (signal.aborted) return results;
        const contender: ContenderName = side === "etcd" ? "etcd" : options.ours;
        progress(`${what}, round ${round} of ${options.rounds}: ${contender}`);
        const rateOf = (workload: Workload, soFar: readonly Measurement[]) =>
          openLoopRate(workload, [...results.etcd, ...(side === "etcd" ? soFar : [])]);
        const plan: TurnPlan = { contender, workloads, options, rateOf, progress, signal };
        results[side].push(...(await run(plan)));
      }
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

function report(options: BenchOptions, workloads: readonly Workload[], results: Results): boolean {
  const rows = workloads.map((workload) =>
    summarise(workload, results.etcd, results.ours, !options.short),
  );
  const below = linesBelow(options, workloads, results, rows);
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
  return rows.every((row) => row.problems.length === 0);
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
  const workloads = chooseWorkloads(options);
  return report(options, workloads, await runRounds(options, partsOf(workloads))) ? 0 : 1;
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
