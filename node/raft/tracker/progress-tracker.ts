/**
 * The configuration in force, a leader's progress of everyone in it, and the votes of a campaign (etcd raft/tracker/tracker.go). It
 * counts; what follows from the count is raft's matter. A new configuration is made by confchange/ and put here by `apply`.
 */
import { assert } from "../../lib/assert.ts";
import type { LogIndex, MemberId } from "../../lib/units.ts";
import { jointCommittedIndex, jointVoteResult } from "../quorum/joint.ts";
import type { VoteResult } from "../quorum/majority.ts";
import type { ConfState } from "../types.ts";
import { Inflights } from "./inflights.ts";
import { Progress } from "./progress.ts";

/** Bounds of each follower's window; see RaftConfig. */
export interface TrackerLimits {
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
}

/** How a campaign stands. The counts are of voters that are in the configuration now. */
export interface VoteTally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

/** Nobody: where a node stands that was never told of a configuration. */
const emptyConfig: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

const ascending = (a: MemberId, b: MemberId): number => (a < b ? -1 : a > b ? 1 : 0);

/** Invariant: there is progress of exactly the voters of both halves and the learners. */
export class ProgressTracker {
  private readonly limits: TrackerLimits;
  private currentConfig = emptyConfig;
  private currentProgress: ReadonlyMap<MemberId, Progress> = new Map();
  private sortedVoters: readonly MemberId[] = [];
  private sortedMembers: readonly MemberId[] = [];
  private readonly votes = new Map<MemberId, boolean>();
  private readonly matchOf = (id: MemberId): LogIndex =>
    this.currentProgress.get(id)?.match ?? (0 as LogIndex);

  constructor(limits: TrackerLimits) {
    this.limits = limits;
  }

  /** The configuration in force; its lists ascend. */
  get config(): ConfState {
    return this.currentConfig;
  }

  /** By member; a leader's view, meaningless in other roles. */
  get progress(): ReadonlyMap<MemberId, Progress> {
    return this.currentProgress;
  }

  /** From now on this configuration counts, and this progress of its members. Votes stay. */
  apply(config: ConfState, progress: ReadonlyMap<MemberId, Progress>): void {
    const voters = new Set([...config.voters, ...config.votersOutgoing]);
    const members = new Set([...voters, ...config.learners]);
    for (const id of members) assert(progress.has(id), "a member without progress", id);
    assert(progress.size === members.size, "progress of who is no member", progress.size);
    this.currentConfig = config;
    this.currentProgress = progress;
    this.sortedVoters = [...voters].sort(ascending);
    this.sortedMembers = [...members].sort(ascending);
  }

  /** It votes, in either half of the configuration. */
  isVoter(id: MemberId): boolean {
    return this.sortedVoters.includes(id);
  }

  /** It is sent entries and does not vote. */
  isLearner(id: MemberId): boolean {
    return this.currentConfig.learners.includes(id);
  }

  /** One voter decides alone. */
  get isSingleton(): boolean {
    return this.currentConfig.voters.length === 1 && !this.isJoint;
  }

  /** Two majorities are needed (thesis 4.3). */
  get isJoint(): boolean {
    return this.currentConfig.votersOutgoing.length > 0;
  }

  /** The largest index that is durable at a quorum. */
  committedIndex(): LogIndex {
    const { voters, votersOutgoing } = this.currentConfig;
    return jointCommittedIndex(voters, votersOutgoing, this.matchOf);
  }

  /** A quorum answered since the last check; `self`, the leader that asks, counts as one that did. Learners do not count. */
  isQuorumActive(self: MemberId): boolean {
    const { voters, votersOutgoing } = this.currentConfig;
    const active = new Map<MemberId, boolean>();
    for (const id of this.sortedVoters) {
      active.set(id, id === self || this.currentProgress.get(id)?.isRecentActive === true);
    }
    return jointVoteResult(voters, votersOutgoing, active) === "won";
  }

  /** A campaign begins. */
  resetVotes(): void {
    this.votes.clear();
  }

  /** The first vote of a member counts. */
  recordVote(id: MemberId, isGranted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, isGranted);
  }

  /** How the campaign stands. Votes of who does not vote do not count. */
  tallyVotes(): VoteTally {
    const { voters, votersOutgoing } = this.currentConfig;
    let granted = 0;
    let rejected = 0;
    for (const id of this.sortedVoters) {
      const vote = this.votes.get(id);
      if (vote === true) granted += 1;
      else if (vote === false) rejected += 1;
    }
    return { granted, rejected, result: jointVoteResult(voters, votersOutgoing, this.votes) };
  }

  /** The voters of both halves, each once, ascending. */
  voterIds(): readonly MemberId[] {
    return this.sortedVoters;
  }

  /** Voters and learners, ascending. */
  memberIds(): readonly MemberId[] {
    return this.sortedMembers;
  }

  /** In state probe, inactive, with an empty window. */
  newProgress(match: LogIndex, next: LogIndex, isLearner: boolean): Progress {
    const { inflightMessagesMax, inflightBytesMax } = this.limits;
    const inflights = new Inflights(inflightMessagesMax, inflightBytesMax);
    return new Progress({ match, next, isLearner, inflights });
  }
}
