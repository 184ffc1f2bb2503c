/**
 * The lock behind leader election: a Lease (coordination.k8s.io/v1) that one process holds. What others hold is judged by our own
 * monotonic clock, from the moment the record was seen to change: the times written in it come from clocks that nobody knows.
 */
import type { ApiClient } from "./api-client.ts";
import { isApiError } from "./api-error.ts";
import type { CallOptions } from "./exchange.ts";
import { type Moment, momentOf } from "./leadership.ts";
import { microTime } from "./micro-time.ts";
import type { Clock } from "./ports.ts";
import type { KubernetesObject, ObjectRef, ResourceType } from "./resource.ts";

export const leaseResource: ResourceType = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  isNamespaced: true,
};

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
  readonly [field: string]: unknown;
}

export interface LeaseLockOptions {
  /** Without retries of its own, and without guard. */
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly lease: ObjectRef;
  /** Never used twice: a process that finds its predecessor's name in the lease would believe that it leads. */
  readonly identity: string;
  readonly leaseDurationMs: number;
}

/** `sentAt`: just before the request that took or renewed the lease was sent. */
export type LockResult =
  | { readonly isHeld: true; readonly term: number; readonly sentAt: Moment }
  | { readonly isHeld: false; readonly holder: string };

export class LeaseLock {
  private readonly options: LeaseLockOptions;
  /** The lease as last seen or written, and when this state of it was first seen. */
  private seen: { readonly lease: KubernetesObject; readonly atMonotonicMs: number } | undefined;

  constructor(options: LeaseLockOptions) {
    this.options = options;
  }

  /** Takes or renews the lease if it is ours, free or expired. One attempt. Throws ApiError when that attempt got no clear answer. */
  async acquireOrRenew(call: CallOptions): Promise<LockResult> {
    // A holder knows the lease and renews without reading it.
    if (this.seen === undefined || !this.isOurs(this.seen.lease)) await this.look(call);
    const seen = this.seen?.lease;
    if (seen !== undefined && !this.isOurs(seen) && !this.isFree(seen)) {
      return { isHeld: false, holder: specOf(seen).holderIdentity ?? "" };
    }
    try {
      return await this.take(seen, call);
    } catch (error) {
      if (!isApiError(error, "Conflict", "AlreadyExists", "NotFound")) throw error;
      // Somebody was faster, or the lease is gone: what we knew is wrong. It may have been ourselves, when an answer was lost.
      await this.look(call);
      const now = this.seen?.lease;
      if (now !== undefined && this.isOurs(now)) return this.take(now, call);
      return { isHeld: false, holder: now === undefined ? "" : (specOf(now).holderIdentity ?? "") };
    }
  }

  /** Lets the next one in at once. Only if the lease is still as we wrote it. */
  async release(call: CallOptions): Promise<void> {
    const lease = this.seen?.lease;
    if (lease === undefined || !this.isOurs(lease)) return;
    const now = microTime(this.options.clock.unixMs());
    const spec = {
      ...specOf(lease),
      holderIdentity: "",
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
    };
    await this.write({ ...lease, spec }, call);
  }

  private async take(seen: KubernetesObject | undefined, call: CallOptions): Promise<LockResult> {
    const sentAt = momentOf(this.options.clock);
    const written = await this.write(this.next(seen), call);
    return { isHeld: true, term: specOf(written).leaseTransitions ?? 0, sentAt };
  }

  private async look(call: CallOptions): Promise<void> {
    const { client, lease } = this.options;
    this.note(await client.find(leaseResource, lease, call));
  }

  private async write(lease: KubernetesObject, call: CallOptions): Promise<KubernetesObject> {
    const { client } = this.options;
    const written =
      lease.metadata.resourceVersion === undefined
        ? await client.create(leaseResource, lease, call)
        : await client.replace(leaseResource, lease, call);
    this.note(written);
    return written;
  }

  /** The clock of a foreign lease starts when a new state of it is seen, so a resourceVersion seen again changes nothing. */
  private note(lease: KubernetesObject | undefined): void {
    if (lease === undefined) {
      this.seen = undefined;
      return;
    }
    const before = this.seen?.lease.metadata;
    const isSame =
      before?.resourceVersion === lease.metadata.resourceVersion &&
      before?.uid === lease.metadata.uid;
    if (isSame) return;
    this.seen = { lease, atMonotonicMs: this.options.clock.monotonicMs() };
  }

  private isOurs(lease: KubernetesObject): boolean {
    return specOf(lease).holderIdentity === this.options.identity;
  }

  private isFree(lease: KubernetesObject): boolean {
    const spec = specOf(lease);
    if (spec.holderIdentity === undefined || spec.holderIdentity === "") return true;
    // The holder counts with the duration it wrote; ours may differ when an operator is upgraded.
    const durationMs = Math.max(
      this.options.leaseDurationMs,
      (spec.leaseDurationSeconds ?? 0) * 1000,
    );
    const seenAtMs = this.seen?.atMonotonicMs ?? Number.POSITIVE_INFINITY;
    return this.options.clock.monotonicMs() - seenAtMs > durationMs;
  }

  /** The lease as it shall be written; other fields of it stay. */
  private next(seen: KubernetesObject | undefined): KubernetesObject {
    const now = microTime(this.options.clock.unixMs());
    const before = seen === undefined ? {} : specOf(seen);
    const isOurs = seen !== undefined && this.isOurs(seen);
    const spec: LeaseSpec = {
      ...before,
      holderIdentity: this.options.identity,
      leaseDurationSeconds: Math.ceil(this.options.leaseDurationMs / 1000),
      acquireTime: isOurs ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
    const { namespace, name } = this.options.lease;
    const metadata = seen?.metadata ?? (namespace === undefined ? { name } : { name, namespace });
    return { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
  }
}

function specOf(lease: KubernetesObject): LeaseSpec {
  return (lease["spec"] ?? {}) as LeaseSpec;
}
