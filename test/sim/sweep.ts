/** Many seeds on several processes: hands them out, gathers what came of them, and gives a sample of histories to porcupine. */
import { fork } from "node:child_process";
import type { HistoryEvent } from "./checkers/kv-history.ts";
import { porcupineVerdicts } from "./checkers/porcupine.ts";
import { Counters } from "./counters.ts";
import type { SeedOrder, SeedResult } from "./sweep-worker.ts";

export interface SweepOptions {
  readonly from: number;
  readonly runs: number;
  readonly jobs: number;
  /** Ends the sweep, with what it has, after so long. */
  readonly msMax: number;
  readonly members: number | undefined;
  readonly ticks: number | undefined;
  readonly stopsAtFirst: boolean;
  /** Each so many seeds, one history goes to porcupine; 0 for none. */
  readonly sampleEvery: number;
  readonly onResult: (result: SeedResult, totals: SweepTotals) => void;
}

export interface SweepTotals {
  seeds: number;
  ticks: number;
  operations: number;
  answered: number;
  /** Histories that porcupine judged. */
  judged: number;
  readonly failed: SeedResult[];
  readonly counters: Counters;
}

/** A run makes much that lives for a moment: with room for it the collector has a tenth less to do. */
const execArgv = ["--max-semi-space-size=64"];

/** Histories are judged in batches: a process of porcupine for each would cost more than it does. */
const judgedTogether = 25;

export async function sweep(options: SweepOptions): Promise<SweepTotals> {
  const totals: SweepTotals = {
    seeds: 0,
    ticks: 0,
    operations: 0,
    answered: 0,
    judged: 0,
    failed: [],
    counters: new Counters(),
  };
  const work = new Work(options, totals);
  await Promise.all(Array.from({ length: options.jobs }, () => work.worker()));
  work.judge();
  return totals;
}

class Work {
  private readonly options: SweepOptions;
  private readonly totals: SweepTotals;
  private readonly endMs: number;
  private samples: { readonly seed: number; readonly history: readonly HistoryEvent[] }[] = [];
  private nextSeed: number;

  constructor(options: SweepOptions, totals: SweepTotals) {
    this.options = options;
    this.totals = totals;
    this.nextSeed = options.from;
    this.endMs = Date.now() + options.msMax;
  }

  /** One process from its start to its end. */
  worker(): Promise<void> {
    const child = fork(new URL("./sweep-worker.ts", import.meta.url), { execArgv });
    return new Promise((resolve, reject) => {
      let current = 0;
      const next = (): void => {
        const order = this.order();
        if (order === undefined) {
          child.removeAllListeners("exit");
          child.disconnect();
          resolve();
          return;
        }
        current = order.seed;
        child.send(order);
      };
      child.on("message", (result: SeedResult) => {
        this.take(result);
        next();
      });
      child.on("exit", (code, signal) => {
        reject(new Error(`the process of seed ${current} ended with ${signal ?? code}`));
      });
      next();
    });
  }

  /** Gives the gathered histories to porcupine. */
  judge(): void {
    const { samples, totals } = this;
    if (samples.length === 0) return;
    this.samples = [];
    const verdicts = porcupineVerdicts(samples.map(({ history }) => history));
    totals.judged += verdicts.filter((verdict) => verdict !== "unknown").length;
    for (const [at, verdict] of verdicts.entries()) {
      const seed = samples[at]?.seed ?? 0;
      if (verdict === "illegal") this.fail(seed, "porcupine: the history is not linearizable");
    }
  }

  private order(): SeedOrder | undefined {
    const { options, totals } = this;
    const { from, runs, members, ticks, sampleEvery } = options;
    if (this.nextSeed >= from + runs || Date.now() > this.endMs) return undefined;
    if (options.stopsAtFirst && totals.failed.length > 0) return undefined;
    const seed = this.nextSeed++;
    const wantsHistory = sampleEvery > 0 && seed % sampleEvery === 0;
    return { seed, members, ticks, wantsHistory };
  }

  private take(result: SeedResult): void {
    const { totals, options } = this;
    totals.seeds += 1;
    totals.ticks += result.ticks;
    totals.operations += result.operations;
    totals.answered += result.answered;
    totals.counters.addAll(result.counters);
    if (result.violations.length > 0) totals.failed.push(result);
    options.onResult(result, totals);
    if (result.history === undefined || result.violations.length > 0) return;
    this.samples.push({ seed: result.seed, history: result.history });
    if (this.samples.length >= judgedTogether) this.judge();
  }

  private fail(seed: number, violation: string): void {
    const result = { ...emptyResult(seed), violations: [violation] };
    this.totals.failed.push(result);
    this.options.onResult(result, this.totals);
  }
}

const emptyResult = (seed: number): SeedResult => ({
  seed,
  members: 0,
  ticks: 0,
  operations: 0,
  answered: 0,
  counters: {},
  trace: "",
  violations: [],
  history: undefined,
});
