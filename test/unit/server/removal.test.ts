import assert from "node:assert/strict";
import { test } from "node:test";
import { memberId } from "../../../node/lib/units.ts";
import type { ConfState } from "../../../node/raft/types.ts";
import { Removal } from "../../../node/server/removal.ts";
import { confState } from "../raft/raft-lab.ts";

const [self, second, third, fourth, fifth] = [1n, 2n, 3n, 4n, 5n].map(memberId) as [
  ReturnType<typeof memberId>,
  ReturnType<typeof memberId>,
  ReturnType<typeof memberId>,
  ReturnType<typeof memberId>,
  ReturnType<typeof memberId>,
];

function make(state: ConfState): { removal: Removal; ends: () => number } {
  let ends = 0;
  const removal = new Removal({
    id: self,
    confState: () => state,
    onRemoved: () => {
      ends += 1;
    },
  });
  return { removal, ends: () => ends };
}

test("a removed member stays until a majority of those who remain have stored its removal", () => {
  const { removal, ends } = make(confState({ voters: [second, third, fourth] }));
  removal.applied();
  removal.toldBy(second);
  removal.toldBy(second);
  assert.equal(ends(), 0);
  removal.toldBy(third);
  assert.equal(ends(), 1);
});

test("one that has not applied its removal asks for a majority of the others it knows", () => {
  const { removal, ends } = make(confState({ voters: [self, second, third] }));
  removal.toldBy(second);
  assert.equal(ends(), 0);
  removal.toldBy(third);
  assert.equal(ends(), 1);
});

test("in a joint configuration both halves must have told it", () => {
  const state = confState({ voters: [fourth, fifth], votersOutgoing: [self, second, third] });
  const { removal, ends } = make(state);
  for (const id of [fourth, fifth, second]) removal.toldBy(id);
  assert.equal(ends(), 0);
  removal.toldBy(third);
  assert.equal(ends(), 1);
});

test("one who has never learned who votes goes at the first word: nobody counts it", () => {
  const { removal, ends } = make(confState({}));
  removal.toldBy(second);
  assert.equal(ends(), 1);
});
