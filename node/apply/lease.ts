/** The lease requests of the log: grant, revoke, checkpoint (etcd server/etcdserver/apply/backend.go; lease/lessor.go, Revoke). */

import type { Lessor } from "../lease/lessor.ts";
import { compareBytes } from "../lib/bytes.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { LeaseCheckpoint, LeaseGrant } from "../proto/lease-codec.ts";
import { type ApplyResult, done, refuse } from "./result.ts";
import type { SliceBudget, Slices } from "./slices.ts";
import { SortedRuns } from "./sorted-runs.ts";

export function applyLeaseGrant(lessor: Lessor, { id, ttlSeconds }: LeaseGrant): ApplyResult {
  const lease = lessor.grant(id, ttlSeconds);
  if (typeof lease === "string") return refuse(lease);
  return { kind: "leaseGrant", id, ttlSeconds: lease.ttlSeconds };
}

/**
 * Deletes the lease's keys in one transaction, in the order of the keys, so that every member gives them the same revisions; then the lease.
 * In slices, as a lease may have any number of keys.
 */
export function* revokeInSlices(
  { store, lessor }: { readonly store: KvStore; readonly lessor: Lessor },
  id: bigint,
  budget: SliceBudget,
): Slices<ApplyResult> {
  if (lessor.get(id) === undefined) return refuse("LeaseNotFound");
  store.begin();
  const keys = new SortedRuns<Uint8Array>(compareBytes);
  for (const key of store.keysOfLease(id)) {
    keys.add(key);
    budget.spend(1);
    yield* pauseIfSpent(budget);
  }
  for (let key = keys.take(); key !== undefined; key = keys.take()) {
    store.deleteRange(key, undefined);
    budget.spend(1);
    yield* pauseIfSpent(budget);
  }
  lessor.revoke(id);
  store.end();
  return done;
}

/**
 * `isKept`: the cluster's members all know that a lease's record may tell what is left of it (3.6 and later). Otherwise a checkpoint counts for nothing:
 * kept in memory only, it would be known to some members and not to those that have started since, and one of these would acknowledge a renewal
 * that the others cut short.
 */
export function applyLeaseCheckpoints(
  lessor: Lessor,
  checkpoints: readonly LeaseCheckpoint[],
  isKept: boolean,
): ApplyResult {
  if (!isKept) return done;
  for (const { id, remainingSeconds } of checkpoints) lessor.checkpoint(id, remainingSeconds);
  return done;
}

function* pauseIfSpent(budget: SliceBudget): Slices<void> {
  if (!budget.isSpent) return;
  yield;
  budget.renew();
}
