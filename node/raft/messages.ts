/**
 * Messages between raft nodes, by etcd's names. Until a cluster has more than one voter only the two answers exist that a
 * node addresses to itself, to count its own vote and its own log once they are durable (thesis 10.2.1).
 */
import type { LogIndex, MemberId, Term } from "../lib/units.ts";

/** A vote for or against `to` in `term`. */
export interface MsgVoteResp {
  readonly type: "MsgVoteResp";
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: Term;
  readonly reject: boolean;
}

/** The sender's log is durable up to `index`, and equals the leader's of `term` up to there. */
export interface MsgAppResp {
  readonly type: "MsgAppResp";
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: Term;
  readonly index: LogIndex;
}

/** Every message that exists so far. */
export type Message = MsgVoteResp | MsgAppResp;
