/** What a leader does with a message of its term (thesis 3.5, 3.6 and 6.4). */
import type { Message } from "./messages.ts";
import type { Raft } from "./raft.ts";

/** Counts what voters hold, and commits what a majority holds. */
export function stepLeader(raft: Raft, message: Message): void {
  if (message.type !== "MsgAppResp") return;
  if (!raft.tracker.updateMatch(message.from, message.index)) return;
  if (raft.log.maybeCommit(raft.tracker.committedIndex(), raft.currentTerm)) answerReads(raft);
}

/**
 * Answers the reads that wait, if the leader may: it must have committed an entry of its own term, or an older leader's
 * newer commits could be missed; and a quorum must confirm it, which the only voter does alone.
 */
export function answerReads(raft: Raft): void {
  if (raft.pendingReads.length === 0) return;
  if (raft.log.term(raft.log.committed) !== raft.currentTerm || !raft.tracker.isSingleton) return;
  for (const context of raft.pendingReads)
    raft.readStates.push({ context, index: raft.log.committed });
  raft.pendingReads.length = 0;
}
