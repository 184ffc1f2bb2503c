/** The status of a node, made from its state. */
import type { Raft } from "./raft.ts";
import type { ProgressStatus, RaftStatus } from "./status.ts";

/** A copy: it does not change with the node. */
export function statusOf(raft: Raft): RaftStatus {
  const { id, role, currentTerm, vote, lead, leadTransferee, log, tracker } = raft;
  return {
    id,
    role,
    term: currentTerm,
    vote,
    lead,
    committed: log.committed,
    applied: log.applied,
    leadTransferee,
    confState: tracker.config,
    progress: role === "leader" ? progressOf(raft) : [],
  };
}

function progressOf({ tracker }: Raft): ProgressStatus[] {
  const statuses: ProgressStatus[] = [];
  for (const id of tracker.memberIds()) {
    const progress = tracker.progress.get(id);
    if (progress === undefined) continue;
    const { isLearner, state, match, next, isRecentActive, isPaused } = progress;
    statuses.push({
      id,
      isLearner,
      state,
      match,
      next,
      isRecentActive,
      isPaused,
      pendingSnapshot: progress.pendingSnapshot,
      inflightCount: progress.inflights.count,
    });
  }
  return statuses;
}
