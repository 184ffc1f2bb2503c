/** The values that cross the border of the pure raft machine, in the shape of raftpb (etcd's raft/v3/raftpb). */
import type { LogIndex, MemberId, Term } from "../lib/units.ts";

/** raftpb.EntryType, with its wire numbers. */
export const entryType = { normal: 0, confChange: 1, confChangeV2: 2 } as const;
export type EntryType = (typeof entryType)[keyof typeof entryType];

/** One position of the log. `data` is never changed after the entry was made. */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must be durable before messages that depend on it leave (thesis figure 3.1, "persistent state"). */
export interface HardState {
  readonly term: Term;
  /** The candidate voted for in `term`; 0n for none. */
  readonly vote: MemberId;
  /** Highest log index known committed; may lag in the log on disk. */
  readonly commit: LogIndex;
}

/** Who votes and who only listens (raftpb.ConfState). Outgoing halves are non-empty only inside a joint configuration. */
export interface ConfState {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  readonly learnersNext: readonly MemberId[];
  readonly autoLeave: boolean;
}

/** raftpb.SnapshotMetadata; index 0 stands for the empty snapshot before the first entry. */
export interface SnapshotMetadata {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
}

/** A state that takes the place of the log up to `metadata.index`. The keys themselves travel beside it (raftpb.Snapshot). */
export interface Snapshot {
  readonly metadata: SnapshotMetadata;
  /** What a snapshot file holds: the membership. Opaque here. */
  readonly data: Uint8Array;
}
