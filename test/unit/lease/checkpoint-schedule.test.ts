import assert from "node:assert/strict";
import { test } from "node:test";

import { CheckpointSchedule } from "../../../node/lease/checkpoint-schedule.ts";
import type { Lease } from "../../../node/lease/lease.ts";

const intervalMs = 300_000;

function leaseOf(id: bigint, ttlSeconds: number, expiresAtMs: number): Lease {
  return {
    id,
    ttlSeconds,
    remainingSeconds: 0,
    expiresAtMs,
    revokedUntilMs: 0,
    checkpointIndex: 0,
  };
}

/** A schedule with these leases, added at 0. */
function scheduleOf(...leases: readonly Lease[]): (nowMs: number, max?: number) => unknown[] {
  const schedule = new CheckpointSchedule(intervalMs);
  for (const lease of leases) schedule.add(lease, 0);
  return (nowMs, max = 1000) =>
    schedule
      .take(max, nowMs, (id) => leases.find((lease) => lease.id === id))
      .map(({ id, remainingSeconds }) => [id, remainingSeconds]);
}

test("what is left of a long lease is told once in an interval, rounded up", () => {
  const take = scheduleOf(leaseOf(1n, 3600, 3_600_000));
  assert.deepEqual(take(299_999), []);
  assert.deepEqual(take(300_000), [[1n, 3300]]);
  assert.deepEqual(take(300_001), []);
  assert.deepEqual(take(600_500), [[1n, 3000]]);
});

test("a lease that is not longer than the interval is never told of", () => {
  const take = scheduleOf(leaseOf(1n, 300, 300_000));
  assert.deepEqual(take(900_000), []);
});

test("a lease that was renewed just now has lost nothing, and is looked at again", () => {
  const lease = leaseOf(1n, 600, 600_000);
  const take = scheduleOf(lease);
  lease.expiresAtMs = 900_000;
  assert.deepEqual(take(300_000), []);
  assert.deepEqual(take(600_000), [[1n, 300]]);
});

test("a lease that has ended is its revocation's business", () => {
  const take = scheduleOf(leaseOf(1n, 600, 200_000));
  assert.deepEqual(take(300_000), []);
});

test("so many at once as are asked for, the rest the next time", () => {
  const leases = [1n, 2n, 3n].map((id) => leaseOf(id, 3600, 3_600_000));
  const take = scheduleOf(...leases);
  assert.equal(take(300_000, 2).length, 2);
  assert.equal(take(300_000, 2).length, 1);
});
