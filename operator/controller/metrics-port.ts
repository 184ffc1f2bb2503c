/** What the controller counts; operator/metrics.ts makes Prometheus metrics of it. */

export interface ClusterLabels {
  readonly namespace: string;
  readonly cluster: string;
}

export const planKinds = ["done", "step", "wait", "stuck"] as const;
/**
 * "present": a list was read that a quorum confirmed. "unknown": nobody gave one. "lost": and none can come back by itself. "none": no member runs.
 */
export const quorumStates = ["present", "unknown", "lost", "none"] as const;
export const membershipChanges = ["add_learner", "promote", "remove"] as const;

/** A cluster as it was seen at one look. */
export interface ClusterSight {
  readonly members: number;
  readonly ready: number;
  readonly plan: (typeof planKinds)[number];
  readonly quorum: (typeof quorumStates)[number];
  /** How old the EtcdMember of the oldest learner is; 0 while there is none. */
  readonly learnerSeconds: number;
  /** When they end, in seconds since 1970. Undefined without certificates of ours. */
  readonly caEndsAt: number | undefined;
  readonly leafEndsAt: number | undefined;
}

/** What was carried out. */
export type Deed =
  | { readonly kind: "membership"; readonly change: (typeof membershipChanges)[number] }
  /** A member was given up for good. */
  | { readonly kind: "replacement" }
  /** A Pod was ended so that one as asked for takes its place. */
  | { readonly kind: "roll" }
  | { readonly kind: "leader-move" };

export interface ReconcileMetrics {
  /** One reconcile has ended so, after so many seconds. */
  reconciled(result: string, seconds: number): void;
  cluster(labels: ClusterLabels, sight: ClusterSight): void;
  deed(labels: ClusterLabels, deed: Deed): void;
  /** The cluster is gone, and so are its numbers. */
  forget(labels: ClusterLabels): void;
  /** Keys that wait for a worker, asked for when somebody looks. */
  readQueueDepth(read: () => number): void;
  leading(isLeading: boolean): void;
}
