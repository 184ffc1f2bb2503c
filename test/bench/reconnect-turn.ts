/**
 * A thousand clients of a three-member cluster lose their connections and come back at once, over mutual TLS, while an open loop of writes goes on:
 * how long until all are connected, what the writes wait for meanwhile, and whether the cluster keeps its leader. All come to the leader, who is the
 * one that must not be late with its heartbeats.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { certificates } from "./certificates.ts";
import type { Contender } from "./contender.ts";
import { drive, probe } from "./drive.ts";
import type { LoadReport } from "./load-report.ts";
import { type Measurement, measurementOf } from "./measurement.ts";
import { grownBy, largestOf, metricsOf, type Samples } from "./member-metrics.ts";
import { Storm, type Wave } from "./storm.ts";
import { ThreeMembers } from "./three-members.ts";
import { type Aim, aimFlags, inTurn, regionKeys, type TurnPlan } from "./turn-plan.ts";
import type { Workload } from "./workload.ts";

const arrivalsPerSecond = 1000;
const connections = 10;
const streams = 4096;
const clients = { full: 1000, short: 50 };
/** From the start of the window to the moment when the clients lose their connections. */
const calmMs = 500;
const keys = 1000;

export async function runReconnectTurn(plan: TurnPlan): Promise<Measurement[]> {
  const tls = certificates();
  const cluster = await ThreeMembers.create(plan.contender, plan.options.dir, { tls });
  const obituary = (): string | undefined => cluster.obituary();
  return inTurn(plan, {
    begin: async () => {
      cluster.start();
      for (const { target } of cluster.members) await probe(plan, { target, obituary, tls });
    },
    measure: ({ workload }) => measure(plan, cluster, workload),
    obituary,
    end: () => cluster.dispose(),
  });
}

async function measure(
  plan: TurnPlan,
  cluster: ThreeMembers,
  workload: Workload,
): Promise<Measurement> {
  const order = await cluster.leaderFirst();
  const [leader] = order;
  if (leader === undefined) throw new Error("a cluster without members");
  const aim: Aim = {
    targets: [leader.target],
    pids: order.map(({ pid }) => pid),
    preload: keys,
    memory: () => cluster.memory(),
    obituary: () => cluster.obituary(),
    tls: certificates(),
  };
  const count = plan.options.short ? clients.short : clients.full;
  const calm = await load(plan, aim, 0);
  const storm = await Storm.start(leader.target, certificates(), count);
  try {
    const before = await stateOf(cluster, leader);
    const [report, wave] = await Promise.all([load(plan, aim, 1), waveIn(plan, storm)]);
    const after = await stateOf(cluster, leader);
    const { problems } = await cluster.settle();
    const measurement = measurementOf(workload, report, cluster.memory(), arrivalsPerSecond);
    const found = judged(plan, { before, after, wave, count });
    return {
      ...measurement,
      value: wave.millisAll / 1000,
      problems: [...measurement.problems, ...problems, ...found.problems],
      remarks: [remarkOf(calm, report, wave), ...found.remarks],
    };
  } finally {
    storm.stop();
  }
}

function load(plan: TurnPlan, aim: Aim, region: number): Promise<LoadReport> {
  const { seconds, warmupSeconds } = plan.options;
  return drive(plan, aim, [
    "put",
    ...aimFlags(aim),
    `--connections=${connections}`,
    `--streams=${streams}`,
    `--rate=${arrivalsPerSecond}`,
    `--warmup=${warmupSeconds}s`,
    `--duration=${seconds}s`,
    `--key-offset=${keys + region * regionKeys}`,
    `--key-space=${regionKeys}`,
  ]);
}

async function waveIn(plan: TurnPlan, storm: Storm): Promise<Wave> {
  await sleep(plan.options.warmupSeconds * 1000 + calmMs);
  return storm.again();
}

interface State {
  readonly leader: string;
  readonly term: number;
  /** Of the member that led at first. */
  readonly samples: Samples;
}

async function stateOf(cluster: ThreeMembers, member: Contender): Promise<State> {
  const [leader] = await cluster.leaderFirst();
  const samples = await metricsOf(member.target, certificates());
  return { leader: leader?.target ?? "", term: await cluster.term(), samples };
}

interface Seen {
  readonly before: State;
  readonly after: State;
  readonly wave: Wave;
  readonly count: number;
}

/** An election makes the run of ours INVALID, and is told of etcd's. */
function judged(
  plan: TurnPlan,
  { before, after, wave, count }: Seen,
): { problems: string[]; remarks: string[] } {
  const problems: string[] = [];
  const remarks: string[] = [];
  if (wave.connected !== count) problems.push(`only ${wave.connected} of ${count} came back`);
  if (wave.lost > 0) problems.push(`${wave.lost} connections had ended before`);
  const elections = after.term - before.term;
  if (elections !== 0 || before.leader !== after.leader) {
    const text = `${elections} elections, the leader ${before.leader === after.leader ? "is the same" : "is another one"}`;
    (plan.contender === "etcd" ? remarks : problems).push(text);
  } else remarks.push("no election");
  const late = grownBy("etcd_server_heartbeat_send_failures_total", before.samples, after.samples);
  remarks.push(`${late} heartbeats of the leader were late`);
  const delay = largestOf("etcd_ts_event_loop_delay_seconds", before.samples, after.samples);
  if (delay !== undefined)
    remarks.push(
      `the leader's event loop, which sends them, was never later than ${delay * 1000} ms`,
    );
  return { problems, remarks: [remarks.join(", ")] };
}

function remarkOf(calm: LoadReport, report: LoadReport, wave: Wave): string {
  const ms = (micros: number): string => (micros / 1000).toFixed(2);
  const { latencyMicros: quiet } = calm;
  const { latencyMicros: during } = report;
  return (
    `all ${wave.connected} connected after ${wave.millisAll.toFixed(0)} ms (half of them after ${wave.millisP50.toFixed(0)} ms), ` +
    `${wave.failed} attempts failed${wave.error === undefined ? "" : ` (${wave.error})`}; put p99 ${ms(quiet.p99)} ms before and ` +
    `${ms(during.p99)} ms with it, largest ${ms(quiet.max)} and ${ms(during.max)} ms`
  );
}
