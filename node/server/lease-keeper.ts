/**
 * What the leader does for leases: it becomes the primary lessor, and proposes the revocation of those that have ended (etcd server.go,
 * revokeExpiredLeases). A revocation is appended to this leader's own log in its own term or not at all, never sent to another leader: one that
 * has lost its office without knowing it cannot end a lease that its successor has renewed.
 */

import type { LeaseStats } from "../lease/lease-stats.ts";
import type { Lessor } from "../lease/lessor.ts";
import { revokeRate } from "../lease/spread.ts";
import type { Timer, Timers } from "../lib/ports.ts";
import { encodeInternalRaft, internalRequest } from "../proto/internal-raft-codec.ts";
import {
  encodeLeaseCheckpoints,
  encodeLeaseRevoke,
  type LeaseCheckpoint,
} from "../proto/lease-codec.ts";
import { Writer } from "../proto/wire.ts";
import type { RawNode } from "../raft/raw-node.ts";
import { entryType } from "../raft/types.ts";

/** How often the leader looks for leases that have ended, and how many it proposes to revoke at a time. */
const periodMs = 500;
const revokedAtOnceMax = (revokeRate * periodMs) / 1000;
/** Leases in one checkpoint entry (etcd's maxLeaseCheckpointBatchSize). */
const checkpointsAtOnceMax = 1000;

export interface LeaseKeeperOptions {
  readonly node: Pick<RawNode, "role" | "term" | "propose" | "lastIndex">;
  readonly lessor: () => Lessor;
  /** Of the last applied entry. */
  readonly appliedTerm: () => number;
  readonly timers: Timers;
  readonly electionTimeoutMs: number;
  /** After this a revocation that was proposed and did not come back is proposed again. */
  readonly requestTimeoutMs: number;
  /** No snapshot is replacing the state. */
  readonly canRead: () => boolean;
  /** Something was appended to the log. */
  readonly onProposed: () => void;
  readonly stats?: LeaseStats;
}

export class LeaseKeeper {
  private readonly options: LeaseKeeperOptions;
  private readonly timer: Timer;
  private readonly writer = new Writer(256);

  constructor(options: LeaseKeeperOptions) {
    this.options = options;
    const { timers } = options;
    // Behind everything that this turn read: after a stall, renewals that waited meanwhile come first.
    this.timer = timers.every(periodMs, () => timers.endOfTurn(() => this.tick()));
  }

  /**
   * Once a turn: this member is the primary as long as it leads, from the first entry of its term on that is applied. Before, what it has applied may be
   * older than what others have acknowledged: it might end a lease whose renewal stands in its own log.
   */
  follow(): void {
    const { node, lessor, appliedTerm, electionTimeoutMs } = this.options;
    const isLeader = node.role === "leader" && appliedTerm() === node.term;
    if (isLeader === lessor().isPrimary) return;
    if (isLeader) lessor().promote(electionTimeoutMs);
    else lessor().demote();
  }

  /** Tells all members how much of some leases is left, should they become leaders. False when it cannot be told now. */
  checkpoint(checkpoints: readonly LeaseCheckpoint[]): boolean {
    return this.propose(internalRequest.leaseCheckpoint, encodeLeaseCheckpoints(checkpoints));
  }

  stop(): void {
    this.timer.cancel();
  }

  private tick(): void {
    const { canRead, lessor, requestTimeoutMs, stats } = this.options;
    if (!canRead()) return;
    this.follow();
    if (!lessor().isPrimary) return;
    const expired = lessor().takeExpired(revokedAtOnceMax, requestTimeoutMs);
    for (const id of expired) this.propose(internalRequest.leaseRevoke, encodeLeaseRevoke(id));
    if (stats !== undefined) stats.expired += expired.length;
    const due = lessor().takeCheckpoints(checkpointsAtOnceMax);
    if (due.length > 0 && this.checkpoint(due))
      lessor().checkpointed(due, this.options.node.lastIndex);
  }

  /** Nobody waits for the answer, so the request has no id. */
  private propose(field: number, message: Uint8Array): boolean {
    const { node, onProposed } = this.options;
    if (node.role !== "leader") return false;
    this.writer.reset();
    encodeInternalRaft(this.writer, 0, 0, field, message, 0, message.length);
    const isTaken = node.propose([{ type: entryType.normal, data: this.writer.finish() }]);
    if (isTaken) onProposed();
    return isTaken;
  }
}
