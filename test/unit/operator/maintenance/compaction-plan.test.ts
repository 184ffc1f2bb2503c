/** Up to where a compaction goes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CompactionInput,
  compactionPlan,
} from "../../../../operator/maintenance/compaction-plan.ts";

const nowMs = Date.UTC(2026, 0, 1, 12);
const minutesAgo = (minutes: number): string => new Date(nowMs - minutes * 60_000).toISOString();
const usual: CompactionInput = {
  before: { seenRevision: 5000, seenAt: minutesAgo(60) },
  newestRevision: 9000,
  nowMs,
  keepMinutes: 5,
  keepRevisions: 1000,
};

test("it goes to the revision that the run before saw", () => {
  assert.deepEqual(compactionPlan(usual), { kind: "compact", revision: 5000 });
});

test("so many of the newest revisions stay", () => {
  const plan = compactionPlan({ ...usual, newestRevision: 5400 });
  assert.deepEqual(plan, { kind: "compact", revision: 4400 });
});

for (const [what, fields] of [
  ["no run before", { before: {} }],
  ["a revision without a time", { before: { seenRevision: 5000 } }],
  ["a time that is none", { before: { seenRevision: 5000, seenAt: "yesterday" } }],
  ["a store that is younger than what was seen", { newestRevision: 4000 }],
  ["a time in the future", { before: { seenRevision: 5000, seenAt: minutesAgo(-10) } }],
  ["fewer revisions than are to stay", { newestRevision: 5001, keepRevisions: 6000 }],
  ["nothing new", { before: { ...usual.before, revision: 5000 } }],
] as const) {
  test(`with ${what} it only remembers`, () => {
    assert.equal(compactionPlan({ ...usual, ...fields }).kind, "remember");
  });
}

test("before the time it waits, and five minutes are the least whatever is asked for", () => {
  const at = (minutes: number, keepMinutes: number): string =>
    compactionPlan({
      ...usual,
      keepMinutes,
      before: { seenRevision: 5000, seenAt: minutesAgo(minutes) },
    }).kind;
  assert.deepEqual([at(59, 60), at(60, 60)], ["wait", "compact"]);
  assert.deepEqual([at(4.9, 0), at(5, 0)], ["wait", "compact"]);
});

test("whatever comes in, what it gives up was seen five minutes ago and is beyond what stays", () => {
  const inputs = fc.record({
    before: fc.record(
      {
        revision: fc.nat(1e6),
        seenRevision: fc.nat(1e6),
        seenAt: fc.integer({ min: -100, max: 100 }).map(minutesAgo),
      },
      { requiredKeys: [] },
    ),
    newestRevision: fc.nat(1e6),
    nowMs: fc.constant(nowMs),
    keepMinutes: fc.nat(60),
    keepRevisions: fc.integer({ min: 1, max: 1e6 }),
  });
  fc.assert(
    fc.property(inputs, (input) => {
      const plan = compactionPlan(input);
      if (plan.kind !== "compact") return;
      const { seenRevision = -1, seenAt = "", revision = 0 } = input.before;
      assert.ok(plan.revision <= seenRevision && plan.revision > revision && plan.revision > 0);
      assert.ok(plan.revision <= input.newestRevision - input.keepRevisions);
      assert.ok(nowMs - Date.parse(seenAt) >= Math.max(5, input.keepMinutes) * 60_000);
    }),
    { numRuns: 2000 },
  );
});
