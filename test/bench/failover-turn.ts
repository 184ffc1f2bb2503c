/**
 * The leader of three members is killed, or told to stop, under an open loop of writes, again and again: how long until
 * the others acknowledge writes. It is started again before the next time, and all members must then hold the same. The
 * load generator sends the signal itself, so that one clock measures all.
 *
 * An open loop, because the calls of a closed one would soon all wait for proposals that died with the leader.
 */
import type { Contender } from "./contender.ts";
import { drive, probe } from "./drive.ts";
import { failoverProblemsOf, type LoadReport, lostKeysIn } from "./load-report.ts";
import { type Measurement, othersShareOf, sampledMeasurement } from "./measurement.ts";
import { keyIdsFrom } from "./member-status.ts";
import { obituaryOf, ThreeMembers } from "./three-members.ts";
import { aimFlags, describe, owed, regionKeys, type TurnPlan } from "./turn-plan.ts";
import type { Failover, Workload } from "./workload.ts";

const arrivalsPerSecond = 1000;
/** Two to each member. */
const connections = 6;
/** In flight on each: all that arrive while nobody leads. */
const streams = 4096;
/** Before the signal. */
const calmMs = 1000;
/** After that a cluster is taken to be lost. */
const giveUpSeconds = 30;
/** Ids below; each time has a region of the key space above. */
const keys = 1000;

/** The measurements of the turn, in order; workloads with the same time-outs share a cluster. */
export async function runFailoverTurn(plan: TurnPlan): Promise<Measurement[]> {
  const timeouts = Map.groupBy(plan.workloads, ({ failover }) => failover?.electionMs);
  const done: Measurement[] = [];
  for (const workloads of timeouts.values()) {
    if (plan.signal.aborted) done.push(...owed(workloads, "interrupted"));
    else done.push(...(await withTimeouts(plan, workloads)));
  }
  return done;
}

async function withTimeouts(
  plan: TurnPlan,
  workloads: readonly Workload[],
): Promise<Measurement[]> {
  const how = howOf(workloads[0]);
  const flags = [`--heartbeat-interval=${how.heartbeatMs}`, `--election-timeout=${how.electionMs}`];
  const cluster = await ThreeMembers.create(plan.contender, plan.options.dir, { flags });
  const done: Measurement[] = [];
  try {
    cluster.start();
    for (const member of cluster.members) await ready(plan, member);
    for (const [position, workload] of workloads.entries()) {
      const measurement = await measure(plan, cluster, { workload, position });
      done.push(measurement);
      plan.progress(describe(measurement));
    }
  } catch (error) {
    // A member that was killed on purpose has an obituary too, so it does not stand for the reason.
    const message = error instanceof Error ? error.message : String(error);
    const reason = [message, cluster.obituary() ?? ""].filter((text) => text !== "").join("; ");
    plan.progress(`INVALID: ${reason}`);
    done.push(...owed(workloads.slice(done.length), reason));
  } finally {
    await cluster.dispose();
  }
  return done;
}

function howOf(workload: Workload | undefined): Failover {
  if (workload?.failover === undefined) throw new Error("a workload without a fail-over");
  return workload.failover;
}

async function measure(
  plan: TurnPlan,
  cluster: ThreeMembers,
  { workload, position }: { workload: Workload; position: number },
): Promise<Measurement> {
  const samples: number[] = [];
  const problems: string[] = [];
  const lost: number[] = [];
  let othersShare = 0;
  for (let time = 0; time < plan.options.failovers; time += 1) {
    const region = position * plan.options.failovers + time;
    const { report, wrong } = await once(plan, cluster, { workload, region });
    problems.push(...wrong);
    const sample = sampleOf(workload, report);
    if (sample >= 0) samples.push(sample);
    lost.push(report.lost ?? 0);
    plan.progress(`${workload.name}: ${describeOne(report)}`);
    othersShare = Math.max(othersShare, othersShareOf(report));
  }
  const measurement = sampledMeasurement(workload, samples, cluster.memory(), problems);
  const remarks = [`calls without a result, each time: ${lost.join(", ")}`];
  return { ...measurement, othersShare, remarks };
}

interface Once {
  report: LoadReport;
  /** With the run, and with the stores of all members when the one that went is back. */
  wrong: readonly string[];
}

async function once(
  plan: TurnPlan,
  cluster: ThreeMembers,
  { workload, region }: { workload: Workload; region: number },
): Promise<Once> {
  const order = await cluster.leaderFirst();
  const [leader, ...others] = order;
  if (leader === undefined) throw new Error("a cluster without members");
  const aim = {
    targets: order.map(({ target }) => target),
    pids: order.map(({ pid }) => pid),
    preload: keys,
    memory: () => cluster.memory(),
    obituary: () => obituaryOf(others),
  };
  const offset = keys + region * regionKeys;
  const report = await drive(plan, aim, [
    "put",
    ...aimFlags(aim),
    `--connections=${connections}`,
    `--streams=${streams}`,
    `--rate=${arrivalsPerSecond}`,
    "--warmup=0s",
    `--duration=${giveUpSeconds}s`,
    `--key-offset=${offset}`,
    `--key-space=${regionKeys}`,
    `--signal=${howOf(workload).signal}`,
    `--signal-pid=${leader.pid}`,
    `--signal-after=${calmMs}ms`,
  ]);
  await leader.stop();
  leader.start();
  await ready(plan, leader);
  const { revision, problems } = await cluster.settle();
  const lostKeys = lostKeysIn(report, await keyIdsFrom(leader.target, offset));
  return { report, wrong: [...failoverProblemsOf(report, revision), ...problems, ...lostKeys] };
}

/** After a kill the time to the first acknowledgement, after a stop the longest time without one. */
function sampleOf(workload: Workload, { failover }: LoadReport): number {
  if (failover === undefined) return -1;
  return howOf(workload).signal === "KILL" ? failover.firstAckMillis : failover.longestGapMillis;
}

async function ready(plan: TurnPlan, member: Contender): Promise<void> {
  await probe(plan, { target: member.target, obituary: () => member.obituary() });
}

function describeOne({ failover, lost = 0, lostTexts = {} }: LoadReport): string {
  if (failover === undefined) return "no figures";
  const { firstAckMillis, longestGapMillis, longestGapAtMillis, processGoneMillis } = failover;
  const texts = Object.entries(lostTexts).map(([text, count]) => `${count} × ${text}`);
  const figures = [
    `first write ${firstAckMillis.toFixed(1)} ms after the signal`,
    `longest gap ${longestGapMillis.toFixed(1)} ms, ${longestGapAtMillis.toFixed(1)} ms after it`,
    `process gone after ${processGoneMillis.toFixed(0)} ms`,
    `${lost} calls without a result${texts.length > 0 ? ` (${texts.join("; ")})` : ""}`,
  ];
  return figures.join(", ");
}
