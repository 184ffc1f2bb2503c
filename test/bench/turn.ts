/**
 * One server's turn of one round: a fresh directory, the keys loaded once, then every workload against it. The server
 * runs only during its own turn.
 */
import { certificates } from "./certificates.ts";
import { Compactor } from "./compactor.ts";
import { Contender } from "./contender.ts";
import { drive, probe } from "./drive.ts";
import { problemsOf } from "./load-report.ts";
import { type Measurement, measurementOf, plainMeasurement } from "./measurement.ts";
import {
  type Aim,
  aimFlags,
  fill,
  inTurn,
  loadArguments,
  type Step,
  type TurnPlan,
} from "./turn-plan.ts";
import type { Workload } from "./workload.ts";

/** The measurements of the turn, in order. A server that dies ends the turn; what it still owed is INVALID. */
export async function runTurn(plan: TurnPlan): Promise<Measurement[]> {
  const server = await Contender.create(plan.contender, plan.options.dir);
  return turnOf(plan, server, () => Promise.resolve());
}

/** The same over mutual TLS. The keys are loaded as well, but no row tells how long that took. */
export async function runSecureTurn(plan: TurnPlan): Promise<Measurement[]> {
  const server = await Contender.create(plan.contender, plan.options.dir, certificates());
  return turnOf(plan, server, async () => {
    const report = await drive(plan, server, ["fill", ...aimFlags(aimOf(plan, server))]);
    const problems = problemsOf(report);
    if (problems.length > 0) throw new Error(problems.join("; "));
  });
}

function turnOf(
  plan: TurnPlan,
  server: Contender,
  load: () => Promise<void>,
): Promise<Measurement[]> {
  return inTurn(plan, {
    begin: async () => {
      server.start();
      await probe(plan, server);
      await load();
    },
    measure: (step) => measure(plan, server, step),
    obituary: () => server.obituary(),
    end: () => server.dispose(),
  });
}

const aimOf = (plan: TurnPlan, server: Contender): Aim => ({
  targets: [server.target],
  pids: [server.pid],
  preload: plan.options.preload,
  memory: () => server.memory(),
  obituary: () => server.obituary(),
  tls: server.tls,
});

async function measure(plan: TurnPlan, server: Contender, step: Step): Promise<Measurement> {
  const { workload } = step;
  const aim = aimOf(plan, server);
  if (workload.name === "fill") return fill(plan, aim, workload);
  if (workload.name === "memory") return memory(server, workload);
  if (workload.name === "restart") return restart(plan, server, workload);
  const rate =
    workload.halfRateOf === undefined ? (workload.rate ?? 0) : plan.rateOf(workload, step.soFar);
  const compactor = workload.compacts === true ? new Compactor(server.target) : undefined;
  const report = await drive(plan, aim, loadArguments(plan.options, aim, step, rate));
  if (compactor !== undefined) {
    const measurement = measurementOf(workload, report, server.memory(), rate);
    return { ...measurement, problems: [...measurement.problems, ...(await compactor.stop())] };
  }
  return measurementOf(workload, report, server.memory(), rate);
}

function memory(server: Contender, workload: Workload): Measurement {
  const now = server.memory();
  return plainMeasurement(workload, now.resident / 2 ** 20, now);
}

/** A graceful stop, then the time from the start of the process until a linearizable read is answered. */
async function restart(
  plan: TurnPlan,
  server: Contender,
  workload: Workload,
): Promise<Measurement> {
  const before = await probe(plan, server);
  await server.stop();
  const started = performance.now();
  server.start();
  const after = await probe(plan, server);
  const seconds = (performance.now() - started) / 1000;
  const problems =
    before === after ? [] : [`revision ${before} before the restart, ${after} after it`];
  return plainMeasurement(workload, seconds, server.memory(), problems);
}
