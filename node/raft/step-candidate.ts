/** What a candidate does with a message of its term (thesis 3.4). */
import type { Message } from "./messages.ts";
import type { Raft } from "./raft.ts";

/** Counts votes until the campaign is decided. */
export function stepCandidate(raft: Raft, message: Message): void {
  if (message.type !== "MsgVoteResp") return;
  const result = raft.tracker.recordVote(message.from, !message.reject);
  if (result === "won") raft.becomeLeader();
  else if (result === "lost") raft.becomeFollower(raft.currentTerm, 0n as typeof raft.lead);
}
