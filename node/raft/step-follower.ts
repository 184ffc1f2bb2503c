/** What a follower does with a message of its term: it obeys its leader, and passes on to it what only a leader can do. */
import { campaignIfAllowed } from "./campaign.ts";
import type { Message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";
import { handleAppend, handleHeartbeat } from "./receive-entries.ts";
import { handleSnapshot } from "./receive-snapshot.ts";

/** Any word of the leader is a sign of its life. */
export function stepFollower(raft: Raft, message: Message): void {
  switch (message.type) {
    case "MsgApp":
      hearLeader(raft, message);
      handleAppend(raft, message);
      break;
    case "MsgHeartbeat":
      hearLeader(raft, message);
      handleHeartbeat(raft, message);
      break;
    case "MsgSnap":
      hearLeader(raft, message);
      handleSnapshot(raft, message);
      break;
    case "MsgProp":
    case "MsgReadIndex":
    case "MsgTransferLeader":
      if (raft.lead !== nobody) raft.forwardToLeader(message);
      break;
    case "MsgForgetLeader":
      raft.lead = nobody;
      break;
    case "MsgTimeoutNow":
      // The leader itself wants it: nobody is disturbed, so nobody is asked before.
      campaignIfAllowed(raft, "transfer");
      break;
    case "MsgReadIndexResp":
      takeReadAnswer(raft, message);
      break;
    default:
    // Answers that came too late for the role that had asked.
  }
}

function hearLeader(raft: Raft, { from }: Message): void {
  raft.electionElapsed = 0;
  raft.lead = from;
}

function takeReadAnswer(raft: Raft, { entries, index }: Message): void {
  const request = entries[0];
  if (request === undefined || entries.length !== 1) return;
  raft.readStates.push({ context: request.data, index });
}
