/**
 * The member's end of the network (etcd rafthttp/transport.go): who is a peer, who a remote, and what passes between them and the
 * receiver. Owns all channels and the one timer that drives their time-outs.
 */
import type { BackendSnapshot } from "../backend/backend-snapshot.ts";
import type { EtcdErrorKind } from "../lib/etcd-error.ts";
import type { Clock, Logger, Timer, Timers } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import type {
  LeaseReply,
  LeaseTimes,
  PeerReceiver,
  PeerTransport,
  SnapshotOutcome,
} from "../server/peer-transport.ts";
import { type ChannelContext, ticksPerTimeout } from "./channel-context.ts";
import { ClusterClient } from "./cluster-client.ts";
import type { Dialer } from "./dial.ts";
import { headersOf, type Self } from "./headers.ts";
import { LeaseClient } from "./lease-client.ts";
import { Peer } from "./peer.ts";
import type { PeerStats } from "./peer-stats.ts";
import { Prober } from "./probing.ts";
import { Remote } from "./remote.ts";
import { type SnapshotResult, SnapshotSender } from "./snapshot-sender.ts";

export interface TransportOptions {
  readonly self: Self;
  readonly receiver: PeerReceiver;
  readonly dialer: Dialer;
  readonly stats: PeerStats;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Without a byte for so long, a stream is taken for dead. The other side may have another: link heartbeats come three times in it. */
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
}

/** Why a message is not for raft: etcd's texts, or this member stops. */
export type Refused =
  | "cannot process message from removed member"
  | "cannot process message to mismatch member"
  | "stopped";

/** More strangers than a cluster takes in at a time. The one who came first goes for another. */
const remotesMax = 16;

export class Transport implements PeerTransport {
  readonly self: Self;
  readonly receiver: PeerReceiver;
  readonly stats: PeerStats;
  private readonly options: TransportOptions;
  readonly context: ChannelContext;
  private readonly peers = new Map<MemberId, Peer>();
  private readonly remotes = new Map<MemberId, Remote>();
  private readonly snapshots: SnapshotSender;
  private readonly prober: Prober;
  private readonly client: ClusterClient;
  private readonly leases: LeaseClient;
  private readonly ticker: Timer;
  /** To be reported at the end of the turn. */
  private readonly unreachable = new Set<MemberId>();
  private lastRefused = "";
  private isClosed = false;

  constructor(options: TransportOptions) {
    const { self, receiver, dialer, stats, clock, timers, logger } = options;
    const tickMs = options.readTimeoutMs / ticksPerTimeout;
    this.options = options;
    this.self = self;
    this.receiver = receiver;
    this.stats = stats;
    this.context = {
      self,
      headers: headersOf(self),
      dialer,
      stats,
      clock,
      timers,
      logger,
      writeTicksMax: Math.ceil(options.writeTimeoutMs / tickMs),
      deliver: (message) => void this.receive(message),
      unreachable: (id) => this.reportUnreachable(id),
      removed: (by) => {
        if (!this.isClosed) receiver.removed(by);
      },
    };
    this.snapshots = new SnapshotSender(this.context);
    this.prober = new Prober(this.context);
    this.client = new ClusterClient(this.context);
    this.leases = new LeaseClient(this.context);
    this.ticker = timers.every(tickMs, () => this.tick());
  }

  send(messages: readonly Message[]): void {
    if (this.isClosed) return;
    for (const message of messages) {
      // Zero stands for nobody in etcd: a message that is not to be sent.
      const to = this.peers.get(message.to) ?? this.remotes.get(message.to);
      to?.send(message);
    }
    for (const peer of this.peers.values()) peer.flush();
  }

  setPeer(id: MemberId, peerUrls: readonly string[]): void {
    if (this.isClosed) return;
    this.prober.setPeer(id, peerUrls);
    const peer = this.peers.get(id);
    if (peer !== undefined) {
      peer.picker.update(peerUrls);
      return;
    }
    this.dropRemote(id);
    this.peers.set(id, new Peer(this.context, id, peerUrls));
    this.log("added remote peer", id, { "remote-peer-urls": peerUrls });
  }

  removePeer(id: MemberId): void {
    this.dropRemote(id);
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.peers.delete(id);
    peer.stop();
    this.prober.removePeer(id);
    this.options.logger.info("removed remote peer", {
      "local-member-id": idToHex(this.self.memberId),
      "removed-remote-peer-id": idToHex(id),
    });
  }

  sendSnapshot(
    message: Message,
    body: BackendSnapshot,
    done: (outcome: SnapshotOutcome) => void,
  ): void {
    const { to } = message;
    const way = this.peers.get(to) ?? this.remotes.get(to);
    if (this.isClosed || way === undefined) {
      body.release();
      this.options.timers.endOfTurn(() => done("failed"));
      return;
    }
    const url = way.picker.pick();
    this.snapshots.send(url, message, body, (result) => {
      // The member may have been removed meanwhile.
      if (way === (this.peers.get(to) ?? this.remotes.get(to)))
        this.snapshotEnded(way, url, result);
      if (result.kind === "failed" && result.isRemoved) this.context.removed(to);
      done(result.kind);
    });
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.peers.get(id)?.activeSinceMs;
  }

  isEtcdTs(id: MemberId): boolean {
    return this.peers.get(id)?.isEtcdTs ?? false;
  }

  promote(leader: MemberId, learner: MemberId): Promise<EtcdErrorKind | undefined> {
    const peer = this.peers.get(leader);
    if (peer === undefined) return Promise.reject(new Error("the leader is not known here"));
    return this.client.promote(peer.picker.all, learner);
  }

  renewLease(leader: MemberId, id: bigint): Promise<LeaseReply<number>> {
    const peer = this.peers.get(leader);
    if (peer === undefined) return Promise.reject(new Error("the leader is not known here"));
    return this.leases.renew(peer.picker.all, id);
  }

  leaseTimes(leader: MemberId, id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    const peer = this.peers.get(leader);
    if (peer === undefined) return Promise.reject(new Error("the leader is not known here"));
    return this.leases.times(peer.picker.all, id, withKeys);
  }

  versions(): Promise<ReadonlyMap<MemberId, string | undefined>> {
    const urls = [...this.peers].map(([id, { picker }]) => [id, picker.all] as const);
    return this.client.versions(new Map(urls));
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.ticker.cancel();
    for (const peer of this.peers.values()) peer.stop();
    for (const remote of this.remotes.values()) remote.stop();
    this.peers.clear();
    this.remotes.clear();
    this.prober.close();
    this.snapshots.close();
    this.options.dialer.close();
  }

  /** The peer of that id; undefined also when it is not known yet. */
  peer(id: MemberId): Peer | undefined {
    return this.peers.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.receiver.isRemoved(id);
  }

  /** `id` writes to this member. Where it is no peer, it can be answered from now on, if it said where. */
  addRemote(id: MemberId, peerUrls: readonly string[]): void {
    const isKnown = this.peers.has(id) || this.remotes.has(id) || id === this.self.memberId;
    if (this.isClosed || isKnown || peerUrls.length === 0 || this.isRemoved(id)) return;
    const [oldest] = this.remotes.keys();
    if (oldest !== undefined && this.remotes.size >= remotesMax) this.dropRemote(oldest);
    this.remotes.set(id, new Remote(this.context, id, peerUrls));
    this.log("added new remote peer", id, { "remote-peer-urls": peerUrls });
  }

  /** A raft message came, by whatever way. Undefined where it went to raft. */
  receive(message: Message): Refused | undefined {
    const refused = this.refusalOf(message);
    if (refused === undefined) this.receiver.receive(message);
    else this.logRefused(message, refused);
    return refused;
  }

  private snapshotEnded(way: Peer | Remote, url: string, result: SnapshotResult): void {
    if (result.kind === "finished") {
      way.status.activate();
      return;
    }
    way.picker.unreachable(url);
    way.status.deactivate({ source: "sendMsgSnap", action: "write", reason: result.reason });
    this.context.unreachable(way.id);
  }

  private refusalOf(message: Message): Refused | undefined {
    if (this.isClosed) return "stopped";
    if (this.isRemoved(message.from)) return "cannot process message from removed member";
    if (message.to !== this.self.memberId) return "cannot process message to mismatch member";
    return undefined;
  }

  private logRefused({ from, to }: Message, refused: Refused): void {
    const what = `${idToHex(from)} ${idToHex(to)} ${refused}`;
    if (refused === "stopped" || what === this.lastRefused) return;
    this.lastRefused = what;
    this.options.logger.warn("rejected Raft message", {
      "local-member-id": idToHex(this.self.memberId),
      "remote-peer-id": idToHex(from),
      "target-member-id": idToHex(to),
      error: refused,
    });
  }

  private tick(): void {
    for (const peer of this.peers.values()) peer.tick();
    for (const remote of this.remotes.values()) remote.tick();
  }

  /** Never from inside `send` or a message's arrival, as raft is at work there; and once for all that a turn loses. */
  private reportUnreachable(id: MemberId): void {
    const { unreachable } = this;
    if (unreachable.size === 0) {
      this.options.timers.endOfTurn(() => {
        const ids = [...unreachable];
        unreachable.clear();
        if (!this.isClosed) for (const each of ids) this.receiver.unreachable(each);
      });
    }
    unreachable.add(id);
  }

  private dropRemote(id: MemberId): void {
    this.remotes.get(id)?.stop();
    this.remotes.delete(id);
  }

  private log(text: string, id: MemberId, fields: Readonly<Record<string, unknown>>): void {
    this.options.logger.info(text, {
      "local-member-id": idToHex(this.self.memberId),
      "remote-peer-id": idToHex(id),
      ...fields,
    });
  }
}
