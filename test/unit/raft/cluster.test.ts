/** Thesis figure 3.2 on random clusters in an unkind world; see random-cluster.ts for what can happen in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../mvcc/key-parts.ts";
import { RandomCluster, type Seen } from "./random-cluster.ts";

const settings = {
  seed: fc.nat(),
  size: fc.integer({ min: 3, max: 5 }),
  checkQuorum: fc.boolean(),
  preVote: fc.boolean(),
  messageBytesMax: fc.constantFrom(1, 60, 1024 * 1024),
  inflightMessagesMax: fc.constantFrom(1, 2, 256),
};

function run(withConfChanges: boolean, stepCount: number, numRuns: number): Seen {
  const total: Seen = {
    leaders: 0,
    crashes: 0,
    snapshots: 0,
    confChanges: 0,
    reads: 0,
    applied: 0,
  };
  const property = fc.property(fc.record(settings), ({ seed, ...options }) => {
    const random = seededRandom(seed);
    const cluster = new RandomCluster({ ...options, random, withConfChanges });
    for (let at = 0; at < stepCount; at++) cluster.step();
    cluster.heal();
    for (const key of Object.keys(total) as (keyof Seen)[]) total[key] += cluster.seen[key];
  });
  fc.assert(property, { numRuns });
  return total;
}

test("random clusters of fixed members are safe in any weather, and alive when it clears", () => {
  const seen = run(false, 4000, 200);
  for (const key of ["leaders", "crashes", "snapshots", "reads", "applied"] as const) {
    assert.ok(seen[key] > 100, `${key} must happen in most runs: ${seen[key]}`);
  }
});

test("random clusters whose members change are safe in any weather, and alive when it clears", () => {
  const seen = run(true, 4000, 200);
  assert.ok(seen.confChanges > 150, `conf changes must happen in most runs: ${seen.confChanges}`);
});
