/**
 * How far the applied state is behind what is committed (etcd v3_server.go, maxGapBetweenApplyAndCommitIndex). etcd counts what waits for its
 * applier. Here committed entries wait in raft's log, and a follower learns of thousands in one turn, which it has applied a few turns later: so
 * what counts is what was committed before the last tick and has not been applied since.
 */
import { applyGapMax } from "./limits.ts";

export class ApplyLag {
  private committedBefore = 0;
  private committedNow = 0;

  /** To be called at every tick of raft, with its commit index. */
  tick(committed: number): void {
    this.committedBefore = this.committedNow;
    this.committedNow = committed;
  }

  /** So much waits that nothing new should come to it. */
  isTooLong(applied: number): boolean {
    return this.committedBefore - applied > applyGapMax;
  }
}
