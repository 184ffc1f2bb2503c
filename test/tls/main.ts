/**
 * npm run rotation: three members over mutual TLS, whose certificates and CAs are replaced again and again while clients write and come again at random.
 * What clients do when a thousand of them come back at once: npm run bench -- --only three-reconnect-1000-mtls.
 */
import { parseArgs } from "node:util";
import { type RotationResult, runRotation } from "./rotation.ts";

const help = `npm run rotation -- [flags]: three members change all certificates and their CA under load.

  --rounds N    rotations of everything (50)
  --clients N   (100)
  --pause MS    between two writes of a client, on average (250)
  --life MS     of a client's connection, on average (2000); every fifth client keeps its connection
  --seed N      chooses what the clients do (1)
  --keep        the members' data, logs and certificates stay
  --help        this text

Fails when a request fails that was on no connection which the test had cut, a client cannot connect, a term or a leader changes, a member does
not follow a change of its files or follows half of one, the old CA or one of its sessions still counts after a round, an acknowledged write is
lost, or the members differ in the end.
`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    rounds: { type: "string", default: "50" },
    clients: { type: "string", default: "100" },
    pause: { type: "string", default: "250" },
    life: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const startMs = performance.now();

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  print(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

function report(result: RotationResult): void {
  const { tally, problems } = result;
  const ms = (millis: number): string => `${millis.toFixed(1)} ms`;
  const rows: readonly (readonly [string, string])[] = [
    ["rounds", String(result.rounds)],
    ["writes acknowledged", String(tally.acknowledged)],
    ["  half of them within", ms(tally.quantile(0.5))],
    ["  99 of 100 within", ms(tally.quantile(0.99))],
    ["  slowest", `${ms(tally.slowest.millis)} (${tally.slowest.during})`],
    ["connections opened by clients", String(tally.connects)],
    ["  cut with a write under way", String(tally.cuts)],
    ...[...tally.excused].map(([why, count]) => [`unknown: ${why}`, String(count)] as const),
    ["failures", String(tally.failureCount)],
    ["elections", String(result.terms)],
    ["cuts between members", String(result.peerCuts)],
    ["restarts of a member", String(result.restarts)],
    ["sessions of old CAs refused", String(result.sessions)],
    ["slowest reload", ms(result.slowestReloadMs)],
    ["problems", String(problems.length)],
  ];
  for (const [what, figure] of rows) print(`${what.padEnd(46)}${figure}`);
  for (const problem of problems) print(`PROBLEM: ${problem}`);
}

// The members end with this process, which the default handlers would not see to.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const result = await runRotation({
  rounds: Number(values.rounds),
  clients: Number(values.clients),
  pauseMs: Number(values.pause),
  lifeMs: Number(values.life),
  seed: Number(values.seed),
  say,
  keepsDirectory: values.keep,
});
report(result);
if (values.keep) print(`data, logs and certificates: ${result.directory}`);
if (result.problems.length > 0) process.exitCode = 1;
