/**
 * Renewals of leases and questions after them, which only the leader can answer and which do not go through the log (etcd v3_server.go,
 * LeaseRenew, LeaseTimeToLive). A member that does not lead passes them on. The leader answers when it has been confirmed to be the leader since
 * the request came, by the same round that a linearizable read takes: one that was deposed without knowing it renews nothing.
 */

import type { Lessor } from "../lease/lessor.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Timers } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { KvStore } from "../mvcc/kv-store.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { LeaseReply, LeaseTimes, PeerTransport } from "./peer-transport.ts";
import type { ReadWaiter } from "./read-index.ts";

/** How long to wait before asking again, when nobody leads or the leader did not answer. */
const retryMs = 50;

export interface LeaseRequestsOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly timeoutMs: number;
  readonly lead: () => MemberId;
  readonly id: MemberId;
  /** Index of the last applied entry. */
  readonly applied: () => number;
  readonly isRunning: () => boolean;
  readonly linearizableRead: (waiter: ReadWaiter) => void;
  readonly store: () => KvStore;
  readonly lessor: () => Lessor;
  readonly keeper: Pick<LeaseKeeper, "checkpoint">;
  readonly transport: Pick<PeerTransport, "renewLease" | "leaseTimes">;
}

const refused = (
  error: EtcdErrorKind,
): { readonly kind: "refused"; readonly error: EtcdErrorKind } => ({
  kind: "refused",
  error,
});
const notFound = { kind: "notFound" } as const;
/** Who asks asks again, here and at other members, until it is decided or takes too long. */
const undecided = refused("NotPrimaryLessor");

export class LeaseRequests {
  private readonly options: LeaseRequestsOptions;

  constructor(options: LeaseRequestsOptions) {
    this.options = options;
  }

  /** The seconds that the lease has from now on. */
  renew(id: bigint): Promise<LeaseReply<number>> {
    return this.ask(
      () => this.renewHere(id),
      (leader) => this.options.transport.renewLease(leader, id),
    );
  }

  times(id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    return this.ask(
      () => this.timesHere(id, withKeys),
      (leader) => this.options.transport.leaseTimes(leader, id, withKeys),
    );
  }

  /** For this member as the leader, and for those who pass their clients' wishes on to it. */
  renewHere(id: bigint): Promise<LeaseReply<number>> {
    return this.confirmed((lessor) => {
      const lease = lessor.renew(id);
      if (lease === undefined) return notFound;
      // Its entry ends it, or it lives on under another leader: nobody may be told before.
      if (lease === "ended") return undecided;
      if (lease.remainingSeconds > 0 || lease.checkpointIndex > this.options.applied()) {
        // The next leader must not count from what was left before, or will be when an entry on its way is applied: nobody is told of a renewal
        // that it would not know.
        this.options.keeper.checkpoint([{ id, remainingSeconds: 0 }]);
        return undecided;
      }
      return { kind: "found", value: lease.ttlSeconds };
    });
  }

  timesHere(id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    return this.confirmed((lessor) => {
      const lease = lessor.get(id);
      if (lease === undefined) return notFound;
      const value: LeaseTimes = {
        // A lease that has ended lives until its entry comes.
        remainingSeconds: Math.trunc(lessor.remainingMs(lease) / 1000),
        grantedSeconds: lease.ttlSeconds,
        keys: withKeys ? [...this.options.store().keysOfLease(id)] : [],
      };
      return { kind: "found", value };
    });
  }

  private confirmed<Value>(
    answer: (lessor: Lessor) => LeaseReply<Value>,
  ): Promise<LeaseReply<Value>> {
    return new Promise((resolve) => {
      this.options.linearizableRead({
        readable: () => {
          const lessor = this.options.lessor();
          resolve(lessor.isPrimary ? answer(lessor) : refused("NotPrimaryLessor"));
        },
        refused: (error) => resolve(refused(error)),
      });
    });
  }

  private async ask<Value>(
    here: () => Promise<LeaseReply<Value>>,
    there: (leader: MemberId) => Promise<LeaseReply<Value>>,
  ): Promise<LeaseReply<Value>> {
    const { clock, timers, timeoutMs, lead, id, isRunning } = this.options;
    const untilMs = clock.monotonicMs() + timeoutMs;
    let hadLeader = false;
    while (isRunning() && clock.monotonicMs() < untilMs) {
      const leader = lead();
      if (leader === id) {
        const reply = await here();
        if (reply.kind !== "refused" || reply.error !== "NotPrimaryLessor") return reply;
      } else if (leader !== 0n) {
        hadLeader = true;
        // Who cannot be reached, or leads no more, may have a successor by now.
        const reply = await there(leader).catch(() => undefined);
        if (reply !== undefined && reply.kind !== "refused") return reply;
      }
      await new Promise<void>((next) => timers.after(retryMs, next));
    }
    if (!isRunning()) return refused("Stopped");
    return refused(hadLeader ? "Timeout" : "NoLeader");
  }
}
