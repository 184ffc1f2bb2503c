/**
 * One simulated run: a cluster, clients and faults for so many ticks; then the faults end, and the cluster must come together again; then
 * everything that was seen is judged.
 */

import type { HistoryEvent } from "./checkers/kv-history.ts";
import { checkLinearizable } from "./checkers/linearizability.ts";
import { checkRevisions } from "./checkers/revisions.ts";
import { SimCluster } from "./cluster.ts";
import type { CounterValues } from "./counters.ts";
import { watchHashes } from "./hash-watch.ts";
import { healCluster } from "./heal.ts";
import { LeaseWatch } from "./lease-watch.ts";
import { MembershipAdmin } from "./membership-admin.ts";
import { Nemesis } from "./nemesis.ts";
import { drawPlan, type Plan, type PlanOptions, tickMs } from "./plan.ts";
import { SimClient } from "./sim-client.ts";
import { StreamClients } from "./stream-clients.ts";
import { Workload } from "./workload.ts";
import { World } from "./world.ts";

export interface RunOptions extends PlanOptions {
  readonly onTrace?: ((line: string) => void) | undefined;
  /** Changes the plan that was drawn; for tests. */
  readonly adapt?: (plan: Plan) => Plan;
  /** Runs when the cluster is made, before it starts; for tests that break something on purpose. */
  readonly onCluster?: (cluster: SimCluster) => void;
}

export interface RunReport {
  readonly seed: number;
  readonly members: number;
  /** Ticks of the whole run, healing included. */
  readonly ticks: number;
  readonly operations: number;
  readonly answered: number;
  readonly events: number;
  readonly counters: CounterValues;
  /** Sum over all that happened: equal seeds, equal sums. */
  readonly trace: string;
  /** What must never happen; empty for a good run. */
  readonly violations: readonly string[];
  readonly history: readonly HistoryEvent[];
}

/** Longest time until calls that were under way at the end have their answer, or were given up. */
const drainMs = 15_000;

export async function simulate(options: RunOptions): Promise<RunReport> {
  const world = new World(options.seed, options.onTrace);
  const drawn = drawPlan(options, world);
  const plan = options.adapt?.(drawn) ?? drawn;
  world.note(`plan ${describePlan(plan)}`);
  const cluster = new SimCluster(world, plan);
  options.onCluster?.(cluster);
  const admin = new MembershipAdmin(cluster);
  const nemesis = new Nemesis(cluster, admin);
  const workload = new Workload({ ...plan, world, servers: cluster.servers });
  cluster.start();
  workload.start((number) => new SimClient(number, workload));
  const streams = new StreamClients(cluster);
  streams.start();
  nemesis.start();
  watchHashes(cluster, plan.ticks * tickMs);
  new LeaseWatch(cluster).start();

  const hasFailed = (): boolean => cluster.hasFailed;
  await world.run(hasFailed, plan.ticks * tickMs);
  nemesis.stop();
  workload.stop();
  streams.stop();
  if (!hasFailed()) await world.run(() => hasFailed() || workload.isIdle, world.nowMs + drainMs);
  if (!hasFailed()) await healCluster(cluster, { admin, workload, streams });

  const violations = [...cluster.violations, ...found(cluster), ...judge(workload.history)];
  const unknown = workload.history.filter(({ returnMs }) => returnMs === undefined).length;
  cluster.counters.add("unknownOutcome", unknown);
  cluster.counters.add("hashCompared", cluster.hashes.compared);
  cluster.counters.add("watchEvent", streams.compared);
  return {
    seed: plan.seed,
    members: plan.members,
    ticks: Math.round(world.nowMs / tickMs),
    operations: workload.operations,
    answered: workload.answered,
    events: world.eventsRun,
    counters: cluster.counters.values(),
    trace: world.trace.sum,
    violations,
    history: workload.history,
  };
}

/** What the checkers inside of the run have found. */
function found(cluster: SimCluster): readonly string[] {
  return [...cluster.checker.violations, ...cluster.votes.violations, ...cluster.hashes.violations];
}

function judge(history: readonly HistoryEvent[]): readonly string[] {
  const violations: string[] = [];
  const revisions = checkRevisions(history);
  if (revisions.kind === "violation") violations.push(`revisions: ${revisions.report}`);
  const verdict = checkLinearizable(history);
  if (verdict.kind === "violation") {
    violations.push(`not linearizable in ${verdict.key}:\n${verdict.report}`);
  }
  return violations;
}

function describePlan(plan: Plan): string {
  const { seed, members, ticks, clients, keys, usesGrpc, faults } = plan;
  const kinds = faults.map(({ kind, meanMs }) => `${kind}/${meanMs / 1000}s`).join(" ");
  return (
    `seed=${seed} members=${members} ticks=${ticks} clients=${clients} keys=${keys} grpc=${usesGrpc} ` +
    `network=${JSON.stringify(plan.network)} machine=${JSON.stringify(plan.machine)} ` +
    `tuning=${JSON.stringify(plan.tuning)} faults=${kinds === "" ? "none" : kinds}`
  );
}
