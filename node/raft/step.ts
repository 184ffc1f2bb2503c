/** Every message from the network, and the node's own that waited for its disk, comes in here (etcd raft/raft.go, Step). */
import type { Message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";
import { stepCandidate } from "./step-candidate.ts";
import { stepFollower } from "./step-follower.ts";
import { stepLeader } from "./step-leader.ts";
import { answerVote, isIgnoredForLease } from "./vote.ts";

/** Brings the terms together, then lets the role decide. Term 0 stands for "the receiver's". */
export function step(raft: Raft, message: Message): void {
  if (message.term > raft.currentTerm) {
    if (isIgnoredForLease(raft, message)) return;
    followNewerTerm(raft, message);
  } else if (message.term !== 0 && message.term < raft.currentTerm) {
    answerOlderTerm(raft, message);
    return;
  }
  if (message.type === "MsgVote" || message.type === "MsgPreVote") {
    answerVote(raft, message);
    return;
  }
  switch (raft.role) {
    case "follower":
      stepFollower(raft, message);
      break;
    case "preCandidate":
    case "candidate":
      stepCandidate(raft, message);
      break;
    case "leader":
      stepLeader(raft, message);
      break;
  }
}

/** A later term makes a follower of everybody (thesis 3.3). A pre-vote and its grant speak of a term that nobody is in yet. */
function followNewerTerm(raft: Raft, message: Message): void {
  const { type, term, from } = message;
  if (type === "MsgPreVote" || (type === "MsgPreVoteResp" && !message.reject)) return;
  const isFromLeader = type === "MsgApp" || type === "MsgHeartbeat" || type === "MsgSnap";
  raft.becomeFollower(term, isFromLeader ? from : nobody);
}

/**
 * Mostly silence. But with the lease of `checkQuorum`, or with pre-votes, a node of a later term would be heard by nobody: a leader of
 * an earlier term is told of this one by an empty answer, and a pre-candidate by a rejection.
 */
function answerOlderTerm(raft: Raft, message: Message): void {
  const { type, from } = message;
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && (type === "MsgApp" || type === "MsgHeartbeat")) {
    raft.send({ type: "MsgAppResp", to: from });
  } else if (type === "MsgPreVote") {
    raft.send({ type: "MsgPreVoteResp", to: from, term: raft.currentTerm, reject: true });
  }
}
