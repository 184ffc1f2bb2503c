/** The operator's metrics. The one place of the operator that knows prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

import {
  type ClusterLabels,
  type ClusterSight,
  type Deed,
  membershipChanges,
  planKinds,
  quorumStates,
  type ReconcileMetrics,
} from "./controller/metrics-port.ts";

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
  private readonly plans = new Gauge({
    name: "etcd_ts_operator_plan",
    help: "1 for what the last look at the cluster came to: done, a step, a wait, or stuck, where only a person can help.",
    labelNames: [...clusterLabelNames, "kind"],
    registers: [this.registry],
  });
  private readonly quorum = new Gauge({
    name: "etcd_ts_operator_quorum_state",
    help: "1 for what is known of the cluster's quorum: present, unknown (no member tells), lost (it cannot come back by itself), or none (no member runs).",
    labelNames: [...clusterLabelNames, "state"],
    registers: [this.registry],
  });
  private readonly learnerAge = new Gauge({
    name: "etcd_ts_operator_learner_age_seconds",
    help: "Age of the member that is a learner; 0 while there is none.",
    labelNames: clusterLabelNames,
    registers: [this.registry],
  });
  private readonly certificateEnd = new Gauge({
    name: "etcd_ts_operator_certificate_expiry_timestamp_seconds",
    help: "When the CA that issues ends, and the first of the leaves, in seconds since 1970.",
    labelNames: [...clusterLabelNames, "certificate"],
    registers: [this.registry],
  });
  private readonly membershipChanges = new Counter({
    name: "etcd_ts_operator_membership_changes_total",
    help: "Changes of the cluster's members that the operator made.",
    labelNames: [...clusterLabelNames, "change"],
    registers: [this.registry],
  });
  private readonly replacements = new Counter({
    name: "etcd_ts_operator_member_replacements_total",
    help: "Members that were given up for good, to be replaced by new ones.",
    labelNames: clusterLabelNames,
    registers: [this.registry],
  });
  private readonly rolls = new Counter({
    name: "etcd_ts_operator_rolled_pods_total",
    help: "Pods that were ended so that one as asked for takes their place.",
    labelNames: clusterLabelNames,
    registers: [this.registry],
  });
  private readonly leaderMoves = new Counter({
    name: "etcd_ts_operator_leader_moves_total",
    help: "Times that a member was asked to hand over the lead.",
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

  cluster(labels: ClusterLabels, sight: ClusterSight): void {
    this.members.set({ ...labels }, sight.members);
    this.readyMembers.set({ ...labels }, sight.ready);
    for (const kind of planKinds) {
      this.plans.set({ ...labels, kind }, sight.plan === kind ? 1 : 0);
    }
    for (const state of quorumStates) {
      this.quorum.set({ ...labels, state }, sight.quorum === state ? 1 : 0);
    }
    this.learnerAge.set({ ...labels }, sight.learnerSeconds);
    for (const [certificate, end] of [
      ["ca", sight.caEndsAt],
      ["leaf", sight.leafEndsAt],
    ] as const) {
      const at = { ...labels, certificate };
      if (end === undefined) this.certificateEnd.remove(at);
      else this.certificateEnd.set(at, end);
    }
  }

  deed(labels: ClusterLabels, deed: Deed): void {
    switch (deed.kind) {
      case "membership":
        return this.membershipChanges.inc({ ...labels, change: deed.change });
      case "replacement":
        return this.replacements.inc({ ...labels });
      case "roll":
        return this.rolls.inc({ ...labels });
      case "leader-move":
        return this.leaderMoves.inc({ ...labels });
    }
  }

  forget(labels: ClusterLabels): void {
    const { members, readyMembers, learnerAge, replacements, rolls, leaderMoves } = this;
    for (const metric of [members, readyMembers, learnerAge, replacements, rolls, leaderMoves]) {
      metric.remove({ ...labels });
    }
    for (const kind of planKinds) this.plans.remove({ ...labels, kind });
    for (const state of quorumStates) this.quorum.remove({ ...labels, state });
    for (const certificate of ["ca", "leaf"]) {
      this.certificateEnd.remove({ ...labels, certificate });
    }
    for (const change of membershipChanges) this.membershipChanges.remove({ ...labels, change });
  }

  readQueueDepth(read: () => number): void {
    this.depth = read;
  }

  leading(isLeading: boolean): void {
    this.leader.set(isLeading ? 1 : 0);
  }
}
