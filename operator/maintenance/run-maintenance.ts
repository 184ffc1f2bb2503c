/** `etcd-ts-operator maintenance`: one run of one task on one cluster, under the cluster's maintenance Lease, and its exit code. */
import { etcdClusters } from "../api/v1alpha1/names.ts";
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { ApiError, NotLeadingError } from "../kernel/api-error.ts";
import type { Ports } from "../kernel/ports.ts";
import { keyOf, type ObjectRef } from "../kernel/resource.ts";
import { compact } from "./compact.ts";
import { defragment } from "./defragment.ts";
import { lookAt } from "./look.ts";
import { underMaintenanceLease } from "./maintenance-lock.ts";
import { failed, type Outcome, skipped, type Task } from "./outcome.ts";
import { report } from "./report.ts";
import type { MembersPort, Run } from "./run-ports.ts";

export interface Program {
  readonly client: ApiClient;
  readonly ports: Ports;
  readonly etcd: MembersPort;
  readonly task: Task;
  readonly cluster: ObjectRef;
  /** The pod's name. */
  readonly instance: string;
  /** Holder of the Lease: of this process and no other ever. */
  readonly identity: string;
}

const tasks: Readonly<Record<Task, (run: Run) => Promise<Outcome>>> = {
  compact,
  defrag: defragment,
};

/** 0 when it succeeded or was skipped, 1 when it failed or could not be told. Rejects for bugs only. */
export async function runMaintenance(program: Program, signal: AbortSignal): Promise<number> {
  const { client, ports } = program;
  const key = keyOf(program.cluster);
  try {
    const cluster = (await client.find(etcdClusters, program.cluster)) as EtcdCluster | undefined;
    if (cluster === undefined) {
      ports.logger.error("there is no such EtcdCluster", { cluster: key });
      return 1;
    }
    const locked = await underMaintenanceLease(
      { ...program, cluster, identity: `maintenance/${program.identity}` },
      (hold, stop) => work(program, cluster, { hold, signal: stop }),
      signal,
    );
    if (locked.kind === "worked") return codeOf(locked.value);
    const outcome = skipped(heldText(locked.holder));
    await report(program, cluster, program.task, outcome);
    return codeOf(outcome);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    ports.logger.error("the API server refused or did not answer", {
      cluster: key,
      kind: error.kind,
      error: error.message,
    });
    return 1;
  }
}

/** The Lease is held until the result is written: the next run goes by it. */
async function work(
  program: Program,
  cluster: EtcdCluster,
  held: Pick<Run, "hold" | "signal">,
): Promise<Outcome> {
  const { client, etcd, ports, task } = program;
  const { clock, timers, logger } = ports;
  logger.info("maintenance begins", { cluster: keyOf(cluster.metadata), task });
  const look = () => lookAt(client, etcd, cluster);
  const outcome = await ended(tasks[task]({ look, etcd, clock, timers, ...held }));
  await report(program, cluster, task, outcome);
  return outcome;
}

async function ended(run: Promise<Outcome>): Promise<Outcome> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof NotLeadingError) return failed("the maintenance Lease was lost");
    if (error instanceof ApiError) return failed(`the API server: ${error.message}`);
    throw error;
  }
}

function codeOf({ result }: Outcome): number {
  return result === "Failed" ? 1 : 0;
}

function heldText(holder: string): string {
  const who = holder.startsWith("operator/") ? "a change by the operator is under way" : "";
  const held = `${holder === "" ? "somebody" : holder} holds the maintenance Lease`;
  return who === "" ? held : `${who}: ${held}`;
}
