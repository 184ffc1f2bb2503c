/**
 * The work on one EtcdCluster: look, plan, at most one step, then the status. Nothing is remembered that a decision rests on; every look that leads to anything is a
 * fresh one, so the process may end anywhere in between.
 */
import type { Observed, PlanContext } from "../cluster/observed.ts";
import { plan } from "../cluster/plan.ts";
import type { Plan, Step } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { ApiError, NotLeadingError } from "../kernel/api-error.ts";
import { isAborted } from "../kernel/backoff.ts";
import type { EventRecorder } from "../kernel/event-recorder.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import type { Ports } from "../kernel/ports.ts";
import { refOf } from "../kernel/resource.ts";
import type { Outcome } from "../kernel/workers.ts";
import { carryOut } from "./carry-out.ts";
import { withinLimit } from "./deadline.ts";
import type { EtcdPort } from "./etcd-port.ts";
import { isDisruptive, isInFlight } from "./in-flight.ts";
import {
  holdMaintenanceLease,
  keepMaintenanceLease,
  type MaintenanceLease,
  releaseMaintenanceLease,
} from "./maintenance-lease.ts";
import { deedOf, sightOf } from "./measure.ts";
import { candidateMemberName } from "./member-name.ts";
import type { ReconcileMetrics } from "./metrics-port.ts";
import { observe, observeAgain, type Sight } from "./observe.ts";
import { outdatedMs, Pace } from "./pace.ts";
import { Rests } from "./rests.ts";
import { areStatusesCurrent, writeStatuses } from "./statuses.ts";
import type { StepResult } from "./step-result.ts";
import { nameIn, Teller } from "./tell.ts";
import type { TlsPort } from "./tls-port.ts";

export interface ReconcilerOptions {
  /** With `guard`, that of the leader's term. */
  readonly client: ApiClient;
  readonly guard: MutationGuard;
  readonly etcd: EtcdPort;
  readonly tls?: TlsPort | undefined;
  readonly ports: Ports;
  readonly recorder: Pick<EventRecorder, "record">;
  readonly metrics: ReconcileMetrics;
  readonly context: Omit<PlanContext, "candidateMemberName" | "now">;
  /** Of this process: under it maintenance Leases are held. */
  readonly identity: string;
}

/** For all reads of one look, those of etcd included. */
const lookLimitMs = 25_000;

interface Worked {
  /** For the metrics. */
  readonly result: string;
  readonly requeueAfterMs: number | undefined;
}

interface Stepped {
  /** What the plan has come to. */
  readonly plan: Plan;
  readonly result: StepResult | undefined;
  readonly refused?: Step;
}

export class Reconciler {
  private readonly options: ReconcilerOptions;
  private readonly teller: Teller;
  private readonly pace: Pace;
  private readonly rests = new Rests();

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.teller = new Teller(options.recorder, options.ports.logger);
    this.pace = new Pace(options.ports.random);
  }

  /** A watch has told of a change: the next look reads everything. */
  stir(key: string): void {
    this.rests.stir(key);
  }

  /** See Reconcile in kernel/workers.ts. */
  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { metrics, ports } = this.options;
    const startedMs = ports.clock.monotonicMs();
    let result = "error";
    try {
      const outcome = (await this.glance(key, signal)) ?? (await this.work(key, signal));
      ({ result } = outcome);
      return outcome.requeueAfterMs === undefined
        ? undefined
        : { requeueAfterMs: outcome.requeueAfterMs };
    } catch (error) {
      if (error instanceof NotLeadingError) result = "not_leading";
      // Told to stop in the middle of a look: whoever leads next looks again.
      else if (isAborted(signal) && error instanceof ApiError) {
        result = "stopped";
        return undefined;
      }
      throw error;
    } finally {
      metrics.reconciled(result, (ports.clock.monotonicMs() - startedMs) / 1000);
    }
  }

  /** Asks etcd alone. Undefined unless that leaves nothing to do. */
  private async glance(key: string, signal: AbortSignal): Promise<Worked | undefined> {
    const { ports, etcd } = this.options;
    const kept = this.rests.find(key, ports.clock.monotonicMs());
    if (kept === undefined) return undefined;
    const observed = await withinLimit(ports.timers, lookLimitMs, signal, (limited) =>
      observeAgain({ etcd }, kept, limited),
    );
    const context = this.contextFor(observed);
    const planned = plan(observed, context);
    if (planned.kind !== "done" || !areStatusesCurrent(observed, planned, context))
      return undefined;
    this.measure(observed, planned);
    return { result: "done", requeueAfterMs: this.pace.afterRest(key) };
  }

  private async work(key: string, signal: AbortSignal): Promise<Worked> {
    const { ports, client } = this.options;
    this.rests.begin(key);
    const sight = await withinLimit(ports.timers, lookLimitMs, signal, (limited) =>
      observe({ ...this.options, nowMs: ports.clock.unixMs() }, refOf(key), limited),
    );
    if (sight === undefined) {
      this.forget(key);
      return { result: "gone", requeueAfterMs: undefined };
    }
    const { observed } = sight;
    const context = this.contextFor(observed);
    const stepped = await this.step(sight, plan(observed, context));
    const { plan: effective, result, refused } = stepped;
    this.teller.planned(observed, effective, refused);
    const written = isAborted(signal)
      ? []
      : await writeStatuses(client, observed, effective, context);
    this.measure(observed, effective);
    const isOutdated = written.includes("outdated") || result?.kind === "outdated";
    if (effective.kind === "done" && written.every((write) => write === "same")) {
      this.rests.settle(key, observed, ports.clock.monotonicMs());
    }
    const requeueAfterMs = this.nextLook(key, effective, isOutdated);
    return { result: isOutdated ? "outdated" : effective.kind, requeueAfterMs };
  }

  /** What became of the plan. A step that is refused leaves the cluster stuck, with the words of who refused it. */
  private async step(sight: Sight, planned: Plan): Promise<Stepped> {
    const { observed } = sight;
    const { client } = this.options;
    const lease = this.leaseOf(sight);
    if (planned.kind !== "step") {
      if (isInFlight(planned)) await keepMaintenanceLease(client, lease);
      else await releaseMaintenanceLease(client, lease);
      return { plan: planned, result: undefined };
    }
    const { step } = planned;
    if (isDisruptive(step) && !(await holdMaintenanceLease(client, lease))) {
      const result = { kind: "outdated", why: "somebody else took the maintenance Lease" } as const;
      this.teller.notCarriedOut(observed.cluster, step, result.why);
      return { plan: planned, result };
    }
    const result = await carryOut(this.options, observed, step);
    if (result.kind === "outdated") {
      this.teller.notCarriedOut(observed.cluster, step, result.why);
      return { plan: planned, result };
    }
    if (result.kind === "held") {
      const message = `a disruption budget does not let ${nameIn(step)} go, which is to be replaced: ${result.why}`;
      return { plan: { kind: "wait", reason: "EvictionRefused", message }, result };
    }
    if (result.kind === "refused") {
      const message = `refused: ${step.kind} ${nameIn(step)}: ${result.why}`;
      return { plan: { kind: "stuck", reason: "RequestRefused", message }, result, refused: step };
    }
    this.teller.carriedOut(observed, step);
    const deed = deedOf(step);
    if (deed !== undefined) this.options.metrics.deed(labelsOf(observed), deed);
    return { plan: planned, result };
  }

  private leaseOf({ observed: { cluster }, lease }: Sight): MaintenanceLease {
    const { identity, ports } = this.options;
    return { cluster, lease, identity, nowMs: ports.clock.unixMs() };
  }

  private measure(observed: Observed, effective: Plan): void {
    const { metrics, ports } = this.options;
    metrics.cluster(labelsOf(observed), sightOf(observed, effective, ports.clock.unixMs()));
  }

  private contextFor({ cluster }: Observed): PlanContext {
    const { context, ports } = this.options;
    const { name } = cluster.metadata;
    const now = new Date(ports.clock.unixMs()).toISOString().replace(/\.\d+Z$/, "Z");
    return { ...context, candidateMemberName: candidateMemberName(name, ports.random), now };
  }

  private nextLook(key: string, effective: Plan, isOutdated: boolean): number {
    switch (effective.kind) {
      case "step": {
        const step = `${effective.step.kind} ${nameIn(effective.step)}`;
        const delayMs = this.pace.afterStep(key, step);
        return isOutdated ? Math.max(delayMs, outdatedMs) : delayMs;
      }
      case "wait":
        return isOutdated ? outdatedMs : this.pace.afterWait(key, effective.reason);
      default:
        return isOutdated ? outdatedMs : this.pace.afterRest(key);
    }
  }

  private forget(key: string): void {
    this.options.etcd.forget(key);
    this.teller.forget(key);
    this.pace.forget(key);
    this.rests.forget(key);
    const { namespace = "", name } = refOf(key);
    this.options.metrics.forget({ namespace, cluster: name });
  }
}

function labelsOf({ cluster: { metadata } }: Observed): {
  readonly namespace: string;
  readonly cluster: string;
} {
  return { namespace: metadata.namespace ?? "", cluster: metadata.name };
}
