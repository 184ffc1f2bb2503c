/**
 * The workloads on three members. Every one runs with clients on all members in turn, and most also with clients on the
 * leader alone; then the leader is killed, or told to stop, again and again. The runs before come in the same order of
 * reads, writes and open loop as those on one member.
 */
import {
  atLeast,
  atMost,
  type Clients,
  type Failover,
  type Workload,
  type WorkloadName,
} from "./workload.ts";

const putGate = atLeast(2);
/** Not slower, but for the luck of ten draws: the median of both moves by some 7 %, as election time-outs are random. */
const killGate = atMost(1.2);
/** Some milliseconds either way; a leader that does not hand over costs a whole time-out, more than fifty times that. */
const stopGate = atMost(3);

const whom: Readonly<Record<Clients, string>> = {
  all: "clients on all members in turn",
  leader: "clients on the leader",
  follower: "client on a follower",
};

const steady: readonly Workload[] = [
  {
    name: "three-fill",
    what: "three members: load the keys, 10 connections, 100 calls in flight on each",
    unit: "ops/s",
    gate: undefined,
    clients: "all",
  },
  range("all"),
  range("leader"),
  putOne("leader"),
  putOne("follower"),
  put("all", putGate),
  openLoop("all", "three-put-all-10x100"),
  put("leader", putGate),
  openLoop("leader", "three-put-leader-10x100"),
  txn("all"),
  txn("leader"),
];

const failovers: readonly Workload[] = [
  failover("three-kill-leader-1000ms", { signal: "KILL", heartbeatMs: 100, electionMs: 1000 }),
  failover("three-stop-leader-1000ms", { signal: "TERM", heartbeatMs: 100, electionMs: 1000 }),
  failover("three-kill-leader-100ms", { signal: "KILL", heartbeatMs: 10, electionMs: 100 }),
  failover("three-stop-leader-100ms", { signal: "TERM", heartbeatMs: 10, electionMs: 100 }),
];

const reconnect: Workload = {
  name: "three-reconnect-1000-mtls",
  what: "three members: 1,000 clients of the leader come back at once over mutual TLS, under 1,000 puts per second, until all are connected",
  unit: "s",
  gate: undefined,
  reconnects: true,
  isInShort: false,
};

export const threeWorkloads: readonly Workload[] = [...steady, ...failovers, reconnect];

function range(clients: "all" | "leader"): Workload {
  return {
    name: `three-range-${clients}-10x100`,
    what: `three members: linearizable range of one key, ${whom[clients]}`,
    unit: "ops/s",
    gate: undefined,
    load: { mode: "range", connections: 10, streams: 100 },
    clients,
    isInShort: clients === "all",
  };
}

function putOne(clients: "leader" | "follower"): Workload {
  return {
    name: `three-put-${clients}-1x1`,
    what: `three members: put, one ${whom[clients].replace(/^clients?/, "client")}`,
    unit: "ops/s",
    gate: undefined,
    load: { mode: "put", connections: 1, streams: 1 },
    clients,
    isInShort: false,
  };
}

function put(clients: "all" | "leader", gate: Workload["gate"]): Workload {
  return {
    name: `three-put-${clients}-10x100`,
    what: `three members: put, ${whom[clients]}`,
    unit: "ops/s",
    gate,
    load: { mode: "put", connections: 10, streams: 100 },
    clients,
    isInShort: clients === "all",
  };
}

function openLoop(clients: "all" | "leader", halfRateOf: WorkloadName): Workload {
  return {
    name: `three-put-${clients}-open-loop`,
    what: `three members: put at half of the rate that etcd reached in ${halfRateOf}`,
    unit: "p99 ms",
    gate: atMost(1),
    load: { mode: "put", connections: 10, streams: 100 },
    halfRateOf,
    clients,
    isInShort: false,
  };
}

function txn(clients: "all" | "leader"): Workload {
  return {
    name: `three-txn-${clients}-10x100`,
    what: `three members: create a key, ${whom[clients]}`,
    unit: "ops/s",
    gate: undefined,
    load: { mode: "txn", connections: 10, streams: 100 },
    clients,
    isInShort: false,
  };
}

function failover(name: WorkloadName, how: Failover): Workload {
  const timeouts = `heartbeat ${how.heartbeatMs} ms, election ${how.electionMs} ms`;
  const what =
    how.signal === "KILL"
      ? `kill -9 of the leader under load until the others acknowledge a write sent after it; ${timeouts}`
      : `SIGTERM to the leader under load: longest time without an acknowledged write; ${timeouts}`;
  return {
    name,
    what: `three members: ${what}`,
    unit: "ms",
    gate: how.signal === "KILL" ? killGate : stopGate,
    failover: how,
    isInShort: name === "three-kill-leader-1000ms",
  };
}
