/**
 * Changes of the membership that this member has proposed: one at a time, because raft takes a second one only when the first is applied, and
 * drops it without a word otherwise. What is checked before is checked when its turn comes.
 *
 *     asked ──▶ queued ──▶ checked ──▶ proposed ──▶ applied: answered
 *                  ▲           └ no leader: again at the next tick
 */
import { assert } from "../lib/assert.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { Member } from "../membership/member.ts";
import { encodeChange, type MembershipChange } from "../membership/membership-change.ts";
import type { Proposal } from "../raft/ready.ts";
import type { ConfChangeOutcome } from "./conf-change-applier.ts";

/** Who waits for a change. Exactly one of the two is called, once. */
export interface ChangeWaiter {
  /** The whole list behind the change. */
  applied(members: readonly Member[]): void;
  refused(error: EtcdErrorKind): void;
}

export interface AskedChange {
  readonly change: Omit<MembershipChange, "requestId">;
  /** Why the change must not be proposed now; undefined when it may. */
  readonly check: () => EtcdErrorKind | undefined;
  readonly waiter: ChangeWaiter;
}

export interface ChangeQueueOptions {
  readonly id: MemberId;
  readonly clock: Clock;
  /** False when raft cannot take it now, for want of a leader. */
  readonly propose: (proposal: Proposal) => boolean;
  /** How long a change waits at most, in its queue and for its entry. */
  readonly timeoutMs: number;
  /** What a change that came at `sinceMs` (monotonic) and waited too long is told. */
  readonly timeoutError: (sinceMs: number) => EtcdErrorKind;
}

interface Queued extends AskedChange {
  readonly requestId: bigint;
  readonly sinceMs: number;
}

/** A bound for what nobody needs many of. */
const queuedMax = 100;

export class ChangeQueue {
  private readonly options: ChangeQueueOptions;
  private readonly queue: Queued[] = [];
  /** Proposed, and its entry not seen yet. */
  private proposed: Queued | undefined;
  private lastRequestId: bigint;

  constructor(options: ChangeQueueOptions) {
    this.options = options;
    // etcd's ids of requests: 16 bits of the member, the clock, a count (pkg/idutil).
    const milliseconds = BigInt.asUintN(40, BigInt(options.clock.unixMs()));
    this.lastRequestId = (BigInt.asUintN(16, options.id) << 48n) | (milliseconds << 8n);
  }

  /** The answer may come within this call. */
  add(asked: AskedChange): void {
    if (this.queue.length >= queuedMax) {
      asked.waiter.refused("TooManyRequests");
      return;
    }
    this.lastRequestId += 1n;
    const { lastRequestId: requestId } = this;
    this.queue.push({ ...asked, requestId, sinceMs: this.options.clock.monotonicMs() });
    this.pump();
  }

  /** An entry was applied, and raft knows it. */
  applied({ requestId, error, members }: ConfChangeOutcome): void {
    const { proposed } = this;
    if (proposed?.requestId !== requestId) return;
    this.proposed = undefined;
    if (error === undefined) proposed.waiter.applied(members);
    else proposed.waiter.refused(error);
    this.pump();
  }

  tick(): void {
    const { clock, timeoutMs, timeoutError } = this.options;
    const lateMs = clock.monotonicMs() - timeoutMs;
    const late: Queued[] = [];
    if (this.proposed !== undefined && this.proposed.sinceMs <= lateMs) {
      // It may still be applied: a timeout says nothing about that.
      late.push(this.proposed);
      this.proposed = undefined;
    }
    while (this.queue[0] !== undefined && this.queue[0].sinceMs <= lateMs) {
      late.push(this.queue.shift() as Queued);
    }
    for (const { waiter, sinceMs } of late) waiter.refused(timeoutError(sinceMs));
    this.pump();
  }

  refuseAll(error: EtcdErrorKind): void {
    const all = [...(this.proposed === undefined ? [] : [this.proposed]), ...this.queue.splice(0)];
    this.proposed = undefined;
    for (const { waiter } of all) waiter.refused(error);
  }

  private pump(): void {
    while (this.proposed === undefined && this.queue[0] !== undefined) {
      const [next] = this.queue;
      const error = next.check();
      if (error !== undefined) {
        assert(this.queue.shift() === next, "the check of a change changed the queue");
        next.waiter.refused(error);
        continue;
      }
      const { change, requestId } = next;
      if (!this.options.propose(encodeChange({ ...change, requestId }))) return;
      this.queue.shift();
      this.proposed = next;
    }
  }
}
