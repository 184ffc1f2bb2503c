/** What the tests of configuration changes share: small ids, new progress, and the changer as it is used. */
import assert from "node:assert/strict";
import { logIndex, type MemberId, memberId } from "../../../../node/lib/units.ts";
import { type ConfChangeSingle, confChangeType } from "../../../../node/proto/conf-change-codec.ts";
import type { Refusal } from "../../../../node/raft/confchange/changer.ts";
import type { ChangerContext, ChangerState } from "../../../../node/raft/confchange/draft.ts";
import { Inflights } from "../../../../node/raft/tracker/inflights.ts";
import { Progress } from "../../../../node/raft/tracker/progress.ts";
import type { ConfState } from "../../../../node/raft/types.ts";

export const ids = (...numbers: number[]): MemberId[] =>
  numbers.map((number) => memberId(BigInt(number)));

export const context: ChangerContext = {
  newProgress(isLearner) {
    const inflights = new Inflights(1, Infinity);
    return new Progress({ match: logIndex(0), next: logIndex(1), isLearner, inflights });
  },
};

export const emptyState: ChangerState = {
  config: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  progress: new Map(),
};

export const confState = (lists: Partial<ConfState>): ConfState => ({
  ...emptyState.config,
  ...lists,
});

const letters: Record<string, number> = {
  v: confChangeType.addNode,
  l: confChangeType.addLearnerNode,
  r: confChangeType.removeNode,
  u: confChangeType.updateNode,
};

/** "v1 l2 r3 u4": add a voter, add a learner, remove, update. */
export const changes = (text: string): ConfChangeSingle[] =>
  text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ type: letters[word[0] ?? ""] ?? 9, nodeId: BigInt(word.slice(1)) }));

export function mustSucceed(result: ChangerState | Refusal): ChangerState {
  assert.ok(!("problem" in result), "problem" in result ? result.problem : "");
  return result;
}

export function problemOf(result: ChangerState | Refusal): string {
  assert.ok("problem" in result, "the change was not refused");
  return result.problem;
}
