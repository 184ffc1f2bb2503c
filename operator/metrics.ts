/** The operator's metrics. The one place of the operator that knows prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import type { ClusterLabels, ReconcileMetrics } from "./controller/metrics-port.ts";

const clusterLabelNames = ["namespace", "cluster"];

export class OperatorMetrics implements ReconcileMetrics {
  private readonly registry = new Registry();
  private depth: () => number = () => 0;
  private readonly reconciles = new Counter({
    name: "etcd_ts_operator_reconcile_total",
    help: "Looks at a cluster, by what they came to.",
    labelNames: ["result"],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: "etcd_ts_operator_reconcile_duration_seconds",
    help: "Time of one look at a cluster, with its step and the status written.",
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  private readonly members = new Gauge({
    name: "etcd_ts_cluster_members",
    help: "EtcdMembers of the cluster.",
    labelNames: clusterLabelNames,
    registers: [this.registry],
  });
  private readonly readyMembers = new Gauge({
    name: "etcd_ts_cluster_ready_members",
    help: "Members of the cluster whose pod is ready.",
    labelNames: clusterLabelNames,
    registers: [this.registry],
  });
  private readonly leader = new Gauge({
    name: "etcd_ts_operator_leader",
    help: "1 while this process may change clusters.",
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    // prom-client's own watch of the event loop says "Nan" before it has seen anything.
    for (const { name } of this.registry.getMetricsAsArray()) {
      if (name.startsWith("nodejs_eventloop_lag")) this.registry.removeSingleMetric(name);
    }
    const depth: Gauge = new Gauge({
      name: "etcd_ts_operator_workqueue_depth",
      help: "Clusters that wait for a worker.",
      registers: [this.registry],
      collect: () => depth.set(this.depth()),
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The exposition. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  reconciled(result: string, seconds: number): void {
    this.reconciles.inc({ result });
    this.durations.observe(seconds);
  }

  cluster(labels: ClusterLabels, seen: { readonly members: number; readonly ready: number }): void {
    this.members.set({ ...labels }, seen.members);
    this.readyMembers.set({ ...labels }, seen.ready);
  }

  forget(labels: ClusterLabels): void {
    this.members.remove({ ...labels });
    this.readyMembers.remove({ ...labels });
  }

  readQueueDepth(read: () => number): void {
    this.depth = read;
  }

  leading(isLeading: boolean): void {
    this.leader.set(isLeading ? 1 : 0);
  }
}
