/**
 * After a change of the leader every lease begins its time anew, so that those of many clients would end at once. They are spread so that no
 * second gets more than the revocations that can be done in it (etcd lease/lessor.go, Promote).
 */
import type { Lease } from "./lease.ts";

/** Revocations a second that the leader proposes at most (leaseRevokeRate). */
export const revokeRate = 1000;
/** Fewer leases than this are not worth spreading. */
const spreadMin = revokeRate;
const targetPerSecond = (3 * revokeRate) / 4;

/** Moves `expiresAtMs` of some of the leases to a later time, never to an earlier one. */
export function spreadExpiries(leases: readonly Lease[]): void {
  if (leases.length < spreadMin) return;
  const sorted = [...leases].sort((a, b) => a.expiresAtMs - b.expiresAtMs);
  let baseMs = (sorted[0] as Lease).expiresAtMs;
  let nextMs = baseMs + 1000;
  let count = 0;
  for (const lease of sorted) {
    const { expiresAtMs } = lease;
    if (expiresAtMs > nextMs) {
      baseMs = expiresAtMs;
      nextMs = baseMs + 1000;
      count = 1;
      continue;
    }
    count += 1;
    if (count <= targetPerSecond) continue;
    // Never less than nothing: the rate grows with the count, while all of these lie within a second.
    const delayMs = Math.max(0, (1000 * count) / targetPerSecond - (expiresAtMs - baseMs));
    nextMs = baseMs + delayMs;
    lease.expiresAtMs = expiresAtMs + delayMs;
  }
}
