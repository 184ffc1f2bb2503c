/**
 * npm run cluster: processes under a script of kills, stops, partitions and changes of the membership, with clients that
 * write and read all the time.
 *
 *     --members N      at the start (default 5); one may be added or removed
 *     --minutes N      how long (default 10)
 *     --every SECONDS  from one harm to the next (default 5)
 *     --seed N         chooses the harms and what the clients do (default 1)
 *     --kind KIND      etcd-ts (default), etcd for real ones of 3.7, etcd36
 *     --keep           the members' data and logs stay
 *
 * Fails when a history is not linearizable, an acknowledged write is lost, the members differ in the end, or one of them
 * does not become healthy again.
 */
import { parseArgs } from "node:util";
import { defaultKind, kindOf } from "./process-cluster.ts";
import { runScript, type ScriptResult } from "./script.ts";

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "5" },
    minutes: { type: "string", default: "10" },
    every: { type: "string", default: "5" },
    seed: { type: "string", default: "1" },
    kind: { type: "string", default: defaultKind() },
    keep: { type: "boolean", default: false },
  },
});

const startMs = performance.now();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  print(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

function report({ work, harms, elections, terms, problems }: ScriptResult): void {
  const { acknowledged, unknown, failed } = work.counts;
  const rows: readonly (readonly [string, string])[] = [
    ["operations acknowledged", String(acknowledged)],
    ["operations of unknown outcome", String(unknown)],
    ["operations failed", String(failed)],
    ["writes in the ledgers", String(work.ledger.size)],
    ...[...harms].sort().map(([harm, count]) => [harm, String(count)] as const),
    ["elections seen", `${elections} (${terms} terms)`],
    ["longest time without a write", `${(work.writeGapMs / 1000).toFixed(1)} s`],
    ["problems", String(problems.length)],
  ];
  for (const [what, figure] of rows) print(`${what.padEnd(32)}${figure}`);
  for (const problem of problems) print(`PROBLEM: ${problem}`);
}

// The members end with this process, which the default handlers would not see to.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const result = await runScript({
  members: Number(values.members),
  kind: kindOf(values.kind),
  lengthMs: Number(values.minutes) * 60_000,
  pauseMs: Number(values.every) * 1000,
  seed: Number(values.seed),
  say,
  keepsDirectory: values.keep,
});
report(result);
if (values.keep) print(`data and logs: ${result.directory}`);
if (result.problems.length > 0) process.exitCode = 1;
