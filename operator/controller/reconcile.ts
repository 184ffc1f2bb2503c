/**
 * The work on one EtcdCluster: look, plan, at most one step, then the status. Nothing is remembered that a decision rests on; every look
 * is a fresh one, so the process may end anywhere in between.
 */
import type { Observed, PlanContext } from "../cluster/observed.ts";
import { plan } from "../cluster/plan.ts";
import { clusterStatus, memberStatus } from "../cluster/status.ts";
import type { Plan } from "../cluster/step.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { ApiError, NotLeadingError } from "../kernel/api-error.ts";
import { isAborted } from "../kernel/backoff.ts";
import type { EventRecorder } from "../kernel/event-recorder.ts";
import type { Ports } from "../kernel/ports.ts";
import { refOf } from "../kernel/resource.ts";
import type { Outcome } from "../kernel/workers.ts";
import { carryOut, type StepResult } from "./carry-out.ts";
import { withinLimit } from "./deadline.ts";
import type { EtcdPort } from "./etcd-port.ts";
import { candidateMemberName } from "./member-name.ts";
import type { ReconcileMetrics } from "./metrics-port.ts";
import { observe } from "./observe.ts";
import { idleMs, outdatedMs, Pace, waitMs } from "./pace.ts";
import { nameIn, Teller } from "./tell.ts";
import { type WriteResult, writeClusterStatus, writeMemberStatus } from "./write-status.ts";

export interface ReconcilerOptions {
  /** With the guard of the leader's term. */
  readonly client: ApiClient;
  readonly etcd: EtcdPort;
  readonly ports: Ports;
  readonly recorder: Pick<EventRecorder, "record">;
  readonly metrics: ReconcileMetrics;
  readonly context: Omit<PlanContext, "candidateMemberName">;
}

/** For all reads of one look, those of etcd included. */
const lookLimitMs = 25_000;

export class Reconciler {
  private readonly options: ReconcilerOptions;
  private readonly teller: Teller;
  private readonly pace: Pace;

  constructor(options: ReconcilerOptions) {
    this.options = options;
    this.teller = new Teller(options.recorder, options.ports.logger);
    this.pace = new Pace(options.ports.random);
  }

  /** See Reconcile in kernel/workers.ts. */
  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const { metrics, ports } = this.options;
    const startedMs = ports.clock.monotonicMs();
    let result = "error";
    try {
      const outcome = await this.work(key, signal);
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

  private async work(
    key: string,
    signal: AbortSignal,
  ): Promise<{ readonly result: string; readonly requeueAfterMs: number | undefined }> {
    const { client, etcd, ports, metrics } = this.options;
    const observed = await withinLimit(ports.timers, lookLimitMs, signal, (limited) =>
      observe({ client, etcd }, refOf(key), limited),
    );
    if (observed === undefined) {
      this.forget(key);
      return { result: "gone", requeueAfterMs: undefined };
    }
    const { cluster } = observed;
    const context = this.contextFor(observed);
    const planned = plan(observed, context);
    const stepped = planned.kind === "step" ? await this.step(observed, planned) : undefined;
    const effective = stepped === undefined ? planned : stepped.plan;
    this.teller.planned(cluster, effective);
    const isWritten = isAborted(signal) || (await this.writeStatus(observed, effective, context));
    const { namespace = "", name } = cluster.metadata;
    const ready = readyMembers(observed);
    metrics.cluster({ namespace, cluster: name }, { members: observed.members.length, ready });
    const isOutdated = !isWritten || stepped?.result.kind === "outdated";
    const requeueAfterMs = this.nextLook(key, effective, isOutdated);
    return { result: isOutdated ? "outdated" : effective.kind, requeueAfterMs };
  }

  /** What became of the step. One that is refused leaves the cluster stuck, with the API server's words. */
  private async step(
    observed: Observed,
    planned: Extract<Plan, { kind: "step" }>,
  ): Promise<{ readonly plan: Plan; readonly result: StepResult }> {
    const { step } = planned;
    const result = await carryOut(this.options.client, observed, step);
    if (result.kind === "done") this.teller.carriedOut(observed.cluster, step);
    if (result.kind !== "refused") return { plan: planned, result };
    const message = `the API server refused to ${step.kind} ${nameIn(step)}: ${result.why}`;
    return { plan: { kind: "stuck", reason: "RequestRefused", message }, result };
  }

  /** False when one of the objects was changed by others since it was seen. */
  private async writeStatus(
    observed: Observed,
    effective: Plan,
    context: PlanContext,
  ): Promise<boolean> {
    const { cluster } = observed;
    // It has no future, and nobody waits for what it says.
    if (cluster.metadata.deletionTimestamp !== undefined) return true;
    const { client, ports } = this.options;
    const now = new Date(ports.clock.unixMs()).toISOString().replace(/\.\d+Z$/, "Z");
    const results: WriteResult[] = [];
    for (const seen of observed.members) {
      if (isLatched(effective, seen.member.metadata.name)) continue;
      const wanted = memberStatus(observed, seen, now);
      results.push(await writeMemberStatus(client, seen.member, wanted));
    }
    // What the step has just written is told of with the next look, which follows at once.
    if (effective.kind !== "step" || effective.step.kind !== "latch-cluster") {
      const wanted = clusterStatus(observed, effective, context, now);
      results.push(await writeClusterStatus(client, cluster, wanted));
    }
    return !results.includes("outdated");
  }

  private contextFor({ cluster }: Observed): PlanContext {
    const { context, ports } = this.options;
    const { name } = cluster.metadata;
    return { ...context, candidateMemberName: candidateMemberName(name, ports.random) };
  }

  private nextLook(key: string, effective: Plan, isOutdated: boolean): number {
    if (effective.kind === "step") {
      const delayMs = this.pace.afterStep(key, `${effective.step.kind} ${nameIn(effective.step)}`);
      return isOutdated ? Math.max(delayMs, outdatedMs) : delayMs;
    }
    if (isOutdated) return outdatedMs;
    return this.pace.after(key, effective.kind === "wait" ? waitMs : idleMs);
  }

  private forget(key: string): void {
    this.options.etcd.forget(key);
    this.teller.forget(key);
    this.pace.forget(key);
    const { namespace = "", name } = refOf(key);
    this.options.metrics.forget({ namespace, cluster: name });
  }
}

function isLatched(effective: Plan, memberName: string): boolean {
  if (effective.kind !== "step") return false;
  const { step } = effective;
  return step.kind === "latch-member" && step.memberName === memberName;
}

/** Pods that the kubelet says are ready. */
function readyMembers({ members }: Observed): number {
  return members.filter(({ pod }) => {
    const { conditions = [] } = (pod?.["status"] ?? {}) as {
      conditions?: readonly { type: string; status: string }[];
    };
    return conditions.some(({ type, status }) => type === "Ready" && status === "True");
  }).length;
}
