/**
 * The sending end of one stream: the body of an answer to a GET with which the other member asked for it (etcd rafthttp/stream.go,
 * streamWriter). It encodes what comes in a turn into one buffer and writes that at `flush`. Where the connection takes no more, messages
 * wait here as they are, to a limit; Node.js itself keeps at most one slice.
 *
 *     offer ──▶ [queue, while blocked] ──▶ encoder ──▶ slab ══ slices ══▶ response
 */
import type { ServerResponse } from "node:http";
import { cloneBytes } from "../lib/bytes.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { Writer } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import {
  type ChannelContext,
  messageBytes,
  sliceBytesMax,
  streamQueueMax,
  ticksPerHeartbeat,
  type WaitingBytes,
} from "./channel-context.ts";
import { type FrameEncoder, MessageEncoder } from "./message-frames.ts";
import { MsgAppV2Encoder } from "./msgapp-v2.ts";
import type { PeerCounters } from "./peer-stats.ts";
import type { Failure, PeerStatus } from "./peer-status.ts";
import { type StreamKind, streamName } from "./stream-kind.ts";

export interface StreamWriterOptions {
  readonly context: ChannelContext;
  readonly peerId: MemberId;
  readonly kind: StreamKind;
  readonly status: PeerStatus;
  /** Shared by all channels to the member. */
  readonly waiting: WaitingBytes;
}

/** A connection, and what is under way on it. */
interface Outgoing {
  readonly response: ServerResponse;
  readonly encoder: FrameEncoder;
  readonly isEtcdTs: boolean;
  /** The connection takes no more until it drains. */
  isBlocked: boolean;
  /** Ticks since it was blocked, or since the last link heartbeat. */
  ticks: number;
}

/** A slab that one large message made grow beyond this is let go. */
const slabBytesMax = 4 * sliceBytesMax;

export class StreamWriter {
  private readonly options: StreamWriterOptions;
  private readonly counters: PeerCounters;
  private outgoing: Outgoing | undefined;
  private slab = new Writer(4096);
  /** Bytes of the slab that were written. */
  private written = 0;
  /** From `queueAt` on they wait. Empty unless the connection is blocked. */
  private queue: Message[] = [];
  private queueAt = 0;

  constructor(options: StreamWriterOptions) {
    this.options = options;
    this.counters = options.context.stats.of(options.peerId);
  }

  get isAttached(): boolean {
    return this.outgoing !== undefined;
  }

  /** What the other side of the connection said; undefined where there is none. */
  get isEtcdTs(): boolean | undefined {
    return this.outgoing?.isEtcdTs;
  }

  /** From now on messages go into this body, whose head was sent. An older one ends, with what was under way on it. */
  attach(response: ServerResponse, isEtcdTs: boolean): void {
    const { kind, status, context } = this.options;
    if (this.outgoing !== undefined) {
      this.detach();
      context.logger.warn("closed TCP streaming connection with remote peer", this.fields());
    }
    const encoder = kind === "msgapp" ? new MsgAppV2Encoder() : new MessageEncoder();
    const outgoing = { response, encoder, isEtcdTs, isBlocked: false, ticks: 0 };
    this.outgoing = outgoing;
    const isCurrent = (): boolean => this.outgoing === outgoing;
    response.on("error", () => undefined);
    response.on("close", () => {
      if (isCurrent()) this.lose("write", "the connection is closed");
    });
    response.on("drain", () => {
      if (!isCurrent()) return;
      outgoing.isBlocked = false;
      outgoing.ticks = 0;
      this.flush();
    });
    status.activate();
    context.logger.info("established TCP streaming connection with remote peer", this.fields());
  }

  /** Takes a message for a stream that is attached; it goes out with the next `flush`. False where it cannot wait. */
  offer(message: Message): boolean {
    const { outgoing } = this;
    if (outgoing === undefined) return false;
    if (!outgoing.isBlocked) {
      outgoing.encoder.encode(this.slab, message);
      if (this.slab.position >= sliceBytesMax) this.flush();
      return true;
    }
    if (this.queue.length - this.queueAt >= streamQueueMax) return false;
    if (!this.options.waiting.take(messageBytes(message))) return false;
    this.queue.push(message);
    return true;
  }

  /** Writes what was taken, as far as the connection allows. */
  flush(): void {
    const { outgoing } = this;
    if (outgoing === undefined) return;
    while (!outgoing.isBlocked && (this.slab.position > 0 || this.encodeQueued(outgoing))) {
      const end = Math.min(this.slab.position, this.written + sliceBytesMax);
      // The slab is filled again while Node.js still holds what it was given.
      const slice = cloneBytes(this.slab.buffer, this.written, end);
      this.counters.sentBytes += slice.length;
      this.written = end;
      if (end === this.slab.position) this.emptySlab();
      outgoing.response.write(slice);
      if (outgoing.response.writableNeedDrain) {
        outgoing.isBlocked = true;
        outgoing.ticks = 0;
      }
    }
  }

  /** To be called `ticksPerTimeout` times in the read time-out. */
  tick(): void {
    const { outgoing } = this;
    if (outgoing === undefined) return;
    outgoing.ticks += 1;
    if (outgoing.isBlocked) {
      if (outgoing.ticks > this.options.context.writeTicksMax) this.lose("write", "i/o timeout");
    } else if (outgoing.ticks >= ticksPerHeartbeat) {
      outgoing.ticks = 0;
      outgoing.encoder.heartbeat(this.slab);
      this.flush();
    }
  }

  /** The member is no peer any more, or this one stops. */
  stop(): void {
    this.detach();
  }

  private emptySlab(): void {
    if (this.slab.buffer.length > slabBytesMax) this.slab = new Writer(4096);
    this.slab.reset();
    this.written = 0;
  }

  /** Fills the slab with about a slice of what waits; false where nothing does. */
  private encodeQueued({ encoder }: Outgoing): boolean {
    const { queue, slab } = this;
    if (queue.length === 0) return false;
    while (this.queueAt < queue.length && slab.position < sliceBytesMax) {
      const message = queue[this.queueAt++] as Message;
      this.options.waiting.give(messageBytes(message));
      encoder.encode(slab, message);
    }
    if (this.queueAt === queue.length) {
      this.queue = [];
      this.queueAt = 0;
    }
    return true;
  }

  private lose(action: Failure["action"], reason: string): void {
    const { kind, status, context } = this.options;
    status.deactivate({ source: streamName[kind], action, reason });
    this.counters.sentFailures += 1;
    this.detach();
    context.logger.warn("lost TCP streaming connection with remote peer", {
      ...this.fields(),
      error: reason,
    });
  }

  /** Ends the connection. What has waited for it is lost. */
  private detach(): void {
    const { outgoing } = this;
    if (outgoing === undefined) return;
    const { context, peerId, waiting } = this.options;
    this.outgoing = undefined;
    const isLosing = this.slab.position > 0 || this.queue.length > 0;
    for (let at = this.queueAt; at < this.queue.length; at++) {
      waiting.give(messageBytes(this.queue[at] as Message));
    }
    this.queue = [];
    this.queueAt = 0;
    this.emptySlab();
    if (isLosing) context.unreachable(peerId);
    // What the system has taken still arrives, unless the other side does not read.
    if (outgoing.isBlocked) outgoing.response.destroy();
    else outgoing.response.end();
  }

  private fields(): Record<string, string> {
    const { context, peerId, kind } = this.options;
    return {
      "stream-writer-type": streamName[kind],
      "local-member-id": idToHex(context.self.memberId),
      "remote-peer-id": idToHex(peerId),
    };
  }
}
