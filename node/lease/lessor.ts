/**
 * All leases of a member (etcd lease/lessor.go). Which there are is replicated: entries grant and revoke them, and the backend keeps them.
 * When they end is the business of one member, the primary, which is the leader: it alone is asked for renewals, and proposes revocations.
 * A lease ends when an entry says so, never by a clock alone.
 *
 * Time is monotonic: no jump of the wall clock ends a lease early.
 */
import type { Backend } from "../backend/backend.ts";
import { CorruptionError } from "../lib/corruption-error.ts";
import type { Clock } from "../lib/ports.ts";
import {
  decodeLeaseRecord,
  encodeLeaseRecord,
  type LeaseCheckpoint,
  leaseKey,
} from "../proto/lease-codec.ts";
import { CheckpointSchedule } from "./checkpoint-schedule.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import { type Lease, maxTtlSeconds, ttlAtPromotionSeconds } from "./lease.ts";
import { LeaseStats } from "./lease-stats.ts";
import { spreadExpiries } from "./spread.ts";

export interface LessorOptions {
  readonly backend: Pick<Backend, "entries" | "put" | "delete">;
  readonly clock: Clock;
  /** A shorter time to live is raised to this: half as much again as an election takes, so that a change of the leader ends none. */
  readonly minTtlSeconds: number;
  /** How often the others are told what is left of a lease; not given: never. */
  readonly checkpointIntervalMs?: number | undefined;
  /** Counts; outlives this lessor. */
  readonly stats?: LeaseStats;
}

export type GrantRefusal = "LeaseNotFound" | "LeaseExist" | "LeaseTTLTooLarge";

export class Lessor {
  private readonly options: LessorOptions;
  private readonly stats: LeaseStats;
  private readonly leases = new Map<bigint, Lease>();
  private readonly queue = new ExpiryQueue();
  private readonly checkpoints: CheckpointSchedule;
  private primary = false;
  /** From when on a lease that nobody has renewed here has the time that is known to be left. */
  private promotedMs = 0;

  /** Throws CorruptionError for a record of the backend that is no lease. */
  constructor(options: LessorOptions) {
    this.options = options;
    this.stats = options.stats ?? new LeaseStats();
    this.checkpoints = new CheckpointSchedule(options.checkpointIntervalMs ?? Infinity);
    for (const { key, value } of options.backend.entries("lease")) this.restore(key, value);
  }

  get size(): number {
    return this.leases.size;
  }

  get isPrimary(): boolean {
    return this.primary;
  }

  get(id: bigint): Lease | undefined {
    return this.leases.get(id);
  }

  /** Those that end first come first; on a member that is not the primary, in no order. */
  all(): Lease[] {
    return [...this.leases.values()].sort((a, b) =>
      a.expiresAtMs === b.expiresAtMs ? 0 : a.expiresAtMs - b.expiresAtMs,
    );
  }

  /** For an entry: the lease that is granted from now on, or why it is not. */
  grant(id: bigint, ttlSeconds: number): Lease | GrantRefusal {
    if (id === 0n) return "LeaseNotFound";
    if (ttlSeconds > maxTtlSeconds) return "LeaseTTLTooLarge";
    if (this.leases.has(id)) return "LeaseExist";
    const lease: Lease = {
      id,
      ttlSeconds: Math.max(ttlSeconds, this.options.minTtlSeconds),
      remainingSeconds: 0,
      expiresAtMs: Infinity,
      revokedUntilMs: 0,
      checkpointIndex: 0,
    };
    this.leases.set(id, lease);
    this.stats.granted += 1;
    this.stats.ttlSeconds.observe(lease.ttlSeconds);
    this.save(lease);
    if (this.primary) {
      this.schedule(lease, this.nowMs + lease.ttlSeconds * 1000);
      this.checkpoints.add(lease, this.nowMs);
    }
    return lease;
  }

  /** For an entry: the lease is gone; its keys are the caller's business, in the same transaction. */
  revoke(id: bigint): void {
    this.leases.delete(id);
    this.stats.revoked += 1;
    this.options.backend.delete("lease", leaseKey(id));
  }

  /** For an entry: so much of a lease was left. Kept over a restart. */
  checkpoint(id: bigint, remainingSeconds: number): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    lease.remainingSeconds = remainingSeconds;
    this.save(lease);
    // The primary wrote it, and knows better.
  }

  /**
   * This member is the leader now, and has applied everything from before its term: else it would not know which checkpoints were undone. Nobody knows what the leader before has renewed, so every lease begins its time anew and gets
   * `extraMs` on top, in which its client can find out whom to ask.
   */
  promote(extraMs: number): void {
    this.primary = true;
    const { nowMs } = this;
    this.promotedMs = nowMs + extraMs;
    this.queue.clear();
    for (const lease of this.leases.values()) {
      lease.revokedUntilMs = 0;
      lease.checkpointIndex = 0;
      lease.expiresAtMs = this.endFromPromotion(lease);
    }
    spreadExpiries([...this.leases.values()]);
    this.checkpoints.clear();
    for (const lease of this.leases.values()) {
      this.queue.push({ id: lease.id, atMs: lease.expiresAtMs });
      this.checkpoints.add(lease, nowMs);
    }
  }

  demote(): void {
    this.primary = false;
    this.queue.clear();
    this.checkpoints.clear();
    for (const lease of this.leases.values()) {
      lease.expiresAtMs = Infinity;
      lease.revokedUntilMs = 0;
      lease.checkpointIndex = 0;
    }
  }

  /**
   * The whole time to live begins again. Undefined when there is no such lease; "ended" when its time is over, and it waits for its entry. What a
   * checkpoint said stays until an entry says otherwise. Precondition: this member is the primary, and has just been confirmed to be the leader.
   */
  renew(id: bigint): Lease | "ended" | undefined {
    const lease = this.leases.get(id);
    if (lease === undefined) return undefined;
    if (this.remainingMs(lease) <= 0) return "ended";
    // Its entry in the queue stays where it is, and is moved when it comes up.
    lease.expiresAtMs = this.nowMs + lease.ttlSeconds * 1000;
    this.stats.renewed += 1;
    return lease;
  }

  /** Until the lease ends; 0 or less when it has. Infinity on a member that is not the primary. */
  remainingMs(lease: Lease): number {
    return lease.expiresAtMs - this.nowMs;
  }

  /** Up to `max` leases that have ended. They are given out again after `retryMs` if they are still there. */
  takeExpired(max: number, retryMs: number): bigint[] {
    const { nowMs, queue } = this;
    const expired: bigint[] = [];
    while (expired.length < max) {
      const { first } = queue;
      if (first === undefined || first.atMs > nowMs) break;
      queue.pop();
      const lease = this.leases.get(first.id);
      if (lease === undefined) continue;
      const dueMs = Math.max(lease.expiresAtMs, lease.revokedUntilMs);
      if (dueMs <= nowMs) {
        expired.push(lease.id);
        lease.revokedUntilMs = nowMs + retryMs;
      }
      queue.push({ id: lease.id, atMs: Math.max(dueMs, lease.revokedUntilMs) });
    }
    return expired;
  }

  /** Up to `max` leases that the others are to be told of. */
  takeCheckpoints(max: number): LeaseCheckpoint[] {
    return this.checkpoints.take(max, this.nowMs, (id) => this.leases.get(id));
  }

  /** These leases are told of in the entry at `index` of this leader's log, which is not applied yet. */
  checkpointed(checkpoints: readonly LeaseCheckpoint[], index: number): void {
    for (const { id } of checkpoints) {
      const lease = this.leases.get(id);
      if (lease !== undefined) lease.checkpointIndex = index;
    }
  }

  private get nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  private endFromPromotion(lease: Lease): number {
    return this.promotedMs + ttlAtPromotionSeconds(lease) * 1000;
  }

  private schedule(lease: Lease, atMs: number): void {
    lease.expiresAtMs = atMs;
    this.queue.push({ id: lease.id, atMs });
  }

  private save(lease: Lease): void {
    this.options.backend.put("lease", leaseKey(lease.id), encodeLeaseRecord(lease));
  }

  private restore(key: Uint8Array, value: Uint8Array): void {
    const { id, ttlSeconds, remainingSeconds } = decodedRecord(key, value);
    this.leases.set(id, {
      id,
      ttlSeconds: Math.max(ttlSeconds, this.options.minTtlSeconds),
      remainingSeconds,
      expiresAtMs: Infinity,
      revokedUntilMs: 0,
      checkpointIndex: 0,
    });
  }
}

function decodedRecord(key: Uint8Array, value: Uint8Array): ReturnType<typeof decodeLeaseRecord> {
  let problem = "names another lease than its key";
  try {
    const record = decodeLeaseRecord(value);
    const wanted = leaseKey(record.id);
    if (wanted.length === key.length && wanted.every((byte, at) => byte === key[at])) return record;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  throw new CorruptionError(
    `backend bucket "lease": the record of ${Buffer.from(key).toString("hex")} ${problem}`,
  );
}
