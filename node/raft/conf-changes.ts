/** Changing who belongs to the cluster (thesis 4): what the leader lets into the log, and what a change does once it is applied. */
import { assert } from "../lib/assert.ts";
import { emptyBytes } from "../lib/bytes.ts";
import { logIndex } from "../lib/units.ts";
import {
  asConfChangeV2,
  type ConfChangeV2,
  confChangeTransition,
  decodeConfChange,
  decodeConfChangeV2,
} from "../proto/conf-change-codec.ts";
import { enterJoint, leaveJoint, simple, transitionOf } from "./confchange/changer.ts";
import type { ChangerState } from "./confchange/draft.ts";
import { nobody, type Raft } from "./raft.ts";
import type { Proposal } from "./ready.ts";
import { broadcastAppend, maybeCommit, maybeSendAppend } from "./replicate.ts";
import { type ConfState, entryType } from "./types.ts";

const { auto, jointExplicit } = confChangeTransition;
const emptyEntry: Proposal = { type: entryType.normal, data: emptyBytes };

/**
 * The proposals, where an empty entry stands for each conf change that must not be appended now: while another may be unapplied, or
 * when it does not fit to whether the configuration is joint. The one that may is pending from now on.
 */
export function withoutRefused(raft: Raft, proposals: readonly Proposal[]): readonly Proposal[] {
  let accepted: Proposal[] | undefined;
  for (let at = 0; at < proposals.length; at++) {
    const proposal = proposals[at];
    if (proposal === undefined || proposal.type === entryType.normal) continue;
    if (mayAppend(raft, proposal)) {
      raft.pendingConfIndex = logIndex(raft.log.lastIndex + at + 1);
    } else {
      accepted ??= [...proposals];
      accepted[at] = emptyEntry;
    }
  }
  return accepted ?? proposals;
}

function mayAppend(raft: Raft, { type, data }: Proposal): boolean {
  if (raft.pendingConfIndex > raft.log.applied) return false;
  const change =
    type === entryType.confChange
      ? asConfChangeV2(decodeConfChange(data))
      : decodeConfChangeV2(data);
  const { transition, changes } = change;
  const isLeaving = changes.length === 0;
  // etcd lets these into a joint configuration's log, and every member panics when it applies them.
  if (isLeaving ? transition !== auto : transition > jointExplicit) return false;
  return isLeaving === raft.tracker.isJoint;
}

/**
 * The change of an entry that is being applied. Returns the configuration that holds from now on. What the changer refuses should never
 * have come into the log: a bug.
 */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  const { config, progress } = raft.tracker;
  const transition = transitionOf(change);
  const state: ChangerState = { config, progress };
  const { changes } = change;
  let next: ReturnType<typeof simple>;
  if (transition === "leave") next = leaveJoint(state);
  else if (transition === "simple") next = simple(state, changes, raft.changerContext);
  else next = enterJoint(state, transition.autoLeave, changes, raft.changerContext);
  const problem = "problem" in next ? next.problem : undefined;
  assert(!("problem" in next), "a conf change that cannot be applied", problem);
  switchToConfig(raft, next);
  return raft.tracker.config;
}

/**
 * The configuration and progress that count from now on, and what follows from them at once: a leader that is no voter any more steps
 * down; a smaller quorum may have committed more; who is new is probed without waiting for a heartbeat; who was removed cannot be
 * handed over to.
 */
export function switchToConfig(raft: Raft, { config, progress }: ChangerState): void {
  const { tracker } = raft;
  tracker.apply(config, progress);
  if (raft.role !== "leader") return;
  const own = progress.get(raft.id);
  if (own === undefined || own.isLearner) {
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.currentTerm, nobody);
    return;
  }
  if (config.voters.length === 0) return;
  if (maybeCommit(raft)) {
    broadcastAppend(raft);
  } else {
    for (const id of tracker.memberIds()) {
      if (id !== raft.id) maybeSendAppend(raft, id, false);
    }
  }
  if (!tracker.isVoter(raft.leadTransferee)) raft.leadTransferee = nobody;
}
