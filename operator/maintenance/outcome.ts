/** How a run of maintenance ended, and what is written of it into the cluster's status. */
import type { EtcdClusterStatus } from "../api/v1alpha1/types.ts";

/** What a CronJob asks for. */
export type Task = "compact" | "defrag";

type Maintenance = NonNullable<EtcdClusterStatus["maintenance"]>;

/** What status.maintenance keeps of one task's last run. */
export type KeptRun = NonNullable<Maintenance["compaction"]>;

/** Of a compaction: what the next one goes by. Where it is left out, what was kept before stays. */
export type Memory = Pick<KeptRun, "revision" | "seenRevision" | "seenAt">;

export interface Outcome {
  /** "Skipped": nothing was begun, and nothing is wrong with the run itself. "Failed": it did not come to its end. */
  readonly result: KeptRun["result"];
  /** For people: what was done, or why not. */
  readonly message: string;
  readonly memory?: Memory;
  /** A request was left behind whose end nobody has seen: the Lease must run out by itself. */
  readonly isUnclear?: boolean;
}

export function succeeded(message: string, memory?: Memory): Outcome {
  return { result: "Succeeded", message, ...(memory === undefined ? {} : { memory }) };
}

export function skipped(message: string): Outcome {
  return { result: "Skipped", message };
}

export function failed(message: string): Outcome {
  return { result: "Failed", message };
}

/** RFC 3339 in whole seconds, as times in a status are. */
export function timeText(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, "Z");
}
