/** What one raft node is made with. Durations are ticks; the member decides how long a tick lasts. */
import { assert } from "../lib/assert.ts";
import type { Random } from "../lib/ports.ts";
import type { LogIndex, MemberId } from "../lib/units.ts";
import type { MemoryStorage } from "./memory-storage.ts";

/** Settings and starting state of one node. Nothing of it changes while the node lives. */
export interface RaftConfig {
  readonly id: MemberId;
  /** Ticks without a leader's word after which a follower campaigns; the real number is drawn from [n, 2n). */
  readonly electionTicks: number;
  /** Ticks between two heartbeats of a leader. */
  readonly heartbeatTicks: number;
  /** The stable part of the log, and the hard state and configuration found at start. */
  readonly storage: MemoryStorage;
  /** Entries up to here are in the applied state already; they are not handed out again. */
  readonly applied: LogIndex;
  readonly random: Random;
  /** Committed entries handed out by one Ready at most, so that applying them stays one short turn. */
  readonly committedPerReadyMax: number;
  /** Bytes of entries in one MsgApp; a single larger entry still goes (etcd's MaxSizePerMsg). */
  readonly messageBytesMax: number;
  /** MsgApp on their way to one follower in state replicate, in messages and, unless Infinity, in bytes of entries. */
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** Bytes of entries that a leader has appended and not committed, beyond which proposals are dropped; Infinity for no bound. */
  readonly uncommittedBytesMax: number;
  /** A leader that has not heard of a quorum for an election timeout steps down (thesis 6.2). */
  readonly checkQuorum: boolean;
  /** Ask before campaigning, so that a node that was cut off does not disturb the cluster when it is back (thesis 9.6). */
  readonly preVote: boolean;
  /**
   * A leader that a conf change removes or demotes steps down when that is applied. Without it, it leads on until its owner stops it, taking no
   * proposals: so that those who stay learn for certain that the change is committed, whatever message was lost. Otherwise those outside
   * of the new configuration could hold entries that those inside lack, and nobody could be elected.
   */
  readonly stepDownOnRemoval: boolean;
}

/** etcd's server settings (server/etcdserver/bootstrap.go): what is not given by flags. */
export const raftDefaults = {
  heartbeatTicks: 1,
  committedPerReadyMax: 1000,
  messageBytesMax: 1024 * 1024,
  inflightMessagesMax: 512,
  inflightBytesMax: Infinity,
  uncommittedBytesMax: Infinity,
  checkQuorum: true,
  preVote: true,
  stepDownOnRemoval: false,
} as const;

/** The caller has validated what users can set; a violation here is a bug. */
export function checkConfig(config: RaftConfig): void {
  const { id, electionTicks, heartbeatTicks, committedPerReadyMax } = config;
  assert(id !== 0n, "a raft node needs an id");
  assert(heartbeatTicks > 0, "heartbeatTicks must be a tick at least", heartbeatTicks);
  assert(electionTicks > heartbeatTicks, "electionTicks must exceed heartbeatTicks", electionTicks);
  assert(committedPerReadyMax > 0, "a Ready must have room for an entry", committedPerReadyMax);
  assert(config.inflightMessagesMax > 0, "inflightMessagesMax must be one message at least");
  assert(
    config.inflightBytesMax >= config.messageBytesMax,
    "inflightBytesMax must hold one whole message",
    config.inflightBytesMax,
  );
}
