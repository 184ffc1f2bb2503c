/** The attacks in short, one after the other on one member: it lives, keeps to its memory, and serves the honest client. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { OneMember } from "../support/one-member.ts";
import { attacks } from "./attacks.ts";
import { TlsMember } from "./tls-member.ts";
import { percentile, prepare, runTlsTrial, runTrial } from "./trial.ts";
import { judge } from "./verdict.ts";

const durationMs = 400;

describe("a member under attack", () => {
  let member: OneMember;
  before(async () => {
    member = await OneMember.start();
    await prepare(member);
  });
  after(() => member.stop());

  for (const attack of attacks.filter(({ isOnTls }) => isOnTls !== true)) {
    test(attack.name, async () => {
      const trial = await runTrial(member, attack, durationMs);
      assert.deepEqual(judge(member, trial), []);
    });
  }
});

describe("a member whose TLS is attacked", () => {
  let member: TlsMember;
  before(async () => {
    member = await TlsMember.start();
  });
  after(() => member.stop());

  for (const attack of attacks.filter(({ isOnTls }) => isOnTls === true)) {
    test(attack.name, async () => {
      const trial = await runTlsTrial(member, attack, durationMs);
      assert.deepEqual(judge(member, trial), []);
    });
  }
});

test("a percentile is a value that was seen", () => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at);
  assert.deepEqual([percentile(values, 0.5), percentile(values, 0.99)], [51, 100]);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});
