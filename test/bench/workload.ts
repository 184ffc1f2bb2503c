/** What a workload of the bench is: the row types of the tables in workloads.ts and three-workloads.ts. */

/** Our figure divided by etcd's must be at least, or at most, this. */
export interface Gate {
  bound: "atLeast" | "atMost";
  ratio: number;
}

/** "ms" is a time that the runner took several times, with its samples kept. */
export type Unit = "ops/s" | "events/s" | "p99 ms" | "s" | "MiB" | "ms";

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
  | "txn-10x100"
  | "watch-1000-one-key"
  | "watch-10000-one-stream"
  | "lease-keep-alive"
  | "lease-open-loop"
  | "defrag-open-loop"
  | "put-10x100-mtls"
  | "put-100x10-mtls"
  | "three-reconnect-1000-mtls"
  | ThreeName;

type ThreeName =
  | "three-fill"
  | `three-range-${"all" | "leader"}-10x100`
  | `three-put-${"leader" | "follower"}-1x1`
  | `three-put-${"all" | "leader"}-10x100`
  | `three-put-${"all" | "leader"}-open-loop`
  | `three-txn-${"all" | "leader"}-10x100`
  | `three-${"kill" | "stop"}-leader-${1000 | 100}ms`;

/** Whom the clients of a three-member workload connect to: the members in turn, or one of them. */
export type Clients = "all" | "leader" | "follower";

/** One way to lose the leader. Both contenders get these time-outs. */
export interface Failover {
  signal: "KILL" | "TERM";
  heartbeatMs: number;
  electionMs: number;
}

export interface Workload {
  name: WorkloadName;
  what: string;
  unit: Unit;
  gate: Gate | undefined;
  /** Mode and flags for the load generator; absent where the runner measures by itself. */
  load?: {
    mode: "put" | "txn" | "range" | "watch" | "keep-alive";
    connections: number;
    streams: number;
    flags?: readonly string[];
  };
  /** While the load runs, all but the newest revisions are compacted again and again. */
  compacts?: boolean;
  /** On a server of its own with half garbage, which is defragmented while the load runs. */
  defragments?: boolean;
  /** On a server of its own, over mutual TLS. */
  isSecure?: boolean;
  /** Three members over mutual TLS, to whose leader a thousand clients come back at once. */
  reconnects?: boolean;
  /** Arrivals per second at a fixed rate. */
  rate?: number;
  /** Arrivals at a fixed rate, half of what etcd did in this workload. */
  halfRateOf?: WorkloadName;
  /** Set: three members. */
  clients?: Clients;
  /** Three members with these time-outs, whose leader gets the signal. */
  failover?: Failover;
  /** False: not in the short form, unless --only names it. */
  isInShort?: boolean;
}

export const atLeast = (ratio: number): Gate => ({ bound: "atLeast", ratio });
export const atMost = (ratio: number): Gate => ({ bound: "atMost", ratio });
