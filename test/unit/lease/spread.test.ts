import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Lease } from "../../../node/lease/lease.ts";
import { revokeRate, spreadExpiries } from "../../../node/lease/spread.ts";

const lease = (id: number, expiresAtMs: number): Lease => ({
  id: BigInt(id),
  ttlSeconds: 10,
  remainingSeconds: 0,
  expiresAtMs,
  revokedUntilMs: 0,
  checkpointIndex: 0,
});

/** How many end in each second from `fromMs` on. */
function perSecond(leases: readonly Lease[], fromMs: number): number[] {
  const counts: number[] = [];
  for (const { expiresAtMs } of leases) {
    const second = Math.floor((expiresAtMs - fromMs) / 1000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

test("leases that would all end at once are spread below the rate of revocations", () => {
  const leases = Array.from({ length: 10_000 }, (_, id) => lease(id, 60_000));
  spreadExpiries(leases);
  const counts = perSecond(leases, 60_000);
  assert(
    counts.every((count) => count <= revokeRate),
    String(counts),
  );
  // No more than it takes: three quarters of the rate.
  assert(counts.length <= 15, String(counts));
});

test("fewer than a second's revocations stay as they are", () => {
  const leases = Array.from({ length: revokeRate - 1 }, (_, id) => lease(id, 60_000));
  spreadExpiries(leases);
  assert(leases.every(({ expiresAtMs }) => expiresAtMs === 60_000));
});

test("no lease ends earlier than before", () => {
  const times = fc.array(fc.nat(20_000), { minLength: 1000, maxLength: 4000, size: "max" });
  fc.assert(
    fc.property(times, (all) => {
      const leases = all.map((atMs, id) => lease(id, atMs));
      spreadExpiries(leases);
      for (const [at, before] of all.entries())
        assert((leases[at]?.expiresAtMs ?? 0) >= before, `lease ${at} at ${before}`);
    }),
    { numRuns: 20 },
  );
});
