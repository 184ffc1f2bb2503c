/** Trying to become leader (thesis 3.4, 9.6). */
import { logIndex, type Term, term } from "../lib/units.ts";
import type { Raft } from "./raft.ts";
import { entryType } from "./types.ts";
import { transferContext } from "./vote.ts";

/** By which way: asking first, for real, or at the word of the leader that hands over. */
type CampaignKind = "preElection" | "election" | "transfer";

/** MsgHup: it is time to campaign. */
export function hup(raft: Raft): void {
  campaignIfAllowed(raft, raft.config.preVote ? "preElection" : "election");
}

/**
 * No effect for a leader, for one who may not vote, and while a conf change is committed and not applied: that one could change who
 * votes, and the majority that elected us would not be one.
 */
export function campaignIfAllowed(raft: Raft, kind: CampaignKind): void {
  if (raft.role === "leader" || !raft.isPromotable || hasUnappliedConfChange(raft)) return;
  campaign(raft, kind);
}

/** Asks all voters. Its own vote is an answer like theirs, because it must be durable before it counts. */
export function campaign(raft: Raft, kind: CampaignKind): void {
  const isPreVote = kind === "preElection";
  let asked: Term;
  if (isPreVote) {
    raft.becomePreCandidate();
    asked = term(raft.currentTerm + 1);
  } else {
    raft.becomeCandidate();
    asked = raft.currentTerm;
  }
  const { lastIndex, lastTerm } = raft.log;
  for (const to of raft.tracker.voterIds()) {
    if (to === raft.id) {
      raft.send({ type: isPreVote ? "MsgPreVoteResp" : "MsgVoteResp", to, term: asked });
      continue;
    }
    raft.send({
      type: isPreVote ? "MsgPreVote" : "MsgVote",
      to,
      term: asked,
      index: lastIndex,
      logTerm: lastTerm,
      ...(kind === "transfer" ? { context: transferContext } : {}),
    });
  }
}

function hasUnappliedConfChange({ log }: Raft): boolean {
  for (let index = log.applied + 1; index <= log.committed; index++) {
    if (log.entry(logIndex(index)).type !== entryType.normal) return true;
  }
  return false;
}
