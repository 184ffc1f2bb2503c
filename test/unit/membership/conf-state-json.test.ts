import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromText } from "../../../node/lib/bytes.ts";
import { memberId } from "../../../node/lib/units.ts";
import {
  confStateFromJson,
  confStateToJson,
  emptyConfState,
  idsOf,
  isJoint,
  isVoter,
} from "../../../node/membership/conf-state-json.ts";
import { confStateOf, id } from "./membership-lab.ts";

test("every configuration survives JSON, with ids of all 64 bits", () => {
  const ids = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(memberId), { maxLength: 4 });
  const state = fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  });
  fc.assert(
    fc.property(state, (one) => {
      assert.deepEqual(confStateFromJson(fromText(confStateToJson(one))), { ...one });
    }),
  );
});

test("what Go leaves out reads as empty", () => {
  assert.deepEqual(confStateFromJson(fromText("{}")), emptyConfState);
});

test("in a joint configuration a vote in one half is a vote, and everybody is in it", () => {
  const state = confStateOf({ voters: [3, 1], votersOutgoing: [1, 2], learners: [9] });
  assert.equal(isJoint(state), true);
  assert.equal(isJoint(emptyConfState), false);
  assert.equal(isVoter(state, id(2)), true);
  assert.equal(isVoter(state, id(9)), false);
  assert.deepEqual(idsOf(state), [1n, 2n, 3n, 9n]);
});
