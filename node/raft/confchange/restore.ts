/**
 * A configuration as a snapshot tells it (etcd raft/confchange/restore.go), made by the changer's own steps from nothing, so that what is
 * restored obeys the same invariants as what was changed to.
 */
import { assert } from "../../lib/assert.ts";
import type { MemberId } from "../../lib/units.ts";
import { type ConfChangeSingle, confChangeType } from "../../proto/conf-change-codec.ts";
import type { ConfState } from "../types.ts";
import { enterJoint, type Refusal, simple } from "./changer.ts";
import type { ChangerContext, ChangerState } from "./draft.ts";

const nothing: ChangerState = {
  config: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  progress: new Map(),
};

const adding = (ids: readonly MemberId[]): ConfChangeSingle[] =>
  ids.map((nodeId) => ({ type: confChangeType.addNode, nodeId }));
const removing = (ids: readonly MemberId[]): ConfChangeSingle[] =>
  ids.map((nodeId) => ({ type: confChangeType.removeNode, nodeId }));
const addingLearners = (ids: readonly MemberId[]): ConfChangeSingle[] =>
  ids.map((nodeId) => ({ type: confChangeType.addLearnerNode, nodeId }));

/** The configuration `confState`, with new progress of everyone. What no change could have led to is a bug. */
export function restoreConfig(confState: ConfState, context: ChangerContext): ChangerState {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState;
  const outgoing = addOneByOne(nothing, adding(votersOutgoing), context);
  // The outgoing voters go first: who is also in another list comes back as what that list says.
  const incoming = [
    ...removing(votersOutgoing),
    ...adding(voters),
    ...addingLearners(learners),
    ...addingLearners(learnersNext),
  ];
  if (votersOutgoing.length === 0) {
    assert(!autoLeave && learnersNext.length === 0, "a snapshot with an impossible configuration");
    return addOneByOne(nothing, incoming, context);
  }
  return mustSucceed(enterJoint(outgoing, autoLeave, incoming, context));
}

function addOneByOne(
  from: ChangerState,
  changes: readonly ConfChangeSingle[],
  context: ChangerContext,
): ChangerState {
  let state = from;
  for (const change of changes) state = mustSucceed(simple(state, [change], context));
  return state;
}

function mustSucceed(result: ChangerState | Refusal): ChangerState {
  assert(!("problem" in result), "a snapshot with an impossible configuration");
  return result;
}
