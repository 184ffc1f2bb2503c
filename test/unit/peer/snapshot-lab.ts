/** A receiver of snapshots behind a real loopback port, and what a sender needs: for tests of the channel. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { BackendSnapshot, SnapshotReceiver } from "../../../node/backend/backend-snapshot.ts";
import { fromText } from "../../../node/lib/bytes.ts";
import { systemClock } from "../../../node/lib/platform/clock.ts";
import type { Clock } from "../../../node/lib/ports.ts";
import { clusterId, logIndex, type MemberId, memberId, term } from "../../../node/lib/units.ts";
import type { ChannelContext } from "../../../node/peer/channel-context.ts";
import { Dialer } from "../../../node/peer/dial.ts";
import { headersOf, type Self, type Sender } from "../../../node/peer/headers.ts";
import { PeerStats } from "../../../node/peer/peer-stats.ts";
import { SnapshotHandler } from "../../../node/peer/snapshot-handler.ts";
import { type Message, message } from "../../../node/raft/messages.ts";
import { HandTimers, quiet } from "./hand-timers.ts";

export const sender: Self = {
  memberId: memberId(0xa1n),
  clusterId: clusterId(0xccn),
  peerUrls: ["http://127.0.0.1:1"],
};
export const target: Self = { ...sender, memberId: memberId(0xb2n) };

/** What a member has taken. */
class Taken implements SnapshotReceiver {
  readonly chunks: Uint8Array[] = [];
  end: "finished" | "aborted" | undefined;
  /** Set by a test: the disk's own pace, and its failures. */
  onWrite: (chunk: Uint8Array) => Promise<void> = () => Promise.resolve();
  onFinish: () => Promise<void> = () => Promise.resolve();

  async write(chunk: Uint8Array): Promise<void> {
    this.chunks.push(Buffer.from(chunk));
    await this.onWrite(chunk);
  }

  async finish(): ReturnType<SnapshotReceiver["finish"]> {
    await this.onFinish();
    this.end = "finished";
    return { consistentIndex: logIndex(7), term: term(2) } as Awaited<
      ReturnType<SnapshotReceiver["finish"]>
    >;
  }

  abort(): Promise<void> {
    if (this.end === undefined) this.end = "aborted";
    return Promise.resolve();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

export class SnapshotLab {
  readonly taken = new Taken();
  readonly received: Message[] = [];
  readonly senders: Sender[] = [];
  readonly removed = new Set<MemberId>();
  readonly handlerTimers = new HandTimers();
  readonly handlerStats = new PeerStats();
  readonly timers = new HandTimers();
  readonly stats = new PeerStats();
  readonly dialer = new Dialer({ dialTimeoutMs: 5000 });
  readonly server: Server;

  private constructor(clock: Clock) {
    const handler = new SnapshotHandler({
      context: {
        self: target,
        stats: this.handlerStats,
        clock,
        timers: this.handlerTimers,
        logger: quiet,
      },
      receiver: {
        receive: (received) => {
          if (this.taken.end !== "finished") throw new Error("the message came before its state");
          this.received.push(received);
        },
        receiveSnapshot: () => Promise.resolve(this.taken),
        isRemoved: (id) => this.removed.has(id),
      },
      onSender: (said) => this.senders.push(said),
    });
    this.server = createServer((request, response) => handler.handle(request, response));
  }

  static async start(): Promise<SnapshotLab> {
    const lab = new SnapshotLab(systemClock);
    lab.server.listen(0, "127.0.0.1");
    await once(lab.server, "listening");
    return lab;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** For a SnapshotSender. */
  get context(): Omit<
    ChannelContext,
    "self" | "deliver" | "unreachable" | "removed" | "writeTicksMax"
  > {
    const { dialer, stats, timers } = this;
    return { headers: headersOf(sender), dialer, stats, timers, clock: systemClock, logger: quiet };
  }

  stop(): void {
    this.dialer.close();
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A state of these chunks, which tells whether it was let go and how far it was read. */
export class State implements BackendSnapshot {
  readonly position = { consistentIndex: logIndex(7) } as BackendSnapshot["position"];
  isReleased = false;
  readBytes = 0;
  private readonly make: () => AsyncIterable<Uint8Array>;

  constructor(make: () => AsyncIterable<Uint8Array>) {
    this.make = make;
  }

  async *chunks(): AsyncIterable<Uint8Array> {
    for await (const chunk of this.make()) {
      if (this.isReleased) throw new Error("read after it was let go");
      this.readBytes += chunk.length;
      yield chunk;
    }
  }

  release(): void {
    this.isReleased = true;
  }
}

export const stateOf = (...chunks: readonly Uint8Array[]): State =>
  new State(async function* () {
    yield* chunks;
  });

const noConfState = {
  voters: [sender.memberId],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export const snapMessage = (fields: Partial<Message> = {}): Message =>
  message({
    type: "MsgSnap",
    from: sender.memberId,
    to: target.memberId,
    term: term(3),
    snapshot: {
      metadata: { index: logIndex(7), term: term(2), confState: noConfState },
      data: fromText('{"members":[]}'),
    },
    ...fields,
  });
