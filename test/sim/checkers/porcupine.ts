/** A second opinion: the verdicts of github.com/anishathalye/porcupine (test/peers/porcupine) on the same histories. */
import { spawnSync } from "node:child_process";
import { goPeer } from "../../support/peers.ts";
import type { HistoryEvent } from "./kv-history.ts";

/** "unknown": not decided in time. */
export type PorcupineVerdict = "ok" | "illegal" | "unknown";

const outputBytesMax = 1 << 20;

/** One verdict for each history. Transactions are beyond its model: a history with one is a mistake of the caller's. */
export function porcupineVerdicts(
  histories: readonly (readonly HistoryEvent[])[],
): PorcupineVerdict[] {
  const input = histories.map((history) => `${JSON.stringify(history.flatMap(toGo))}\n`).join("");
  const { status, stdout, stderr, error } = spawnSync(goPeer("porcupine"), {
    input,
    encoding: "utf8",
    maxBuffer: outputBytesMax,
  });
  if (error !== undefined) throw error;
  const verdicts = stdout.split("\n").slice(0, -1) as PorcupineVerdict[];
  if (status !== 0 || verdicts.length !== histories.length) {
    throw new Error(`porcupine stopped with status ${status}: ${stderr}`);
  }
  return verdicts;
}

function toGo({ client, operation, ...event }: HistoryEvent): object[] {
  if (operation.kind === "txn") throw new Error("porcupine's model has no transactions");
  if (event.isSerializable === true) return [];
  const microseconds = (ms: number): number => Math.round(ms * 1000);
  return [
    {
      client,
      ...operation,
      call: microseconds(event.callMs),
      return: event.returnMs === undefined ? undefined : microseconds(event.returnMs),
      found: typeof event.outcome === "string" ? event.outcome : undefined,
      done: event.outcome === true || (typeof event.outcome === "number" && event.outcome > 0),
    },
  ];
}
