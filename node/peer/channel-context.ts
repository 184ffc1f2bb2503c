/** What the channels to and from one other member have in common, and the limits they keep. The transport makes it. */
import type { Clock, Logger, Timers } from "../lib/ports.ts";
import type { MemberId } from "../lib/units.ts";
import type { Message } from "../raft/messages.ts";
import type { Dialer } from "./dial.ts";
import type { Self } from "./headers.ts";
import type { PeerStats } from "./peer-stats.ts";

export interface ChannelContext {
  readonly self: Self;
  /** Of every request that this member makes. */
  readonly headers: Readonly<Record<string, string>>;
  readonly dialer: Dialer;
  readonly stats: PeerStats;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** A connection that takes nothing for so many ticks is given up. */
  readonly writeTicksMax: number;
  /** A message came by a stream. */
  deliver(message: Message): void;
  /** Something for `id` was lost. Told to the receiver in a later part of the turn, once. */
  unreachable(id: MemberId): void;
  /** `by` says that this member was removed. */
  removed(by: MemberId): void;
}

/**
 * The channels count time in ticks of a timer that the transport has, `ticksPerTimeout` in the read time-out. So a loop that was
 * blocked for long finds one tick when it goes on, and what came meanwhile is read before a connection is taken for dead.
 */
export const ticksPerTimeout = 12;
/** A stream on which nothing is said carries three link heartbeats in the read time-out (etcd: ConnReadTimeout / 3). */
export const ticksPerHeartbeat = ticksPerTimeout / 3;

/** Messages that wait for one stream (etcd: streamBufSize). */
export const streamQueueMax = 4096;
/** Messages that wait for the pipeline, and POSTs under way (etcd: pipelineBufSize, connPerPipeline). */
export const pipelineQueueMax = 64;
export const pipelinePostsMax = 4;
/** Bytes of messages that wait for one member, on all channels together. etcd has none: its entries share memory with raft's log, as ours do. */
const waitingBytesMax = 64 * 1024 * 1024;
/** Node.js keeps all it is given: a connection is given no more at once. */
export const sliceBytesMax = 256 * 1024;

/** About what a message takes, in memory and on the wire. */
export function messageBytes(message: Message): number {
  let bytes = 128 + message.context.length;
  for (const entry of message.entries) bytes += 64 + entry.data.length;
  return bytes;
}

/** How much waits for one member. */
export class WaitingBytes {
  private readonly max: number;
  private taken = 0;

  constructor(max: number = waitingBytesMax) {
    this.max = max;
  }

  get bytes(): number {
    return this.taken;
  }

  /** False, and nothing taken, where it would be too much. One message alone passes whatever its size. */
  take(bytes: number): boolean {
    if (this.taken > 0 && this.taken + bytes > this.max) return false;
    this.taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.taken -= bytes;
  }
}
