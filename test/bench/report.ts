/** The lines that stand below the table: what was measured how, what disturbed it, and what does not count. */
import { machineLine } from "./machine.ts";
import type { Measurement } from "./measurement.ts";
import type { BenchOptions } from "./options.ts";
import type { Row } from "./summary.ts";
import { threePreloadMax } from "./three-turn.ts";
import type { Workload } from "./workload.ts";
import { isThree } from "./workloads.ts";

export interface Results {
  etcd: Measurement[];
  ours: Measurement[];
}

/** Above this share of the machine, what else ran is named below the table. */
const disturbedShare = 0.1;

/** All lines, the machine's first. */
export function linesBelow(
  options: BenchOptions,
  workloads: readonly Workload[],
  results: Results,
  rows: readonly Row[],
): string[] {
  return [
    machineLine(),
    ...notes(options, workloads),
    ...openLoopNotes(results),
    ...(options.ours === "etcd"
      ? ["Self-test: the column etcd-ts is etcd too; each ratio should be near 1."]
      : []),
    ...(options.short ? ["Short form: it checks that all works. Its figures claim nothing."] : []),
    ...cpuLine(rows),
    ...loadGeneratorLine(rows),
    ...disturbedLine(rows),
    ...rows.flatMap((row) => row.remarks).map((remark) => `NOTE: ${remark}`),
    ...rows.flatMap((row) => row.problems).map((problem) => `INVALID: ${problem}`),
  ];
}

/** What must be known to read the figures of these workloads. */
export function notes(options: BenchOptions, workloads: readonly Workload[]): string[] {
  const { preload, failovers } = options;
  const lines = [
    `Ratio is etcd-ts / etcd, by the medians of ${options.rounds} round(s) in turns; pairs read etcd / etcd-ts.`,
  ];
  const isLoaded = ({ failover, reconnects }: Workload) =>
    failover === undefined && reconnects !== true;
  if (workloads.some(isLoaded)) {
    const three = Math.min(preload, threePreloadMax);
    const keys = [
      ...(workloads.every(isThree) ? [] : [preload.toLocaleString("en-US")]),
      ...(workloads.some(({ clients }) => clients !== undefined)
        ? [`${three.toLocaleString("en-US")} (three members)`]
        : []),
    ];
    lines.push(
      `${keys.join(" or ")} keys of 44 bytes with 256 random bytes each loaded once per server and ` +
        `round; every window ${options.seconds} s after ${options.warmupSeconds} s of warm-up. Keys put in a window are new ` +
        "and stay, so the faster server carries more keys into the workloads that come later.",
      "Every answer is checked, and after each run the revision equals the acknowledged writes. CPU is the server's, all " +
        "threads; the load generator shares the machine. grpc-timeout differs per call; fsync is on; plain text, " +
        "but for the rows that end in mtls.",
    );
  }
  if (workloads.some(({ load }) => load?.mode === "watch")) {
    lines.push(
      "watch-*: latency is from a put to each of its events; a put is followed by the next one when its last event is there. " +
        "Every watch must see each version of its key once, in order, and no event may be missing at the end. CPU is per event.",
    );
  }
  if (workloads.some(({ load }) => load?.mode === "keep-alive")) {
    lines.push(
      "lease-*: every answer must be that of the oldest renewal without one on its stream, and tell the whole time to live.",
    );
  }
  if (workloads.some(({ clients }) => clients !== undefined)) {
    lines.push(
      "three-*: three processes of one contender on this machine and disk; CPU and resident memory are of all three " +
        "together. After each run all members have the same revision and the same HashKV.",
    );
  }
  if (workloads.some(({ failover }) => failover !== undefined)) {
    lines.push(
      `three-kill-*, three-stop-*: ${failovers} in each round, under 1,000 writes per second through all members; medians ` +
        "over all of them, and p99 of so few is their largest. A kill is timed to the first acknowledgement of a write that " +
        "was sent after it; of a stop it is the longest time in which no write was acknowledged. A call may end without a " +
        "result then; each acknowledged write must be in all three members afterwards, with the same HashKV.",
    );
  }
  if (workloads.some(({ reconnects }) => reconnects === true)) {
    lines.push(
      "three-reconnect-1000-mtls: the time from the moment when all clients lose their connections until the server has answered on each " +
        "new one, after a whole handshake; the clients, a Go program, share the machine. Latencies are of the puts in that window.",
    );
  }
  return lines;
}

function openLoopNotes(results: Results): string[] {
  const open = results.etcd.filter((m) => m.rate > 0);
  const rates = new Map(open.map(({ workload, rate }) => [workload, rate]));
  return [...rates].map(
    ([name, rate]) =>
      `${name}: Poisson arrivals, ${rate.toLocaleString("en-US")} per second for both.`,
  );
}

/** On a machine with other users this says more than throughput: what an operation costs hardly depends on who else runs. */
function cpuLine(rows: readonly Row[]): string[] {
  const ratios = rows
    .map(({ name, etcd, ours }) => ({ name, ratio: etcd.cpuMicros / ours.cpuMicros }))
    .filter(({ ratio }) => Number.isFinite(ratio))
    .map(({ name, ratio }) => `${name} ${ratio.toFixed(2)} ×`);
  if (ratios.length === 0) return [];
  return [`CPU of etcd per operation, as a multiple of etcd-ts's: ${ratios.join(", ")}`];
}

function loadGeneratorLine(rows: readonly Row[]): string[] {
  const micros = (value: number) => (Number.isNaN(value) ? "–" : value.toFixed(1));
  const shares = rows
    .filter(
      ({ etcd, ours }) => !(Number.isNaN(etcd.loadCpuMicros) && Number.isNaN(ours.loadCpuMicros)),
    )
    .map(
      ({ name, etcd, ours }) =>
        `${name} ${micros(etcd.loadCpuMicros)} / ${micros(ours.loadCpuMicros)}`,
    );
  return shares.length === 0 ? [] : [`Load generator's own CPU, µs/op: ${shares.join(", ")}`];
}

function disturbedLine(rows: readonly Row[]): string[] {
  const percent = (share: number) => (share * 100).toFixed(0);
  const disturbed = rows
    .filter((row) => Math.max(row.etcd.othersShare, row.ours.othersShare) > disturbedShare)
    .map(
      (row) => `${row.name} ${percent(row.etcd.othersShare)} / ${percent(row.ours.othersShare)}`,
    );
  if (disturbed.length === 0) return [];
  return [
    `DISTURBED, other processes had this much of the machine (%, worst round): ${disturbed.join(", ")}`,
  ];
}
