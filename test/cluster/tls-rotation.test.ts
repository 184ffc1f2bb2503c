/** A short form of `npm run rotation`: all certificates and both CAs of a cluster are replaced under load, twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runRotation } from "../tls/rotation.ts";
import type { RoundPlan } from "../tls/round.ts";

const plans: readonly RoundPlan[] = [
  { way: "secret", cutsPeers: true, restarts: false },
  { way: "torn", cutsPeers: false, restarts: true },
];

test("certificates and CAs are replaced under load without a failed request, an election or a lost write", async (t) => {
  const { problems, tally, sessions } = await runRotation({
    rounds: plans.length,
    plan: (round) => plans[round - 1] as RoundPlan,
    clients: 20,
    pauseMs: 100,
    lifeMs: 1000,
    seed: 1,
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(problems, []);
  assert.ok(tally.acknowledged > 0 && tally.connects > 20 && sessions > 0);
});
