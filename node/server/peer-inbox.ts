/** What the peer network brings to a member: raft's messages, the bodies of snapshots, and questions of other members. */
import type { BackendHome, SnapshotReceiver } from "../backend/backend-snapshot.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Logger } from "../lib/ports.ts";
import { type ClusterId, idToHex, type MemberId } from "../lib/units.ts";
import type { Cluster } from "../membership/cluster.ts";
import type { Message } from "../raft/messages.ts";
import type { RawNode } from "../raft/raw-node.ts";
import type { LeaseRequests } from "./lease-requests.ts";
import type { LeaseReply, LeaseTimes, PeerReceiver, RemoteCluster } from "./peer-transport.ts";
import type { Reconfig } from "./reconfig.ts";

export interface PeerInboxOptions {
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  readonly node: RawNode;
  readonly home: BackendHome;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reconfig: () => Reconfig;
  readonly leaseRequests: () => Pick<LeaseRequests, "renewHere" | "timesHere">;
  readonly isRunning: () => boolean;
  /** Raft may have something to do. */
  readonly schedule: () => void;
  /** That member refuses to talk to this one: it was removed. */
  readonly onRemoved: (by: MemberId) => void;
  /** A bug, or corruption. */
  readonly onError: (error: Error) => void;
}

/** Proposals held at a time, and for how long; what is beyond is lost, as raft would lose all of them. */
const heldMax = 4096;
const heldMsMax = 2000;

export class PeerInbox implements PeerReceiver {
  private readonly options: PeerInboxOptions;
  /** Proposals that others have passed on while nobody leads, or the leadership is on its way to somebody else. */
  private held: Message[] = [];
  private heldSinceMs = 0;

  constructor(options: PeerInboxOptions) {
    this.options = options;
  }

  receive(message: Message): void {
    const { isRunning, cluster, node, schedule, onError } = this.options;
    if (!isRunning() || cluster.isRemoved(message.from)) return;
    try {
      if (message.type === "MsgSnap") this.receiveSnapshotMessage(message);
      else if (message.type === "MsgProp" && !this.takesProposals) this.hold(message);
      else node.step(message);
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)));
    }
    schedule();
  }

  /**
   * Gives raft the proposals that were held, once somebody leads again, this member or another one to pass them on to. raft drops
   * proposals without a word while it hands over (thesis 3.10) or knows no leader, and who had sent them would wait for nothing. They
   * were never given to raft before, so none is applied twice. To be called at every turn and tick.
   */
  release(): void {
    const { node, clock, schedule } = this.options;
    if (this.held.length === 0) return;
    const isLate = clock.monotonicMs() - this.heldSinceMs > heldMsMax;
    if (!isLate && !this.takesProposals) return;
    const { held } = this;
    this.held = [];
    if (isLate) return;
    for (const message of held) node.step(message);
    schedule();
  }

  private get takesProposals(): boolean {
    const { lead, leadTransferee } = this.options.node;
    return lead !== 0n && leadTransferee === 0n;
  }

  private hold(message: Message): void {
    if (this.held.length === 0) this.heldSinceMs = this.options.clock.monotonicMs();
    if (this.held.length < heldMax) this.held.push(message);
  }

  receiveSnapshot(): Promise<SnapshotReceiver> {
    if (!this.options.isRunning()) return Promise.reject(new Error("the member is stopping"));
    return this.options.home.receive();
  }

  promote(learner: MemberId): Promise<EtcdErrorKind | undefined> {
    if (!this.options.isRunning()) return Promise.resolve("Stopped");
    return new Promise((resolve) => {
      this.options.reconfig().promoteHere(learner, {
        applied: () => resolve(undefined),
        refused: resolve,
      });
    });
  }

  renewLease(id: bigint): Promise<LeaseReply<number>> {
    return this.options.leaseRequests().renewHere(id);
  }

  leaseTimes(id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    return this.options.leaseRequests().timesHere(id, withKeys);
  }

  members(): RemoteCluster {
    const { clusterId, cluster } = this.options;
    return { clusterId, members: cluster.members };
  }

  isRemoved(id: MemberId): boolean {
    return this.options.cluster.isRemoved(id);
  }

  unreachable(id: MemberId): void {
    if (this.options.isRunning()) this.options.node.reportUnreachable(id);
  }

  removed(by: MemberId): void {
    if (this.options.isRunning()) this.options.onRemoved(by);
  }

  /** Raft may take it only while the state that came with it is there. What raft has no use for is given up by and by. */
  private receiveSnapshotMessage(message: Message): void {
    const { node, home, logger } = this.options;
    const index = message.snapshot?.metadata.index;
    if (index === undefined || !home.hasReceived(index)) {
      logger.warn("dropped a snapshot whose state is not here", {
        "remote-peer-id": idToHex(message.from),
        "snapshot-index": index,
      });
      return;
    }
    node.step(message);
    home.discardReceived(node.applied).catch((error: unknown) => {
      logger.warn("could not remove a received state", { error: String(error) });
    });
  }
}
