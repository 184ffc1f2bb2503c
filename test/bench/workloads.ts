/**
 * The table of workloads: what each one does, how its result is read, and its gate (the promise of the project's
 * performance table). Order matters: reads come first, while both servers hold the same keys; those that add keys
 * in their own region of the key space come after, the open loop behind the closed loop its rate is taken from.
 */

/** Our figure divided by etcd's must be at least, or at most, this. */
export interface Gate {
  bound: "atLeast" | "atMost";
  ratio: number;
}

export type Unit = "ops/s" | "p99 ms" | "s" | "MiB";

export type WorkloadName =
  | "fill"
  | "memory"
  | "restart"
  | "range-1x1"
  | "range-linearizable-10x100"
  | "range-serializable-10x100"
  | "range-1000-keys"
  | "put-1x1"
  | "put-10x100"
  | "put-open-loop"
  | "put-100x10"
  | "put-compacted-10x100"
  | "txn-10x100";

export interface Workload {
  name: WorkloadName;
  what: string;
  unit: Unit;
  gate: Gate | undefined;
  /** Mode and flags for the load generator; absent where the runner measures by itself. */
  load?: {
    mode: "put" | "txn" | "range";
    connections: number;
    streams: number;
    flags?: readonly string[];
  };
  /** While the load runs, all but the newest revisions are compacted again and again. */
  compacts?: boolean;
  /** Arrivals at a fixed rate, half of what etcd did in this workload. */
  halfRateOf?: WorkloadName;
}

const atLeast = (ratio: number): Gate => ({ bound: "atLeast", ratio });
const atMost = (ratio: number): Gate => ({ bound: "atMost", ratio });

export const workloads: readonly Workload[] = [
  {
    name: "fill",
    what: "load the keys, 10 connections, 100 calls in flight on each",
    unit: "ops/s",
    gate: undefined,
  },
  { name: "memory", what: "resident set after that", unit: "MiB", gate: atMost(1.5) },
  {
    name: "restart",
    what: "start over those keys until a linearizable read answers",
    unit: "s",
    gate: atMost(1.2),
  },
  {
    name: "range-1x1",
    what: "linearizable range of one key, one client",
    unit: "ops/s",
    gate: undefined,
    load: { mode: "range", connections: 1, streams: 1 },
  },
  {
    name: "range-linearizable-10x100",
    what: "linearizable range of one key",
    unit: "ops/s",
    gate: atLeast(3),
    load: { mode: "range", connections: 10, streams: 100 },
  },
  {
    name: "range-serializable-10x100",
    what: "serializable range of one key",
    unit: "ops/s",
    gate: atLeast(3),
    load: { mode: "range", connections: 10, streams: 100, flags: ["--serializable"] },
  },
  {
    name: "range-1000-keys",
    what: "linearizable range of 1,000 keys, 20 clients",
    unit: "ops/s",
    gate: atLeast(1.5),
    load: { mode: "range", connections: 20, streams: 1, flags: ["--range-keys", "1000"] },
  },
  {
    name: "put-1x1",
    what: "put, one client",
    unit: "ops/s",
    gate: atLeast(1),
    load: { mode: "put", connections: 1, streams: 1 },
  },
  {
    name: "put-10x100",
    what: "put, 10 connections, 100 calls in flight on each",
    unit: "ops/s",
    gate: atLeast(3),
    load: { mode: "put", connections: 10, streams: 100 },
  },
  {
    name: "put-open-loop",
    what: "put at half of the rate that etcd reached in put-10x100, latency from the intended arrival",
    unit: "p99 ms",
    gate: atMost(1),
    load: { mode: "put", connections: 10, streams: 100 },
    halfRateOf: "put-10x100",
  },
  {
    name: "put-100x10",
    what: "put, 100 connections, 10 calls in flight on each",
    unit: "ops/s",
    gate: atLeast(3),
    load: { mode: "put", connections: 100, streams: 10 },
  },
  {
    name: "put-compacted-10x100",
    what: "put over 200,000 keys again and again, compacted every 5 s",
    unit: "ops/s",
    gate: atLeast(3),
    load: {
      mode: "put",
      connections: 10,
      streams: 100,
      flags: ["--overwrite", "--key-offset=1", "--key-space=200000"],
    },
    compacts: true,
  },
  {
    name: "txn-10x100",
    what: "create a key: if absent then put, else get",
    unit: "ops/s",
    gate: atLeast(2.5),
    load: { mode: "txn", connections: 10, streams: 100 },
  },
];

export function isWorkloadName(name: string): name is WorkloadName {
  return workloads.some((workload) => workload.name === name);
}

/** The workloads of a run: those asked for, the load that all build on, and what another one takes its rate from. */
export function chooseWorkloads(only: readonly WorkloadName[]): readonly Workload[] {
  if (only.length === 0) return workloads;
  const wanted = new Set<WorkloadName>([...only, "fill"]);
  for (const { name, halfRateOf } of workloads) {
    if (halfRateOf !== undefined && wanted.has(name)) wanted.add(halfRateOf);
  }
  return workloads.filter(({ name }) => wanted.has(name));
}
