/**
 * Work under the cluster's maintenance Lease: taken before anything is looked at, renewed while it works, given back at the end. Never waits for somebody who
 * works: the next run of the CronJob is the next try. Only one who died with the Lease in hands is waited out.
 */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import { findMaintenanceLease, newMaintenanceLease } from "../controller/maintenance-lease.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { ApiError, isApiError } from "../kernel/api-error.ts";
import { isAborted, sleep } from "../kernel/backoff.ts";
import type { MutationGuard } from "../kernel/exchange.ts";
import { Leadership } from "../kernel/leadership.ts";
import { LeaseLock, type LockResult, leaseResource } from "../kernel/lease-lock.ts";
import type { Ports } from "../kernel/ports.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { maintenanceLeaseNameOf } from "../resources/names.ts";

export interface LockOptions {
  readonly client: ApiClient;
  readonly ports: Ports;
  readonly cluster: EtcdCluster;
  /** Of this process and no other ever; never begins like an operator's. */
  readonly identity: string;
}

/** `isUnclear` of what the work gives: a request was left behind, and the Lease must run out by itself. */
type Work<Value extends { readonly isUnclear?: boolean }> = (
  hold: MutationGuard,
  signal: AbortSignal,
) => Promise<Value>;

export type Locked<Value> =
  | { readonly kind: "worked"; readonly value: Value }
  /** Nothing was done. `holder`: "" when it is not known. */
  | { readonly kind: "held-elsewhere"; readonly holder: string };

/** Others wait so long after the last sign of life: the operator judges by the times in it, and clocks of nodes differ. */
const leaseDurationMs = 120_000;
/** So long after its last renewal the work still changes something. */
const renewDeadlineMs = 80_000;
const renewPeriodMs = 20_000;
const attemptTimeoutMs = 10_000;
/** While a dead holder is waited out. */
const lookAgainMs = 5_000;

/** Rejects with what the work rejected with, and with ApiError when it is not known who holds the Lease. */
export async function underMaintenanceLease<Value extends { readonly isUnclear?: boolean }>(
  options: LockOptions,
  work: Work<Value>,
  signal: AbortSignal,
): Promise<Locked<Value>> {
  const lock = new MaintenanceLock(options);
  const won = await lock.acquire(signal);
  if (!won.isHeld) return { kind: "held-elsewhere", holder: won.holder };
  const hold = new Leadership(options.ports.clock, { leaseDurationMs, renewDeadlineMs }, won);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener("abort", end, { once: true });
  if (isAborted(signal)) end();
  const workEnded = new AbortController();
  const working = work(hold, stop.signal).finally(() => workEnded.abort());
  working.catch(() => undefined);
  const renewing = lock.renew(hold, workEnded.signal, end);
  let isUnclear = false;
  try {
    const value = await working;
    isUnclear = value.isUnclear === true;
    return { kind: "worked", value };
  } finally {
    signal.removeEventListener("abort", end);
    await renewing;
    // After the work, never before. What may still go on at a member keeps the others out until the Lease runs out.
    if (hold.isLeading() && !isUnclear) await lock.release();
    hold.end();
  }
}

class MaintenanceLock {
  private readonly options: LockOptions;
  private readonly lock: LeaseLock;

  constructor(options: LockOptions) {
    const { client, ports, cluster, identity } = options;
    this.options = options;
    const { name, namespace } = cluster.metadata;
    const lease = { namespace, name: maintenanceLeaseNameOf(name) };
    this.lock = new LeaseLock({ client, clock: ports.clock, lease, identity, leaseDurationMs });
  }

  async acquire(signal: AbortSignal): Promise<LockResult> {
    const { ports } = this.options;
    // One that does not exist is made with its owner, so that it goes with the cluster.
    if ((await this.find(signal)) === undefined) await this.create();
    for (;;) {
      const result = await this.attempt();
      if (result.isHeld || isAborted(signal)) return result;
      const lease = await this.find(signal);
      if (!isOverdue(lease, ports.clock.unixMs())) return result;
      const { holder } = result;
      ports.logger.info("the maintenance Lease has run out: waiting whether it is renewed", {
        holder,
      });
      await sleep(ports.timers, lookAgainMs, signal);
    }
  }

  /** Until the work has ended or the hold is lost; `lost` is called then. */
  async renew(hold: Leadership, workEnded: AbortSignal, lost: () => void): Promise<void> {
    const { logger, timers } = this.options.ports;
    while (!workEnded.aborted && hold.isLeading()) {
      await sleep(timers, renewPeriodMs, workEnded);
      if (isAborted(workEnded)) return;
      try {
        const result = await this.attempt();
        if (result.isHeld) hold.renewed(result.sentAt);
        else {
          logger.error("somebody else has taken the maintenance Lease", { holder: result.holder });
          hold.end();
        }
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        logger.warn("the maintenance Lease could not be renewed", { error: error.message });
      }
    }
    if (!hold.isLeading()) lost();
  }

  async release(): Promise<void> {
    const { logger } = this.options.ports;
    try {
      await this.lock.release({ timeoutMs: attemptTimeoutMs });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      logger.warn("the maintenance Lease could not be given back: it runs out by itself", {
        error: error.message,
      });
    }
  }

  private attempt(): Promise<LockResult> {
    return this.lock.acquireOrRenew({ timeoutMs: attemptTimeoutMs, readTries: 2 });
  }

  private find(signal: AbortSignal): Promise<KubernetesObject | undefined> {
    const { client, cluster } = this.options;
    return findMaintenanceLease(client, cluster, { signal });
  }

  private async create(): Promise<void> {
    const { client, cluster } = this.options;
    try {
      await client.create(leaseResource, newMaintenanceLease(cluster, {}));
    } catch (error) {
      if (!isApiError(error, "AlreadyExists")) throw error;
    }
  }
}

/** By the times that stand in it. Whoever gives no time holds it until it is taken out by hand. */
function isOverdue(lease: KubernetesObject | undefined, nowMs: number): boolean {
  const { renewTime = "", leaseDurationSeconds = 0 } = (lease?.["spec"] ?? {}) as {
    readonly renewTime?: string;
    readonly leaseDurationSeconds?: number;
  };
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 <= nowMs;
}
