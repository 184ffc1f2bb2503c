/**
 * The network between members, as the server needs it. peer/ implements it over etcd's rafthttp, the simulator over its own network.
 * Messages may be lost, doubled, delayed and overtake one another; they are never changed, and come from members of this cluster only. MsgProp is
 * never doubled: its entries would be applied twice.
 */
import type { BackendSnapshot, SnapshotReceiver } from "../backend/backend-snapshot.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { ClusterId, MemberId } from "../lib/units.ts";
import type { Member } from "../membership/member.ts";
import type { Message } from "../raft/messages.ts";

/** How the sending of a snapshot ended: with everything taken by the receiver, or not. */
export type SnapshotOutcome = "finished" | "failed";

/** The network before this member knows who it is. */
export interface PeerNetwork {
  /** The members that a running cluster has, asked from any of these addresses; undefined when none answers. For a member that joins. */
  fetchCluster(peerUrls: readonly string[]): Promise<RemoteCluster | undefined>;
  /** Begins to receive for this member; peers are added by `setPeer`. */
  open(identity: PeerIdentity, receiver: PeerReceiver): PeerTransport;
}

export interface PeerIdentity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

export interface PeerTransport {
  /** Sends raft messages, never MsgSnap. The messages and their entries do not change after the call. */
  send(messages: readonly Message[]): void;
  /**
   * Streams a snapshot beside its MsgSnap, and lets `body` go. The receiver sees the message only when it holds the whole body. `done` runs once,
   * in a later turn.
   */
  sendSnapshot(
    message: Message,
    body: BackendSnapshot,
    done: (outcome: SnapshotOutcome) => void,
  ): void;
  /** From now on messages to and from `id` pass. Adding one that is there changes its addresses. */
  setPeer(id: MemberId, peerUrls: readonly string[]): void;
  removePeer(id: MemberId): void;
  /** Since when, on the monotonic clock, the member is connected without a break; undefined when it is not. */
  activeSinceMs(id: MemberId): number | undefined;
  /** Asks the leader to promote a learner; resolves with the error's name, or undefined. Rejects when it cannot be reached. */
  promote(leader: MemberId, learner: MemberId): Promise<EtcdErrorKind | undefined>;
  /** Asks the leader to renew a lease. Rejects when it cannot be reached, or is none. */
  renewLease(leader: MemberId, id: bigint): Promise<LeaseReply<number>>;
  leaseTimes(leader: MemberId, id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>>;
  /** Asks every peer for its server version ("3.7.1"); undefined for one that does not answer. Without this member's own. */
  versions(): Promise<ReadonlyMap<MemberId, string | undefined>>;
  /** It is connected, and has said that it is etcd-ts, which knows joint configurations. False for a real etcd, and for whom nothing is known of. */
  isEtcdTs(id: MemberId): boolean;
  /** Ends all connections; nothing is received any more. */
  close(): void;
}

/** What the leader says about a lease. */
export type LeaseReply<Value> =
  | { readonly kind: "found"; readonly value: Value }
  | { readonly kind: "notFound" }
  | { readonly kind: "refused"; readonly error: EtcdErrorKind };

export interface LeaseTimes {
  readonly remainingSeconds: number;
  readonly grantedSeconds: number;
  /** Empty where they were not asked for. */
  readonly keys: readonly Uint8Array[];
}

/** What a running cluster tells one who wants to join it (etcd's GET /members). */
export interface RemoteCluster {
  readonly clusterId: ClusterId;
  readonly members: readonly Member[];
}

/** What the network calls at a member. */
export interface PeerReceiver {
  /** A raft message for this member arrived. */
  receive(message: Message): void;
  /** A snapshot begins to come in: its body goes here. When it is finished, its MsgSnap goes to `receive`. */
  receiveSnapshot(): Promise<SnapshotReceiver>;
  /** Another member, which does not lead, passes on a client's wish to promote a learner. Resolves with the error's name, or undefined. */
  promote(learner: MemberId): Promise<EtcdErrorKind | undefined>;
  /** Another member, which does not lead, passes on a client's wish to renew a lease, and its question after one. */
  renewLease(id: bigint): Promise<LeaseReply<number>>;
  leaseTimes(id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>>;
  /** The members as this one has them applied. */
  members(): RemoteCluster;
  /** Whether `id` was removed from the cluster, as far as this member has applied. */
  isRemoved(id: MemberId): boolean;
  /** `id` could not be reached with what was sent to it. */
  unreachable(id: MemberId): void;
  /** `by` refuses to talk to this member, because it was removed from the cluster. Told again at every attempt. */
  removed(by: MemberId): void;
}
