/** What the controller counts; operator/metrics.ts makes Prometheus metrics of it. */

export interface ClusterLabels {
  readonly namespace: string;
  readonly cluster: string;
}

export interface ReconcileMetrics {
  /** One reconcile has ended so, after so many seconds. */
  reconciled(result: string, seconds: number): void;
  /** A cluster as it was seen. */
  cluster(labels: ClusterLabels, seen: { readonly members: number; readonly ready: number }): void;
  /** The cluster is gone, and so are its numbers. */
  forget(labels: ClusterLabels): void;
  /** Keys that wait for a worker, asked for when somebody looks. */
  readQueueDepth(read: () => number): void;
  leading(isLeading: boolean): void;
}
