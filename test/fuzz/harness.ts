/**
 * Runs a target over inputs made from a seed, counts how deep they got, and keeps what broke an invariant: an error that
 * is not documented, more memory than the input can account for, memory that is not given back, or a run that lasts.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { FuzzRandom } from "./random.ts";
import { InvariantError, type Target } from "./target.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly runs: number;
  /** A single input that takes longer is a find; Infinity where others share the machine. */
  readonly slowMs: number;
  /** Told the number of the run that begins: a watchdog can name the one that never ended. */
  readonly onRun?: (run: number) => void;
}

export interface Crash {
  /** Undefined for what only all runs together show. */
  readonly run: number | undefined;
  readonly input: Uint8Array;
  readonly error: string;
}

export interface Report {
  readonly name: string;
  readonly runs: number;
  readonly seconds: number;
  /** By stage, from 0 to 1. */
  readonly shares: Readonly<Record<string, number>>;
  /** Stages that fewer inputs reached than the target promises. */
  readonly missed: readonly string[];
  readonly crashes: readonly Crash[];
  /** What the second half of the runs left behind; 0 when they were too few to say. */
  readonly leakedBytes: number;
}

/** What one input may leave to the garbage collector: far more than any input's bytes times any factor that is meant. */
const allocatedBytesMax = 64 * 1024 * 1024;
/** What may be left at the end that was not there at half time: caches and compiled code settle before. */
const leakedBytesMax = 16 * 1024 * 1024;
/** Below it the compiler's own growth is all there is to see. */
const leakRunsMin = 20_000;
const crashesMax = 10;

export async function fuzz(target: Target, options: FuzzOptions): Promise<Report> {
  const counts = target.stages.map(() => 0);
  const crashes: Crash[] = [];
  const random = new FuzzRandom(options.seed, 0);
  const startedMs = performance.now();
  let halfTimeBytes = 0;
  let run = 0;
  for (; run < options.runs && crashes.length < crashesMax; run++) {
    if (run >= leakRunsMin / 2 && run === options.runs >>> 1) halfTimeBytes = await liveBytes();
    options.onRun?.(run);
    random.reseed(options.seed, run);
    const input = target.generate(random);
    try {
      const watched = watchedRun(target, input, options.slowMs);
      // A microtask for each run would cost more than many a run.
      const reached = typeof watched === "number" ? watched : await watched;
      for (let stage = 0; stage < counts.length; stage++)
        if ((reached & (1 << stage)) !== 0) counts[stage] = (counts[stage] as number) + 1;
    } catch (error) {
      crashes.push({ run, input: Uint8Array.from(input), error: describe(error) });
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const leakedBytes = run < leakRunsMin ? 0 : Math.max(0, (await liveBytes()) - halfTimeBytes);
  if (leakedBytes > leakedBytesMax)
    crashes.push({
      run: undefined,
      input: new Uint8Array(0),
      error: `${leakedBytes} bytes were not given back`,
    });
  const shares = Object.fromEntries(
    target.stages.map((stage, at) => [stage, (counts[at] ?? 0) / run]),
  );
  const missed = Object.entries(target.leastShares)
    .filter(([stage, least]) => (shares[stage] ?? 0) < least)
    .map(([stage]) => stage);
  return { name: target.name, runs: run, seconds, shares, missed, crashes, leakedBytes };
}

/** One input under the bounds of memory and time. */
export function watchedRun(
  target: Target,
  input: Uint8Array,
  slowMs: number,
): number | Promise<number> {
  const bytesBefore = heapBytes();
  const startedMs = performance.now();
  const judge = (reached: number): number => {
    const allocated = heapBytes() - bytesBefore;
    if (allocated > allocatedBytesMax)
      throw new InvariantError(`one input took ${allocated} bytes`);
    const tookMs = performance.now() - startedMs;
    if (tookMs > slowMs) throw new InvariantError(`one input took ${Math.round(tookMs)} ms`);
    return reached;
  };
  const outcome = target.run(input);
  return typeof outcome === "number" ? judge(outcome) : outcome.then(judge);
}

function heapBytes(): number {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics();
  return used + external;
}

let collectGarbage: (() => void) | undefined;

/** What is left when the garbage is gone. Buffers are freed behind the collector's back: it is asked twice. */
async function liveBytes(): Promise<number> {
  if (collectGarbage === undefined) {
    setFlagsFromString("--expose-gc");
    collectGarbage = runInNewContext("gc") as () => void;
  }
  collectGarbage();
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  return heapBytes();
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
