/**
 * node test/attack/main.ts: known attacks on HTTP/2 and TLS of a real member, with an honest client beside them.
 *
 *     --seconds N   how long each attack lasts (default 5)
 *     --only TEXT   attacks whose name contains it
 *
 * Each attack meets a fresh member. Prints a table: what the attacker did, what ended it, the member's memory (MiB) and
 * CPU (% of a core), and the honest client's Puts (ms; its handshakes where TLS is attacked). Fails when the member dies, an honest call fails, or the memory
 * grows beyond the attack's bound.
 */
import { parseArgs } from "node:util";
import { OneMember } from "../support/one-member.ts";
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks.ts";
import { TlsMember } from "./tls-member.ts";
import { percentile, prepare, runTlsTrial, runTrial, type Trial } from "./trial.ts";
import { judge } from "./verdict.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, only: { type: "string", default: "" } },
});

const columns: readonly (readonly [heading: string, cell: (trial: Trial) => string])[] = [
  ["attack", ({ attack }) => attack.name],
  ["bound", ({ attack }) => attack.bound],
  ["conns", ({ report }) => String(report.connections)],
  ["MiB in", ({ report }) => mib(report.bytesSent)],
  ["MiB out", ({ report }) => mib(report.bytesReceived)],
  ["resets", ({ report }) => String(report.resets)],
  ["RSS before", ({ startBytes }) => mib(startBytes)],
  ["peak", ({ peakBytes }) => mib(peakBytes)],
  ["after", ({ afterBytes }) => mib(afterBytes)],
  ["CPU %", ({ cpuPercent }) => cpuPercent.toFixed(0)],
  ["Puts/s", ({ attack, putMs }) => (putMs.length / secondsOf(attack)).toFixed(0)],
  ["p50", ({ putMs }) => percentile(putMs, 0.5).toFixed(1)],
  ["p99", ({ putMs }) => percentile(putMs, 0.99).toFixed(1)],
  ["max", ({ putMs }) => Math.max(...putMs).toFixed(0)],
  ["ended by", (trial) => endsOf(trial)],
];

function secondsOf({ leastMs = 0 }: Attack): number {
  return Math.max(Number(values.seconds), leastMs / 1_000);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

function endsOf({ report }: Trial): string {
  const ends = Object.entries(report.ends).map(([end, count]) => `${count} × ${end}`);
  return ends.length === 0 ? "time" : ends.join(", ");
}

async function trialOf(attack: Attack): Promise<{ trial: Trial; problems: readonly string[] }> {
  const leastMs = Number(values.seconds) * 1_000;
  if (attack.isOnTls === true) {
    const member = await TlsMember.start();
    try {
      const trial = await runTlsTrial(member, attack, leastMs);
      return { trial, problems: judge(member, trial) };
    } finally {
      await member.stop();
    }
  }
  const member = await OneMember.start();
  try {
    await prepare(member);
    const trial = await runTrial(member, attack, leastMs);
    return { trial, problems: judge(member, trial) };
  } finally {
    await member.stop();
  }
}

say(columns.map(([heading]) => heading).join(" | "));
for (const attack of attacks.filter(({ name }) => name.includes(values.only))) {
  const { trial, problems } = await trialOf(attack);
  say(columns.map(([, cell]) => cell(trial)).join(" | "));
  for (const problem of problems) say(`  FAILED: ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
}
