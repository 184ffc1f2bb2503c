/** Giving one's vote, and one's opinion before it (thesis 3.4, 3.6.1, 4.2.3, 9.6). */
import { compareBytes, fromText } from "../lib/bytes.ts";
import type { Message } from "./messages.ts";
import { nobody, type Raft } from "./raft.ts";

/** Context of a MsgVote whose candidate was told to campaign by the leader itself (etcd's campaignTransfer). */
export const transferContext: Uint8Array = fromText("CampaignTransfer");

/**
 * While a leader is heard of, somebody who was removed, or cut off, shall not end its term (thesis 4.2.3): the request changes nothing,
 * not even the term. Precondition: the message is of a later term.
 */
export function isIgnoredForLease(raft: Raft, message: Message): boolean {
  if (message.type !== "MsgVote" && message.type !== "MsgPreVote") return false;
  const { checkQuorum, electionTicks } = raft.config;
  const isInLease = checkQuorum && raft.lead !== nobody && raft.electionElapsed < electionTicks;
  return isInLease && compareBytes(message.context, transferContext) !== 0;
}

/**
 * MsgVote or MsgPreVote of this term, or a pre-vote for a later one. A grant carries the term that was asked for, a rejection our own.
 * Learners answer too: one that does not know yet that it was promoted may be needed for a majority.
 */
export function answerVote(raft: Raft, message: Message): void {
  const { from, term } = message;
  const isPreVote = message.type === "MsgPreVote";
  const type = isPreVote ? "MsgPreVoteResp" : "MsgVoteResp";
  const isFree =
    raft.vote === from ||
    (raft.vote === nobody && raft.lead === nobody) ||
    (isPreVote && term > raft.currentTerm);
  if (!isFree || !raft.log.isUpToDate(message.index, message.logTerm)) {
    raft.send({ type, to: from, term: raft.currentTerm, reject: true });
    return;
  }
  raft.send({ type, to: from, term });
  if (isPreVote) return;
  raft.electionElapsed = 0;
  raft.vote = from;
}
