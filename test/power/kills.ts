/**
 * kill -9 under load, restart on the same directory, check. The page cache survives, so this finds what a process forgets
 * (buffers of its own, half-made files, a restart that trips over them), not what a disk forgets: see power-cuts.ts.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { History } from "../support/history.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { seededRandom } from "./disk-image.ts";
import {
  checkRecovered,
  choosePorts,
  isFailed,
  proveWritable,
  type RigOptions,
  type Round,
  replayedEntries,
  roundLine,
  startMember,
} from "./rig.ts";
import { Workload } from "./workload.ts";

/** Runs until `kills` rounds are over or one failed; the rounds that were run. */
export async function runKills(options: RigOptions, kills: number): Promise<Round[]> {
  await mkdir(options.workDirectory, { recursive: true });
  const random = seededRandom(options.seed);
  const history = new History();
  const workload = new Workload(history, { writers: options.writers, seed: options.seed });
  const ports = await choosePorts();
  const logFile = join(options.workDirectory, "member.log");
  const start = (): ServerProcess =>
    startMember(options, {
      dataDirectory: join(options.workDirectory, "data"),
      logFile,
      ports,
      advertised: ports,
    });
  let member = start();
  const rounds: Round[] = [];
  try {
    await member.ready();
    for (let number = 1; number <= kills; number += 1) {
      const began = performance.now();
      workload.start(member.address);
      await sleep(20 + random() ** 2 * 1500);
      const unexpected = member.end === undefined ? workload.failure : `the member ${member.end}`;
      const crashMs = performance.now();
      await member.stop("SIGKILL");
      await workload.stop();
      const startKills = random() < 0.2 ? 1 + Math.floor(random() * 2) : 0;
      for (let again = 0; again < startKills; again += 1) {
        member = start();
        await sleep(random() * 600);
        await member.stop("SIGKILL");
      }
      const restarted = performance.now();
      member = start();
      const how = startKills === 0 ? "kill" : `kill, ${startKills} while starting`;
      const known = { number, seed: options.seed, how, acknowledged: history.acknowledgedCount };
      const round = await finishRound(
        { ...known, began, restarted, crashMs },
        { member, history, logFile, unexpected },
      );
      options.print(roundLine(round));
      rounds.push(round);
      if (isFailed(round)) break;
      workload.forgetGone();
    }
  } finally {
    await workload.stop();
    await member.stop("SIGKILL");
  }
  return rounds;
}

interface RoundStart {
  readonly number: number;
  readonly seed: number;
  readonly how: string;
  readonly acknowledged: number;
  readonly began: number;
  readonly restarted: number;
  readonly crashMs: number;
}

async function finishRound(
  start: RoundStart,
  at: { member: ServerProcess; history: History; logFile: string; unexpected: string | undefined },
): Promise<Round> {
  const { number, seed, how, acknowledged, began, restarted, crashMs } = start;
  const base = { number, seed, how, acknowledged };
  let recoveryMs = 0;
  try {
    if (at.unexpected !== undefined) throw new Error(`before the kill: ${at.unexpected}`);
    await at.member.ready();
    recoveryMs = performance.now() - restarted;
    const { state, violations } = await checkRecovered(at.member.address, at.history, crashMs);
    if (violations.length === 0) {
      await proveWritable(at.member.address, state.revision);
      at.history.rebase({ ...state, revision: state.revision + 2 });
    }
    const totalMs = performance.now() - began;
    const replayed = replayedEntries(at.logFile);
    return { ...base, keys: state.keys.size, replayed, recoveryMs, totalMs, violations };
  } catch (error) {
    const totalMs = performance.now() - began;
    return {
      ...base,
      keys: 0,
      replayed: "-",
      recoveryMs,
      totalMs,
      violations: [],
      error: String(error),
    };
  }
}
