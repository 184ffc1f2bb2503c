/**
 * One process's end of the network between members. It lives as long as the process. Messages go by value, so that nothing which one
 * member changes later reaches another.
 */
import type { BackendSnapshot } from "../../node/backend/backend-snapshot.ts";
import type { EtcdErrorKind } from "../../node/lib/etcd-error.ts";
import { serverVersion } from "../../node/lib/etcd-version.ts";
import type { MemberId } from "../../node/lib/units.ts";
import type { Message } from "../../node/raft/messages.ts";
import type {
  LeaseReply,
  LeaseTimes,
  PeerIdentity,
  PeerReceiver,
  PeerTransport,
  SnapshotOutcome,
} from "../../node/server/peer-transport.ts";
import type { EventLoop } from "./event-loop.ts";
import { hasRemoved } from "./member-view.ts";
import { bytesOf, copyOf } from "./message-copy.ts";
import type { SimClock } from "./sim-clock.ts";
import type { SimNetwork } from "./sim-network.ts";
import { SnapshotStream } from "./snapshot-stream.ts";
import type { World } from "./world.ts";

/** Sees every message that is sent, and how each snapshot's way ended. */
export interface NetworkObserver {
  sent(from: number, to: number, message: Message): void;
  /** The member on this machine is about to receive it. */
  received(machine: number, message: Message): void;
  snapshotEnded(outcome: SnapshotOutcome): void;
}

export interface ProcessPeersOptions {
  readonly world: World;
  readonly network: SimNetwork;
  /** The links that are up, by machine. */
  readonly links: Map<number, PeerLink>;
  readonly machine: number;
  readonly loop: EventLoop;
  readonly clock: SimClock;
  readonly observer: NetworkObserver;
  /** The member has come up and receives. */
  readonly onOpen: (identity: PeerIdentity, receiver: PeerReceiver) => void;
}

/** How long one waits for another's answer. */
const patienceMs = 10_000;
/** Time between two attempts to connect. */
const dialMs = 1500;

export class PeerLink implements PeerTransport {
  readonly options: ProcessPeersOptions;
  readonly receiver: PeerReceiver;
  /** Snapshots that are being sent or received. */
  readonly streams = new Set<SnapshotStream>();
  private readonly id: MemberId;
  private readonly peers = new Map<MemberId, readonly string[]>();
  /** Members that nobody has told of, but that write to us: they tell where they are (rafthttp's remotes). */
  private readonly remotes = new Map<MemberId, number>();
  private readonly removedPeers = new Set<MemberId>();
  private readonly upSinceMs: number;

  constructor(options: ProcessPeersOptions, { memberId }: PeerIdentity, receiver: PeerReceiver) {
    this.options = options;
    this.receiver = receiver;
    this.id = memberId;
    this.upSinceMs = options.world.nowMs;
    options.links.set(options.machine, this);
    this.dial();
  }

  /** As long as it is up it keeps trying to connect, and so learns that it was removed, also when it has nothing to say. */
  private dial(): void {
    const { world, network, machine, links, loop } = this.options;
    world.after(dialMs, () => {
      if (!this.isUp) return;
      this.dial();
      const refusing = [...this.peers.keys()].filter((id) => {
        const other = this.machineOf(id);
        const link = other === undefined ? undefined : links.get(other);
        if (other === undefined || link === undefined || !network.isWhole(machine, other))
          return false;
        return link.id === id && link.refuses(this.id);
      });
      for (const id of refusing) loop.dispatch(() => this.receiver.removed(id));
    });
  }

  /** The process is gone, or has closed its peer port. */
  close(): void {
    const { links, machine } = this.options;
    if (links.get(machine) === this) links.delete(machine);
    for (const stream of [...this.streams]) stream.fail("a process is gone");
  }

  get isUp(): boolean {
    return this.options.links.get(this.options.machine) === this;
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.sendOne(message);
  }

  sendSnapshot(
    message: Message,
    body: BackendSnapshot,
    done: (outcome: SnapshotOutcome) => void,
  ): void {
    this.options.observer.sent(this.options.machine, this.machineOf(message.to) ?? -1, message);
    new SnapshotStream(this, { message: copyOf(message), body, done }).start();
  }

  setPeer(id: MemberId, peerUrls: readonly string[]): void {
    this.peers.set(id, peerUrls);
    this.removedPeers.delete(id);
  }

  removePeer(id: MemberId): void {
    this.peers.delete(id);
    this.removedPeers.add(id);
  }

  activeSinceMs(id: MemberId): number | undefined {
    const { network, machine, clock, links, world } = this.options;
    const other = this.machineOf(id);
    const link = other === undefined ? undefined : links.get(other);
    if (other === undefined || link === undefined) return undefined;
    const wholeMs = network.wholeSinceMs(machine, other);
    if (wholeMs === undefined) return undefined;
    // Both sides need a moment to connect.
    const sinceMs = Math.max(wholeMs, this.upSinceMs, link.upSinceMs) + 100;
    return sinceMs > world.nowMs ? undefined : clock.monotonicAt(sinceMs);
  }

  promote(leader: MemberId, learner: MemberId): Promise<EtcdErrorKind | undefined> {
    return this.ask(leader, (receiver) => receiver.promote(learner));
  }

  renewLease(leader: MemberId, id: bigint): Promise<LeaseReply<number>> {
    return this.ask(leader, (receiver) => receiver.renewLease(id));
  }

  leaseTimes(leader: MemberId, id: bigint, withKeys: boolean): Promise<LeaseReply<LeaseTimes>> {
    return this.ask(leader, (receiver) => receiver.leaseTimes(id, withKeys));
  }

  /** Question and answer need the network, each way. */
  private async ask<Answer>(
    leader: MemberId,
    question: (receiver: PeerReceiver) => Promise<Answer>,
  ): Promise<Answer> {
    const { network, machine, links, loop, world } = this.options;
    const other = this.machineOf(leader);
    await new Promise<void>((resolve) => {
      loop.after(network.delayMs(), resolve);
    });
    const link = other === undefined ? undefined : links.get(other);
    if (other === undefined || link === undefined || !network.isWhole(machine, other)) {
      throw new Error("the leader cannot be reached");
    }
    return new Promise((resolve, reject) => {
      loop.after(patienceMs, () => reject(new Error("the leader does not answer")));
      link.options.loop.dispatch(() => {
        world.promised();
        question(link.receiver).then(
          (answer) => loop.after(network.delayMs(), () => resolve(answer)),
          (error: unknown) => loop.after(network.delayMs(), () => reject(new Error(String(error)))),
        );
      });
    });
  }

  /** Those that are cut off do not answer. */
  async versions(): Promise<ReadonlyMap<MemberId, string | undefined>> {
    const { network, machine, links, loop } = this.options;
    const versions = new Map<MemberId, string | undefined>();
    for (const id of this.peers.keys()) {
      const other = this.machineOf(id);
      const answers = other !== undefined && links.has(other) && network.isWhole(machine, other);
      versions.set(id, answers ? serverVersion : undefined);
    }
    await new Promise<void>((resolve) => {
      loop.after(network.delayMs(), resolve);
    });
    return versions;
  }

  /** Every member here is. */
  isEtcdTs(): boolean {
    return true;
  }

  /** The machine that a member is reached at. */
  machineOf(id: MemberId): number | undefined {
    const urls = this.peers.get(id);
    return urls === undefined ? this.remotes.get(id) : this.options.network.machineAt(urls);
  }

  /** A message has arrived at this process. */
  arrived(message: Message, from: number): void {
    const { receiver } = this;
    this.options.loop.dispatch(() => {
      if (!this.isUp) return;
      if (this.refuses(message.from)) {
        this.tellRemoved(message.from, from);
      } else if (message.to === this.id) {
        if (!this.peers.has(message.from)) this.remotes.set(message.from, from);
        this.options.observer.received(this.options.machine, message);
        receiver.receive(message);
      }
    });
  }

  /** What was sent to `id` did not arrive, and this process finds out after a while. */
  unreachable(id: MemberId, delayMs: number): void {
    const { world, loop } = this.options;
    world.after(delayMs, () =>
      loop.dispatch(() => {
        if (this.isUp) this.receiver.unreachable(id);
      }),
    );
  }

  /** The member here knows that `id` was removed. */
  private refuses(id: MemberId): boolean {
    return this.removedPeers.has(id) || hasRemoved(this.receiver, id);
  }

  private sendOne(message: Message): void {
    const { world, network, machine, observer, links } = this.options;
    const other = this.machineOf(message.to);
    if (other === undefined) return;
    observer.sent(machine, other, message);
    const { arrivalsMs, isRefused } = network.pass(machine, other, bytesOf(message));
    const link = links.get(other);
    if (isRefused || link === undefined) this.unreachable(message.to, link === undefined ? 5 : 500);
    // A connection doubles nothing; what raft stands anyway is doubled, and a proposal would count twice.
    for (const arrivalMs of message.type === "MsgProp" ? arrivalsMs.slice(0, 1) : arrivalsMs) {
      const copy = copyOf(message);
      world.at(arrivalMs, () => {
        if (!network.isCut(machine, other)) links.get(other)?.arrived(copy, machine);
      });
    }
  }

  /** One who was removed writes to us: it is told, if the way back is open. */
  private tellRemoved(id: MemberId, machine: number): void {
    const { world, network, links } = this.options;
    world.after(network.delayMs(), () => {
      const link = links.get(machine);
      if (link === undefined || link.id !== id) return;
      if (!network.isWhole(this.options.machine, machine)) return;
      link.options.loop.dispatch(() => link.receiver.removed(this.id));
    });
  }
}
