/** Arithmetic on a set of voters that decides by majority (etcd raft/quorum/majority.go). */
import type { LogIndex, MemberId } from "../../lib/units.ts";

/** Of a vote in progress: enough said yes, enough said no, or neither yet. */
export type VoteResult = "pending" | "won" | "lost";

/** The largest index that a majority has acknowledged; 0 while it has acknowledged none. */
export function majorityCommittedIndex(
  voters: readonly MemberId[],
  acknowledged: (id: MemberId) => LogIndex,
): LogIndex {
  const indexes = voters.map(acknowledged).sort((a, b) => b - a);
  return indexes[Math.floor(voters.length / 2)] ?? (0 as LogIndex);
}

/** The outcome so far, where an absent vote may still come. */
export function majorityVoteResult(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const needed = Math.floor(voters.length / 2) + 1;
  let granted = 0;
  let rejected = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) rejected += 1;
  }
  if (granted >= needed) return "won";
  return voters.length - rejected >= needed ? "pending" : "lost";
}
