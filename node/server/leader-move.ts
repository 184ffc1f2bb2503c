/** Hands the leadership over, for a client or before a shutdown (etcdserver/server.go, MoveLeader, TryTransferLeadershipOnShutdown). */
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { PeerTransport } from "./peer-transport.ts";
import type { Polls } from "./polls.ts";
import type { LeadingNode } from "./reconfig.ts";

/** Exactly one of the two is called, once. */
export interface LeaderMoveWaiter {
  moved(): void;
  refused(error: EtcdErrorKind): void;
}

export interface LeaderMoveOptions {
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly node: LeadingNode;
  readonly transport: Pick<PeerTransport, "activeSinceMs">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly polls: Polls;
}

export class LeaderMove {
  private readonly options: LeaderMoveOptions;

  constructor(options: LeaderMoveOptions) {
    this.options = options;
  }

  /** Only a leader can; looks once a tick whether the other leads, as raft may give the transfer up without a word. */
  start(target: MemberId, waiter: LeaderMoveWaiter): void {
    const { id, cluster, node, clock, logger, polls } = this.options;
    const member = cluster.member(target);
    if (node.status().role !== "leader") {
      waiter.refused("NotLeader");
      return;
    }
    if (member === undefined || member.isLearner) {
      waiter.refused("BadLeaderTransferee");
      return;
    }
    const sinceMs = clock.monotonicMs();
    const fields = {
      "local-member-id": idToHex(id),
      "transferee-member-id": idToHex(target),
    };
    logger.info("leadership transfer starting", fields);
    node.transferLeader(target);
    polls.add({
      check: () => {
        if (node.status().lead !== target) return false;
        const tookMs = Math.round(clock.monotonicMs() - sinceMs);
        logger.info("leadership transfer finished", { ...fields, "took-ms": tookMs });
        waiter.moved();
        return true;
      },
      end: (why) => waiter.refused(why === "timeout" ? "TimeoutLeaderTransfer" : "Stopped"),
    });
  }

  /** Resolves at once when there is nothing to hand over or nobody to hand it to. */
  handOver(): Promise<EtcdErrorKind | undefined> {
    const { id, cluster, node, logger } = this.options;
    const { role, lead } = node.status();
    const local = {
      "local-member-id": idToHex(id),
      "current-leader-member-id": idToHex(lead),
    };
    if (role !== "leader") {
      logger.info("skipped leadership transfer; local server is not leader", local);
      return Promise.resolve(undefined);
    }
    if (cluster.votingMembers.length < 2) {
      logger.info("skipped leadership transfer for single voting member cluster", local);
      return Promise.resolve(undefined);
    }
    const target = this.longestConnected();
    if (target === undefined) return Promise.resolve("Unhealthy");
    return new Promise((resolve) => {
      this.start(target, { moved: () => resolve(undefined), refused: resolve });
    });
  }

  private longestConnected(): MemberId | undefined {
    const { id: self, cluster, transport } = this.options;
    let longest: { readonly id: MemberId; readonly sinceMs: number } | undefined;
    for (const { id } of cluster.votingMembers) {
      const sinceMs = id === self ? undefined : transport.activeSinceMs(id);
      if (sinceMs === undefined) continue;
      if (longest === undefined || sinceMs < longest.sinceMs) longest = { id, sinceMs };
    }
    return longest?.id;
  }
}
