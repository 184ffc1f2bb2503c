/** Fuzzes one target in a thread of its own, so that main.ts can name the run that never ended. */
import { parentPort, workerData } from "node:worker_threads";

import { fuzz } from "./harness.ts";
import { targetNamed } from "./targets.ts";

export interface WorkerInput {
  readonly target: string;
  readonly seed: number;
  readonly runs: number;
  readonly slowMs: number;
  /** One number: the run under way. */
  readonly progress: SharedArrayBuffer;
}

const { target, seed, runs, slowMs, progress } = workerData as WorkerInput;
const current = new Float64Array(progress);
const report = await fuzz(targetNamed(target), {
  seed,
  runs,
  slowMs,
  onRun: (run) => {
    current[0] = run;
  },
});
parentPort?.postMessage(report);
