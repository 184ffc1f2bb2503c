/**
 * Defragmentation of a store with half garbage, at half load: what a client waits for meanwhile, and before. The store is loaded twice over the same keys
 * and compacted; then an open loop of writes goes on, first alone, then while the member is defragmented again and again: half of the time, so that a
 * server that stops meanwhile can catch up. The first time gives the garbage back, the others find none, and copy as much.
 */
import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { peer } from "../support/peers.ts";
import { Contender } from "./contender.ts";
import { drive, probe } from "./drive.ts";
import type { LoadReport } from "./load-report.ts";
import { type Measurement, measurementOf } from "./measurement.ts";
import {
  type Aim,
  aimFlags,
  inTurn,
  loadArguments,
  type Step,
  type TurnPlan,
} from "./turn-plan.ts";

const valueBytes = 1024;
const run = promisify(execFile);

/** The measurement of the turn: the p99 while it is defragmented. */
export async function runDefragTurn(plan: TurnPlan): Promise<Measurement[]> {
  const server = await Contender.create(plan.contender, plan.options.dir);
  return inTurn(plan, {
    begin: async () => {
      server.start();
      await probe(plan, server);
    },
    measure: (step) => measure(plan, server, step),
    obituary: () => server.obituary(),
    end: () => server.dispose(),
  });
}

async function measure(plan: TurnPlan, server: Contender, step: Step): Promise<Measurement> {
  const { workload, soFar } = step;
  const aim: Aim = {
    targets: [server.target],
    pids: [server.pid],
    preload: Math.ceil((plan.options.defragMib * 2 ** 20) / 2 / valueBytes),
    memory: () => server.memory(),
    obituary: () => server.obituary(),
  };
  for (let times = 0; times < 2; times++)
    await drive(plan, aim, ["fill", ...aimFlags(aim), `--value-size=${valueBytes}`]);
  await etcdctl(server, "compaction", "--physical", String(await probe(plan, server)));
  const rate = plan.rateOf(workload, soFar);
  const load = (position: number): Promise<LoadReport> =>
    drive(plan, aim, loadArguments(plan.options, aim, { ...step, position }, rate));
  const before = await load(0);
  const defragmenter = new Defragmenter(server);
  const during = await load(1).finally(() => defragmenter.stop());
  const seconds = await defragmenter.ended;
  const { warmupSeconds } = plan.options;
  const first = (seconds[0] ?? Number.NaN).toFixed(2);
  return {
    ...measurementOf(workload, during, server.memory(), rate),
    remarks: [
      `p99 ${(before.latencyMicros.p99 / 1000).toFixed(2)} ms before, ` +
        `${(during.latencyMicros.p99 / 1000).toFixed(2)} ms while it was defragmented ${seconds.length} times ` +
        `(the first took ${first} s, ${warmupSeconds} s before the window)`,
    ],
  };
}

/** Defragments the server, and waits as long as that took, until it is told to stop. */
class Defragmenter {
  /** How long each took, in seconds; rejects when one failed. */
  readonly ended: Promise<readonly number[]>;
  private isStopped = false;

  constructor(server: Contender) {
    this.ended = this.defragment(server);
    // Looked at when the load is over.
    this.ended.catch(() => undefined);
  }

  stop(): void {
    this.isStopped = true;
  }

  private async defragment(server: Contender): Promise<readonly number[]> {
    const seconds: number[] = [];
    while (!this.isStopped) {
      const started = performance.now();
      await etcdctl(server, "defrag");
      const took = performance.now() - started;
      seconds.push(took / 1000);
      await sleep(took);
    }
    return seconds;
  }
}

async function etcdctl(server: Contender, ...args: readonly string[]): Promise<void> {
  await run(peer("etcdctl"), ["--endpoints", server.target, "--command-timeout=10m", ...args]);
}
