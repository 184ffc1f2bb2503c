/** How soon the next look comes, and names of new members. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { candidateMemberName } from "../../../../operator/controller/member-name.ts";
import { Pace } from "../../../../operator/controller/pace.ts";
import { isSameJson } from "../../../../operator/controller/same.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("steps follow each other at once, but one that is repeated again and again waits longer each time", () => {
  const pace = new Pace(new SeededRandom(1));
  assert.deepEqual(
    ["a", "b", "c", "a"].map((step) => pace.afterStep("ns/db", step)),
    [0, 0, 0, 0],
  );
  const waits = Array.from({ length: 12 }, () => pace.afterStep("ns/db", "apply Service x"));
  assert.deepEqual(waits.slice(0, 6), [0, 0, 0, 1_000, 2_000, 4_000]);
  assert.equal(waits.at(-1), 60_000);
  assert.equal(pace.afterStep("ns/other", "apply Service x"), 0);
  pace.afterRest("ns/db");
  assert.equal(pace.afterStep("ns/db", "apply Service x"), 0);
});

test("looks without a step are spread over a tenth of their time", () => {
  const pace = new Pace(new SeededRandom(1));
  const waits = Array.from({ length: 100 }, (_, at) => pace.afterRest(`ns/${at}`));
  assert.ok(waits.every((wait) => wait >= 60_000 && wait < 66_000));
  assert.ok(Math.max(...waits) - Math.min(...waits) > 5_000);
});

test("a change that is under way is looked at within a second or two, and more rarely when it goes on and on", () => {
  const pace = new Pace(new SeededRandom(1));
  const waits = Array.from({ length: 20 }, () => pace.afterWait("ns/db", "LearnerSyncing"));
  assert.ok(waits.slice(0, 4).every((wait) => wait >= 1_000 && wait < 2_000));
  assert.ok(waits.slice(15).every((wait) => wait >= 10_000 && wait < 11_000));
  assert.ok(pace.afterWait("ns/db", "PodNotReady") < 1_200, "another wait begins anew");
  assert.ok(pace.afterWait("ns/db", "MaintenanceRunning") >= 10_000);
});

test("names of members are DNS labels that differ", () => {
  const random = new SeededRandom(1);
  const names = Array.from({ length: 500 }, () => candidateMemberName("db", random));
  for (const name of names) assert.match(name, /^db-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
  assert.equal(new Set(names).size, 500);
});

test("a field that is undefined is as good as none; order of fields does not count, order of items does", () => {
  assert.ok(
    isSameJson({ a: 1, b: undefined, c: [{ d: 1 }] }, { c: [{ d: 1, e: undefined }], a: 1 }),
  );
  assert.ok(!isSameJson({ a: [1, 2] }, { a: [2, 1] }));
  assert.ok(!isSameJson({ a: null }, {}));
  assert.ok(!isSameJson({ a: [] }, { a: {} }));
});
