/**
 * The Lease `<cluster>-maintenance`: who holds it may end Pods, change members, defragment or compact. The CronJobs hold it for a run, the operator as long as a
 * change of its own is under way, so that the two never overlap.
 *
 * Of operators one leads, which the leader election and its guard see to: so one takes the Lease over from another, and from nobody else as long as it lives.
 */
import type { EtcdCluster } from "../api/v1alpha1/types.ts";
import type { ApiClient } from "../kernel/api-client.ts";
import { isApiError } from "../kernel/api-error.ts";
import type { CallOptions } from "../kernel/exchange.ts";
import { leaseResource } from "../kernel/lease-lock.ts";
import { microTime } from "../kernel/micro-time.ts";
import type { KubernetesObject } from "../kernel/resource.ts";
import { clusterLabelsOf } from "../resources/labels.ts";
import { maintenanceLeaseNameOf } from "../resources/names.ts";
import { ownedByCluster } from "../resources/owners.ts";

const operatorPrefix = "operator/";
/** Longer than the longest wait between two looks while a change is under way, several times. */
const durationMs = 180_000;
/** A change that has only been waited for so long lets the others in. */
const patienceMs = 3_600_000;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface MaintenanceLease {
  readonly cluster: EtcdCluster;
  /** As it was read. */
  readonly lease: KubernetesObject | undefined;
  /** Of this process. */
  readonly identity: string;
  readonly nowMs: number;
}

export function findMaintenanceLease(
  client: ApiClient,
  { metadata: { namespace, name } }: EtcdCluster,
  call: CallOptions,
): Promise<KubernetesObject | undefined> {
  return client.find(leaseResource, { namespace, name: maintenanceLeaseNameOf(name) }, call);
}

/**
 * Who holds it and is no operator. Judged by the times that stand in it: its holders live for minutes, and clocks in a cluster differ by seconds. Whoever gives no
 * time holds it until it is taken out by hand.
 */
export function maintenanceHolderOf(
  lease: KubernetesObject | undefined,
  nowMs: number,
): string | undefined {
  const { holderIdentity = "", renewTime, leaseDurationSeconds = 0 } = specOf(lease);
  if (holderIdentity === "" || holderIdentity.startsWith(operatorPrefix)) return undefined;
  const endsAtMs = Date.parse(renewTime ?? "") + leaseDurationSeconds * 1000;
  return endsAtMs <= nowMs ? undefined : holderIdentity;
}

export function isHeldByOperator(lease: KubernetesObject | undefined): boolean {
  return specOf(lease).holderIdentity?.startsWith(operatorPrefix) === true;
}

/** Takes or renews it, unless that was done a moment ago. False when somebody else has it, or was faster. Throws ApiError. */
export async function holdMaintenanceLease(
  client: ApiClient,
  { cluster, lease, identity, nowMs }: MaintenanceLease,
): Promise<boolean> {
  if (maintenanceHolderOf(lease, nowMs) !== undefined) return false;
  const before = specOf(lease);
  const holderIdentity = `${operatorPrefix}${identity}`;
  const isOurs = before.holderIdentity === holderIdentity;
  if (isOurs && nowMs - Date.parse(before.renewTime ?? "") < durationMs / 3) return true;
  const now = microTime(nowMs);
  return write(client, cluster, lease, {
    ...before,
    holderIdentity,
    leaseDurationSeconds: durationMs / 1000,
    acquireTime: isOurs ? (before.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: (before.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
  });
}

/** While a change of ours is waited for: it stays ours, but not for ever. Throws ApiError. */
export async function keepMaintenanceLease(
  client: ApiClient,
  held: MaintenanceLease,
): Promise<void> {
  if (!isHeldByOperator(held.lease)) return;
  const sinceMs = Date.parse(specOf(held.lease).acquireTime ?? "");
  if (held.nowMs - sinceMs < patienceMs) await holdMaintenanceLease(client, held);
  else await releaseMaintenanceLease(client, held);
}

/** Lets the others in. Of another operator that leads no more, too. Throws ApiError. */
export async function releaseMaintenanceLease(
  client: ApiClient,
  { cluster, lease, nowMs }: MaintenanceLease,
): Promise<void> {
  if (!isHeldByOperator(lease)) return;
  const renewTime = microTime(nowMs);
  await write(client, cluster, lease, { ...specOf(lease), holderIdentity: "", renewTime });
}

/** Only upon what was read. */
async function write(
  client: ApiClient,
  cluster: EtcdCluster,
  lease: KubernetesObject | undefined,
  spec: LeaseSpec,
): Promise<boolean> {
  try {
    if (lease === undefined) await client.create(leaseResource, newMaintenanceLease(cluster, spec));
    else await client.replace(leaseResource, { ...lease, spec });
    return true;
  } catch (error) {
    if (isApiError(error, "Conflict", "AlreadyExists", "NotFound")) return false;
    throw error;
  }
}

/** It goes with the cluster. */
export function newMaintenanceLease(cluster: EtcdCluster, spec: LeaseSpec): KubernetesObject {
  const { name, namespace } = cluster.metadata;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: maintenanceLeaseNameOf(name),
      ...(namespace === undefined ? {} : { namespace }),
      labels: clusterLabelsOf(name),
      ownerReferences: [ownedByCluster(cluster)],
    },
    spec,
  };
}

function specOf(lease: KubernetesObject | undefined): LeaseSpec {
  return lease?.["spec"] ?? {};
}
