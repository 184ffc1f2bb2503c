/**
 * Messages between raft nodes and from a node to itself, by etcd's names and in the shape of raftpb.Message: one flat record, so that
 * the code that handles thousands of them a second sees one hidden class. A field that a type does not use is zero or empty.
 */
import { emptyBytes } from "../lib/bytes.ts";
import type { LogIndex, MemberId, Term } from "../lib/units.ts";
import type { Entry, Snapshot } from "./types.ts";

/** raftpb.MessageType with its wire numbers; 19 to 22 belong to a storage thread that this implementation does without. */
export const messageType = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgForgetLeader: 23,
} as const;
export type MessageType = keyof typeof messageType;

/** One message. `term` 0 stands for "local", or, in MsgProp and MsgReadIndex, for "whatever the receiver's term is". */
export interface Message {
  readonly type: MessageType;
  readonly to: MemberId;
  readonly from: MemberId;
  readonly term: Term;
  /** MsgApp: term of the entry at `index`. MsgVote, MsgPreVote: of the last entry. MsgAppResp with `reject`: of `rejectHint`. */
  readonly logTerm: Term;
  /** MsgApp: the entry that `entries` follow. Answers: what they acknowledge or reject. Votes: the last entry. */
  readonly index: LogIndex;
  readonly entries: readonly Entry[];
  /** The sender's commit index, as far as the receiver may know it. */
  readonly commit: LogIndex;
  readonly snapshot: Snapshot | undefined;
  readonly reject: boolean;
  /** In a rejecting MsgAppResp: an index at or below which the logs may agree. */
  readonly rejectHint: LogIndex;
  /** MsgHeartbeat and its answer: the newest read that waits. MsgVote: why the campaign was begun. */
  readonly context: Uint8Array;
}

const zero = 0 as LogIndex & Term;
const noEntries: readonly Entry[] = [];

/** A whole message from the fields that matter: the others are zero. */
export function message(fields: Pick<Message, "type" | "to"> & Partial<Message>): Message {
  return {
    type: fields.type,
    to: fields.to,
    from: fields.from ?? (0n as MemberId),
    term: fields.term ?? zero,
    logTerm: fields.logTerm ?? zero,
    index: fields.index ?? zero,
    entries: fields.entries ?? noEntries,
    commit: fields.commit ?? zero,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? zero,
    context: fields.context ?? emptyBytes,
  };
}
