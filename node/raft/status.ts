/** What a node tells of itself: for metrics, for the strict checks of membership changes, for people. */
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import type { ConfState } from "./types.ts";

/** What a node is in its current term (thesis 3.3; the pre-candidate is of 9.6). */
export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** How a leader feeds a follower (etcd raft/tracker/state.go). */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** A leader's view of one member. */
export interface ProgressStatus {
  readonly id: MemberId;
  readonly isLearner: boolean;
  readonly state: ProgressState;
  /** The member's durable log equals the leader's up to here. */
  readonly match: LogIndex;
  /** The next entry to send. */
  readonly next: LogIndex;
  /** It answered since the last check of the quorum. */
  readonly isRecentActive: boolean;
  /** No entries are sent until it answers. */
  readonly isPaused: boolean;
  /** Index of the snapshot that it is being sent; 0 for none. */
  readonly pendingSnapshot: LogIndex;
  /** MsgApp on their way. */
  readonly inflightCount: number;
}

/** One moment of a node; `RawNode.status` makes it. */
export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId;
  readonly lead: MemberId;
  readonly committed: LogIndex;
  readonly applied: LogIndex;
  /** Whom the leader is handing over to; 0n for nobody. */
  readonly leadTransferee: MemberId;
  readonly confState: ConfState;
  /** Ascending by id; empty unless this node leads. */
  readonly progress: readonly ProgressStatus[];
}
