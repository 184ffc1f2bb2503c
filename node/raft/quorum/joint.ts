/**
 * Arithmetic on a joint configuration (thesis 4.3, etcd raft/quorum/joint.go): what is decided needs a majority of the incoming and a
 * majority of the outgoing voters, each counted on its own. A voter in both halves therefore never counts twice in one of them.
 * Outside a joint configuration the outgoing half is empty and has no say.
 */
import type { LogIndex, MemberId } from "../../lib/units.ts";
import { majorityCommittedIndex, majorityVoteResult, type VoteResult } from "./majority.ts";

/** The largest index that majorities of both halves have acknowledged; 0 while there is none, or no voter at all. */
export function jointCommittedIndex(
  incoming: readonly MemberId[],
  outgoing: readonly MemberId[],
  acknowledged: (id: MemberId) => LogIndex,
): LogIndex {
  const ofIncoming = majorityCommittedIndex(incoming, acknowledged);
  if (outgoing.length === 0) return ofIncoming;
  const ofOutgoing = majorityCommittedIndex(outgoing, acknowledged);
  return ofIncoming < ofOutgoing ? ofIncoming : ofOutgoing;
}

/** Won if both halves are won, lost as soon as one is; an empty half is won. */
export function jointVoteResult(
  incoming: readonly MemberId[],
  outgoing: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const ofIncoming = halfResult(incoming, votes);
  const ofOutgoing = halfResult(outgoing, votes);
  if (ofIncoming === ofOutgoing) return ofIncoming;
  return ofIncoming === "lost" || ofOutgoing === "lost" ? "lost" : "pending";
}

/** By convention nobody's consent is asked where there is nobody. */
function halfResult(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  return voters.length === 0 ? "won" : majorityVoteResult(voters, votes);
}
