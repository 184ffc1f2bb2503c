/** A process of a sweep: gets seeds from the one that started it, runs each, and sends back what came of it. */
import type { HistoryEvent } from "./checkers/kv-history.ts";
import type { CounterValues } from "./counters.ts";
import { simulate } from "./run.ts";

/** From the sweep: run this seed. */
export interface SeedOrder {
  readonly seed: number;
  readonly members: number | undefined;
  readonly ticks: number | undefined;
  /** Send the history back, too: it is a sample for porcupine, if it has no transactions. */
  readonly wantsHistory: boolean;
}

/** To the sweep. */
export interface SeedResult {
  readonly seed: number;
  readonly members: number;
  readonly ticks: number;
  readonly operations: number;
  readonly answered: number;
  readonly counters: CounterValues;
  readonly trace: string;
  readonly violations: readonly string[];
  readonly history: readonly HistoryEvent[] | undefined;
}

async function run({ seed, members, ticks, wantsHistory }: SeedOrder): Promise<SeedResult> {
  try {
    const report = await simulate({ seed, members, ticks });
    const isSample =
      wantsHistory && report.history.every(({ operation }) => operation.kind !== "txn");
    return { ...report, history: isSample ? report.history : undefined };
  } catch (error) {
    // The simulator itself, or an assertion of the member that nothing caught.
    const violations = [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    const nothing = { members: 0, ticks: 0, operations: 0, answered: 0, counters: {}, trace: "" };
    return { seed, ...nothing, violations, history: undefined };
  }
}

process.on("message", (order: SeedOrder) => {
  void run(order).then((result) => process.send?.(result));
});
