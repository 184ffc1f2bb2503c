/**
 * The body of POST /raft/snapshot as it comes in: a message behind its length, then a state (snapshot-sender.ts has the drawing). Owns how it is
 * read: piece by piece, with an end to waiting, and never taken for whole when it was cut off.
 */
import type { IncomingMessage } from "node:http";
import type { Message } from "../raft/messages.ts";
import type { ChannelContext } from "./channel-context.ts";
import { MessageBytes } from "./message-bytes.ts";
import { frameLength, frameMessage, lengthBytes } from "./message-frames.ts";

/** Longest MsgSnap, without the state (etcd's snapshotLimitByte). */
const messageBytesMax = 64 * 1024 * 1024;
/** So long may a sender go on to send behind the answer that turned it away: it has to read it first. */
const drainMs = 5000;

/** The body as the disk asks for it: while nobody does, the sender waits. */
export class SnapshotBody {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly request: IncomingMessage;
  private readonly timers: ChannelContext["timers"];
  private readonly stallMs: number;
  private readonly bytes = new MessageBytes();
  private isBegun = false;

  constructor(request: IncomingMessage, timers: ChannelContext["timers"], stallMs: number) {
    this.request = request;
    this.timers = timers;
    this.stallMs = stallMs;
    const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The message before the state. Rejects with FrameError, and when the body ends in it. */
  async message(): Promise<Message> {
    await this.piece(lengthBytes);
    await this.piece(frameLength(this.bytes, messageBytesMax));
    return frameMessage(this.bytes);
  }

  /** The next bytes of the state; undefined at the end of a whole body. Rejects when it is cut off, or nothing comes. */
  async next(): Promise<Uint8Array | undefined> {
    if (!this.isBegun) {
      this.isBegun = true;
      const rest = this.bytes.rest();
      if (rest.length > 0) return rest;
    }
    return await this.chunk();
  }

  /** The request is answered. Reads away what is still to come: unread, it would keep the connection from ever ending. */
  drain(): void {
    const { request, timers } = this;
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    const timer = timers.after(drainMs, () => socket.destroy());
    // A request that was answered hears nothing of the end of its connection.
    const ended = (): void => {
      timer.cancel();
      socket.off("close", ended);
    };
    request.once("end", ended);
    socket.once("close", ended);
    void this.chunks.return?.().then(() => request.resume());
  }

  private async piece(length: number): Promise<void> {
    while (!this.bytes.next(length)) {
      const chunk = await this.chunk();
      if (chunk === undefined) throw new Error("unexpected EOF");
      this.bytes.push(chunk);
    }
  }

  private async chunk(): Promise<Uint8Array | undefined> {
    const stalled = this.timers.after(this.stallMs, () => {
      this.request.destroy(new Error("nothing came for too long"));
    });
    try {
      const next = await this.chunks.next();
      if (next.done !== true) return next.value;
    } finally {
      stalled.cancel();
    }
    if (!this.request.complete) throw new Error("the body was cut off");
    return undefined;
  }
}
