/** The real rules for a change of the CA, walked through every order of delays, crashes, losses and second operators in small clusters. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plantedBugs } from "../../../operator/model-tls/planted.ts";
import { plan } from "../../../operator/model-tls/rotation-plan.ts";
import { walk } from "../../../operator/model-tls/rotation-walk.ts";
import { type World, worldOf } from "../../../operator/model-tls/rotation-world.ts";

const worlds: readonly (readonly [string, World])[] = [
  [
    "three members, one of which goes down, one more that joins",
    worldOf(3, { downs: 1, joins: 1 }),
  ],
  [
    "two operators, of which one sleeps between look and write, a member down, one that joins",
    worldOf(2, { holds: 1, downs: 1, joins: 1 }),
  ],
  [
    "the CA's Secret is deleted at any moment, while a member joins",
    worldOf(2, { losses: 1, joins: 1 }),
  ],
  [
    "the CA's Secret is deleted at any moment, with two operators",
    worldOf(2, { losses: 1, holds: 1 }),
  ],
];

describe("a change of the CA", () => {
  for (const [name, start] of worlds) {
    test(`leaves nobody without the others, and comes to its end: ${name}`, (context) => {
      const { states, transitions, problem } = walk(start, { plan });
      context.diagnostic(`${states} states, ${transitions} transitions`);
      assert.equal(problem, undefined);
      assert.ok(states > 5_000, `only ${states} states`);
    });
  }

  for (const { name, plan: planted, start, isEndJudged = false, ...rest } of plantedBugs) {
    test(`planted bug is found: ${name}`, (context) => {
      const { states, problem } = walk(start, { plan: planted, isEndJudged, ...rest });
      assert.match(problem ?? "", isEndJudged ? /no end|does not/ : /does not (let in|believe)/);
      context.diagnostic(`after ${states} states: ${problem ?? ""}`);
    });
  }
});
