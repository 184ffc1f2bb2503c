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
  /** The stable part of the log, and the hard state and configuration found at start. */
  readonly storage: MemoryStorage;
  /** Entries up to here are in the applied state already; they are not handed out again. */
  readonly applied: LogIndex;
  readonly random: Random;
  /** Committed entries handed out by one Ready at most, so that applying them stays one short turn. */
  readonly committedPerReadyMax: number;
}

/** The caller has validated what users can set; a violation here is a bug. */
export function checkConfig(config: RaftConfig): void {
  assert(config.id !== 0n, "a raft node needs an id");
  assert(config.electionTicks > 1, "electionTicks must exceed one tick", config.electionTicks);
  assert(
    config.committedPerReadyMax > 0,
    "a Ready must have room for an entry",
    config.committedPerReadyMax,
  );
}
