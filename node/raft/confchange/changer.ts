/**
 * From one configuration to the next (thesis chapter 4, etcd raft/confchange): one voter at a time, where every two majorities of old and
 * new meet, or any number through a joint configuration. Pure: states in, a new state or the reason of a refusal out. When a change is
 * proposed, committed and applied is raft's matter.
 */
import { assert } from "../../lib/assert.ts";
import { memberId } from "../../lib/units.ts";
import {
  type ConfChangeSingle,
  type ConfChangeV2,
  confChangeTransition,
  confChangeType,
} from "../../proto/conf-change-codec.ts";
import { type ChangerContext, type ChangerState, ConfigDraft } from "./draft.ts";

/** Why a change cannot be made to this configuration. Nothing has changed. */
export interface Refusal {
  readonly problem: string;
}

/** How a change is made: at once, through a joint configuration that is left by itself or not, or by leaving that one. */
export type Transition = "simple" | { readonly autoLeave: boolean } | "leave";

/** An unknown transition value is a bug: raft refuses such a change before it is proposed. */
export function transitionOf(change: ConfChangeV2): Transition {
  const { auto, jointImplicit, jointExplicit } = confChangeTransition;
  const { transition, changes } = change;
  if (transition === auto) {
    if (changes.length === 0) return "leave";
    return changes.length === 1 ? "simple" : { autoLeave: true };
  }
  assert(
    transition === jointImplicit || transition === jointExplicit,
    "unknown transition of a conf change",
    transition,
  );
  return { autoLeave: transition === jointImplicit };
}

/** One step: at most one voter comes or goes; any number of learners do (thesis 4.1, 4.2.1). */
export function simple(
  state: ChangerState,
  changes: readonly ConfChangeSingle[],
  context: ChangerContext,
): ChangerState | Refusal {
  if (isJoint(state))
    return { problem: "a simple change is not possible in a joint configuration" };
  const draft = new ConfigDraft(state);
  const refusal = makeChanges(draft, changes, context);
  if (refusal !== undefined) return refusal;
  const before = new Set(state.config.voters);
  const added = [...draft.incoming].filter((id) => !before.has(id)).length;
  const removed = [...before].filter((id) => !draft.incoming.has(id)).length;
  if (added + removed > 1) {
    return { problem: "more than one voter changed without a joint configuration" };
  }
  return draft.finish();
}

/** Both the old and the new voters decide from here, each by its own majority, until `leaveJoint` (thesis 4.3). */
export function enterJoint(
  state: ChangerState,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
  context: ChangerContext,
): ChangerState | Refusal {
  if (isJoint(state)) return { problem: "the configuration is joint already" };
  if (state.config.voters.length === 0) {
    return { problem: "a configuration without voters cannot become joint" };
  }
  const draft = new ConfigDraft(state);
  draft.outgoing = new Set(draft.incoming);
  const refusal = makeChanges(draft, changes, context);
  if (refusal !== undefined) return refusal;
  draft.autoLeave = autoLeave;
  return draft.finish();
}

/** The new voters decide alone from here. */
export function leaveJoint(state: ChangerState): ChangerState | Refusal {
  if (!isJoint(state)) return { problem: "the configuration is not joint" };
  const draft = new ConfigDraft(state);
  draft.leaveJoint();
  return draft.finish();
}

/** Changes in their order; a change of nobody and an update of a member are none. */
function makeChanges(
  draft: ConfigDraft,
  changes: readonly ConfChangeSingle[],
  context: ChangerContext,
): Refusal | undefined {
  const { addNode, removeNode, updateNode, addLearnerNode } = confChangeType;
  for (const { type, nodeId } of changes) {
    // etcd puts 0 in the place of the id when its server refuses the change after it was committed.
    if (nodeId === 0n) continue;
    const id = memberId(nodeId);
    if (type === addNode) draft.makeVoter(id, context);
    else if (type === addLearnerNode) draft.makeLearner(id, context);
    else if (type === removeNode) draft.remove(id);
    else if (type !== updateNode)
      return { problem: `unknown type of conf change: ${String(type)}` };
  }
  return draft.incoming.size === 0 ? { problem: "the last voter cannot be removed" } : undefined;
}

function isJoint({ config }: ChangerState): boolean {
  return config.votersOutgoing.length > 0;
}
