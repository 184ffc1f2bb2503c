/**
 * The turn of three members of one contender: keys loaded once, then every steady workload against them. After each run
 * that wrote, all members must have the same revision, which is that of the acknowledged writes, and the same HashKV.
 */
import type { Contender } from "./contender.ts";
import { drive, probe } from "./drive.ts";
import { type Measurement, measurementOf } from "./measurement.ts";
import { ThreeMembers } from "./three-members.ts";
import { type Aim, fill, inTurn, loadArguments, type Step, type TurnPlan } from "./turn-plan.ts";
import type { Clients } from "./workload.ts";

/** Every key is stored three times and hashed after each run. */
export const threePreloadMax = 100_000;

/** The measurements of the turn, in order. A member that dies ends the turn; what it still owed is INVALID. */
export async function runThreeTurn(plan: TurnPlan): Promise<Measurement[]> {
  const cluster = await ThreeMembers.create(plan.contender, plan.options.dir);
  const obituary = (): string | undefined => cluster.obituary();
  return inTurn(plan, {
    begin: async () => {
      cluster.start();
      for (const { target } of cluster.members) await probe(plan, { target, obituary });
    },
    measure: (step) => measure(plan, cluster, step),
    obituary,
    end: () => cluster.dispose(),
  });
}

async function measure(plan: TurnPlan, cluster: ThreeMembers, step: Step): Promise<Measurement> {
  const { workload } = step;
  const order = await cluster.leaderFirst();
  const aim: Aim = {
    targets: chosen(order, workload.clients ?? "all").map(({ target }) => target),
    pids: order.map(({ pid }) => pid),
    preload: Math.min(plan.options.preload, threePreloadMax),
    memory: () => cluster.memory(),
    obituary: () => cluster.obituary(),
  };
  const measurement =
    workload.name === "three-fill"
      ? await fill(plan, aim, workload)
      : await loaded(plan, aim, step);
  const [leader] = await cluster.leaderFirst();
  const remarks = leader === order[0] ? [] : ["another member leads after the run"];
  const { problems } = await cluster.settle();
  return {
    ...measurement,
    remarks: [...measurement.remarks, ...remarks],
    problems: [...measurement.problems, ...problems],
  };
}

async function loaded(plan: TurnPlan, aim: Aim, step: Step): Promise<Measurement> {
  const { workload } = step;
  const rate = workload.halfRateOf === undefined ? 0 : plan.rateOf(workload, step.soFar);
  const report = await drive(plan, aim, loadArguments(plan.options, aim, step, rate));
  return measurementOf(workload, report, aim.memory(), rate);
}

/** The leader is the first of `order`, and of all members the one that gets a connection too many. */
function chosen(order: readonly Contender[], clients: Clients): readonly Contender[] {
  if (clients === "all") return order;
  return clients === "leader" ? order.slice(0, 1) : order.slice(1, 2);
}
