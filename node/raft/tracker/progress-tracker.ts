/** The leader's view of how far each voter's durable log reaches, and the votes of a campaign (etcd raft/tracker). */
import { assert } from "../../lib/assert.ts";
import type { LogIndex, MemberId } from "../../lib/units.ts";
import { majorityCommittedIndex, majorityVoteResult, type VoteResult } from "../quorum/majority.ts";

export class ProgressTracker {
  private voters: readonly MemberId[];
  private readonly match = new Map<MemberId, LogIndex>();
  private readonly votes = new Map<MemberId, boolean>();

  constructor(voters: readonly MemberId[]) {
    this.voters = voters;
  }

  setVoters(voters: readonly MemberId[]): void {
    this.voters = voters;
  }

  isVoter(id: MemberId): boolean {
    return this.voters.includes(id);
  }

  get isSingleton(): boolean {
    return this.voters.length === 1;
  }

  resetMatch(): void {
    this.match.clear();
  }

  /** `id` holds the leader's log up to `index`. True if that is news. */
  updateMatch(id: MemberId, index: LogIndex): boolean {
    assert(this.isVoter(id), "progress of an unknown member", id);
    if (index <= this.matchOf(id)) return false;
    this.match.set(id, index);
    return true;
  }

  matchOf(id: MemberId): LogIndex {
    return this.match.get(id) ?? (0 as LogIndex);
  }

  committedIndex(): LogIndex {
    return majorityCommittedIndex(this.voters, (id) => this.matchOf(id));
  }

  resetVotes(): void {
    this.votes.clear();
  }

  /** The first vote of a member counts. */
  recordVote(id: MemberId, granted: boolean): VoteResult {
    if (!this.votes.has(id)) this.votes.set(id, granted);
    return majorityVoteResult(this.voters, this.votes);
  }
}
