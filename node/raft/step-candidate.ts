/** What a candidate or pre-candidate does with a message of its term (thesis 3.4, 9.6). */
import { campaign } from "./campaign.ts";
import type { Message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";
import { handleAppend, handleHeartbeat } from "./receive-entries.ts";
import { handleSnapshot } from "./receive-snapshot.ts";
import { broadcastAppend } from "./replicate.ts";

/** Somebody else leads this term: it follows. Otherwise it counts answers until the campaign is decided. */
export function stepCandidate(raft: Raft, message: Message): void {
  switch (message.type) {
    case "MsgApp":
      raft.becomeFollower(message.term, message.from);
      handleAppend(raft, message);
      break;
    case "MsgHeartbeat":
      raft.becomeFollower(message.term, message.from);
      handleHeartbeat(raft, message);
      break;
    case "MsgSnap":
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      break;
    case "MsgVoteResp":
      if (raft.role === "candidate") countVote(raft, message);
      break;
    case "MsgPreVoteResp":
      if (raft.role === "preCandidate") countVote(raft, message);
      break;
    default:
    // Proposals, reads and hand-overs need a leader; there is none.
  }
}

function countVote(raft: Raft, { from, reject }: Message): void {
  const { tracker } = raft;
  tracker.recordVote(from, !reject);
  const { result } = tracker.tallyVotes();
  if (result === "lost") {
    raft.becomeFollower(raft.currentTerm, nobody);
  } else if (result === "won") {
    if (raft.role === "preCandidate") {
      campaign(raft, "election");
    } else {
      raft.becomeLeader();
      broadcastAppend(raft);
    }
  }
}
