/**
 * One process of the operator: watches run from its start, the work on clusters only in the leader's term. A term that is lost is not taken
 * up again; the process ends and a fresh one takes its place.
 */
import type { PlanContext } from "../cluster/observed.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { NotLeadingError } from "../kernel/api-error.ts";
import { EventRecorder } from "../kernel/event-recorder.ts";
import { LeaderElection } from "../kernel/leader-election.ts";
import type { Leadership } from "../kernel/leadership.ts";
import type { Ports } from "../kernel/ports.ts";
import type { ObjectRef } from "../kernel/resource.ts";
import { WorkQueue } from "../kernel/work-queue.ts";
import { runWorkers } from "../kernel/workers.ts";
import type { EtcdPort } from "./etcd-port.ts";
import type { ReconcileMetrics } from "./metrics-port.ts";
import { Reconciler } from "./reconcile.ts";
import type { TlsPort } from "./tls-port.ts";
import { Watches } from "./watches.ts";

export interface OperatorSetup {
  /** Without guard. */
  readonly client: ApiClient;
  readonly etcd: EtcdPort;
  /** Undefined where no cluster has certificates of ours. */
  readonly tls?: TlsPort | undefined;
  readonly ports: Ports;
  readonly metrics: ReconcileMetrics;
  readonly context: Omit<PlanContext, "candidateMemberName" | "now">;
  readonly lease: ObjectRef;
  /** Of this process and no other ever. */
  readonly identity: string;
  /** Name of the pod, for Events. */
  readonly instance: string;
  /** Empty for all of them. */
  readonly namespaces: readonly string[];
  readonly workerCount: number;
}

/** Who writes our Events. */
const reportingController = "etcd-ts.dev/operator";
const backoff = { baseMs: 200, maxMs: 300_000 };

export class Operator {
  private readonly setup: OperatorSetup;
  private readonly watches: Watches;
  private leadership: Leadership | undefined;

  constructor(setup: OperatorSetup) {
    this.setup = setup;
    this.watches = new Watches(setup);
  }

  get isLeading(): boolean {
    return this.leadership?.isLeading() === true;
  }

  get hasSynced(): boolean {
    return this.watches.hasSynced;
  }

  /** See Watches. */
  get stalledMs(): number {
    return this.watches.stalledMs;
  }

  /** "stopped" when `signal` has aborted, the work has ended and the lease is given back. Rejects for a bug. */
  async run(signal: AbortSignal): Promise<"stopped" | "lost"> {
    const { client, ports, lease, identity, metrics } = this.setup;
    const stop = new AbortController();
    const end = (): void => stop.abort();
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    const watching = this.watches.run(stop.signal).finally(end);
    const election = new LeaderElection({ client, ports, lease, identity });
    try {
      return await election.run((leadership, over) => this.lead(leadership, over), stop.signal);
    } finally {
      end();
      signal.removeEventListener("abort", end);
      metrics.leading(false);
      await watching;
    }
  }

  private async lead(leadership: Leadership, signal: AbortSignal): Promise<void> {
    this.leadership = leadership;
    const { ports, metrics, workerCount, instance } = this.setup;
    metrics.leading(true);
    const client = this.setup.client.withGuard(leadership);
    const recorder = new EventRecorder({
      client,
      ports,
      controller: reportingController,
      instance,
    });
    const reconciler = new Reconciler({ ...this.setup, client, guard: leadership, recorder });
    const queue = new WorkQueue(ports, backoff);
    metrics.readQueueDepth(() => queue.depth);
    this.watches.subscribe((key) => {
      reconciler.stir(key);
      queue.add(key);
    });
    const recording = recorder.run(signal).catch((error: unknown) => {
      // The term ends, and the workers with it.
      if (!(error instanceof NotLeadingError)) throw error;
    });
    const reconcile = reconciler.reconcile.bind(reconciler);
    await Promise.all([runWorkers({ queue, ports, reconcile, workerCount }, signal), recording]);
  }
}
