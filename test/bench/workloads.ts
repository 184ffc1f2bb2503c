/**
 * The table of workloads on one member, and the choice among all: what each one does, how its result is read, and its gate (the promise of the project's
 * performance table). Order matters: reads come first, while both servers hold the same keys; those that add keys
 * in their own region of the key space come after, the open loop behind the closed loop its rate is taken from.
 */

import { threeWorkloads } from "./three-workloads.ts";
import { atLeast, atMost, type Workload, type WorkloadName } from "./workload.ts";

/** One member. */
const loneWorkloads: readonly Workload[] = [
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
  {
    name: "watch-1000-one-key",
    what: "1,000 watches of one key, 10 on each of 10 streams of 10 connections; 10 puts in flight up to their last event",
    unit: "events/s",
    gate: atLeast(2),
    load: { mode: "watch", connections: 10, streams: 10, flags: ["--watches=10"] },
  },
  {
    name: "watch-10000-one-stream",
    what: "10,000 watches of a key each on one stream; 1,000 puts in flight up to their event",
    unit: "events/s",
    gate: atLeast(2),
    load: {
      mode: "watch",
      connections: 1,
      streams: 1,
      flags: ["--watches=10000", "--watch-keys=10000", "--put-connections=10", "--put-streams=100"],
    },
  },
  {
    name: "lease-keep-alive",
    what: "10,000 leases renewed in turn on 10 streams, 100 renewals in flight on each",
    unit: "ops/s",
    gate: atLeast(1),
    load: { mode: "keep-alive", connections: 10, streams: 1 },
  },
  {
    name: "lease-open-loop",
    what: "10,000 leases of 15 s renewed each every 5 s on 10 streams, latency from the intended moment",
    unit: "p99 ms",
    gate: undefined,
    load: { mode: "keep-alive", connections: 10, streams: 1, flags: ["--ttl=15"] },
    rate: 2000,
  },
  {
    name: "defrag-open-loop",
    what: "put at half of the rate that etcd reached in put-10x100, while a store with half garbage is defragmented",
    unit: "p99 ms",
    gate: atMost(1),
    load: { mode: "put", connections: 10, streams: 100 },
    halfRateOf: "put-10x100",
    defragments: true,
  },
];

/** One member over mutual TLS. */
const secureWorkloads: readonly Workload[] = [
  ...(
    [
      [10, 100],
      [100, 10],
    ] as const
  ).map(
    ([connections, streams]): Workload => ({
      name: connections === 10 ? "put-10x100-mtls" : "put-100x10-mtls",
      what: `put over mutual TLS, ${connections} connections, ${streams} calls in flight on each`,
      unit: "ops/s",
      gate: atLeast(4),
      load: { mode: "put", connections, streams },
      isSecure: true,
    }),
  ),
];

export const workloads: readonly Workload[] = [
  ...loneWorkloads,
  ...secureWorkloads,
  ...threeWorkloads,
];

export function isWorkloadName(name: string): name is WorkloadName {
  return workloads.some((workload) => workload.name === name);
}

export const isThree = (workload: Workload): boolean =>
  workload.clients !== undefined || workload.failover !== undefined || workload.reconnects === true;

export interface Choice {
  /** Empty for all. */
  only: readonly WorkloadName[];
  /** Without `only`: of how many members; undefined for both. */
  members: 1 | 3 | undefined;
  short: boolean;
}

/** The workloads of a run: those asked for, the load that all build on, and what another one takes its rate from. */
export function chooseWorkloads({ only, members, short }: Choice): readonly Workload[] {
  if (only.length === 0) {
    return workloads.filter((workload) => {
      if (short && workload.isInShort === false) return false;
      return members === undefined || isThree(workload) === (members === 3);
    });
  }
  const wanted = new Set<WorkloadName>(only);
  for (const { name, clients, failover, halfRateOf, isSecure, reconnects } of workloads) {
    if (!wanted.has(name)) continue;
    if (halfRateOf !== undefined) wanted.add(halfRateOf);
    const loadsByItself = failover !== undefined || isSecure === true || reconnects === true;
    if (!loadsByItself) wanted.add(clients === undefined ? "fill" : "three-fill");
  }
  return workloads.filter(({ name }) => wanted.has(name));
}
