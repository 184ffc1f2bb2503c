/**
 * When the leader tells the others how much of a long lease is left, so that a change of the leader does not give it its whole time again
 * (etcd lease/lessor.go, checkpointScheduledLeases; behind the feature gate LeaseCheckpoint, off by default as on etcd).
 */
import type { LeaseCheckpoint } from "../proto/lease-codec.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import type { Lease } from "./lease.ts";

export class CheckpointSchedule {
  private readonly intervalMs: number;
  private readonly queue = new ExpiryQueue();

  constructor(intervalMs: number) {
    this.intervalMs = intervalMs;
  }

  /** From now on the lease is told of once in an interval, if it is longer than that. */
  add({ id, ttlSeconds }: Lease, nowMs: number): void {
    if (ttlSeconds * 1000 > this.intervalMs) this.queue.push({ id, atMs: nowMs + this.intervalMs });
  }

  clear(): void {
    this.queue.clear();
  }

  /** Up to `max` leases whose time has come and that have lost some of theirs; `find` knows those that are left. */
  take(max: number, nowMs: number, find: (id: bigint) => Lease | undefined): LeaseCheckpoint[] {
    const due: LeaseCheckpoint[] = [];
    while (due.length < max) {
      const { first } = this.queue;
      if (first === undefined || first.atMs > nowMs) break;
      this.queue.pop();
      const lease = find(first.id);
      if (lease === undefined) continue;
      const remainingSeconds = Math.ceil((lease.expiresAtMs - nowMs) / 1000);
      if (remainingSeconds <= 0) continue;
      if (remainingSeconds < lease.ttlSeconds) due.push({ id: lease.id, remainingSeconds });
      this.add(lease, nowMs);
    }
    return due;
  }
}
