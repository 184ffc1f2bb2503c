/**
 * Sends whole states to other members: POST /raft/snapshot (etcd rafthttp/snapshot_sender.go), on a connection of its own.
 *
 *     +--------------+---------+------------------------------+----------------------+
 *     | n, 8 bytes BE| MsgSnap | the chunks of the state      | trailer: its CRC-32C |
 *     +--------------+---------+------------------------------+----------------------+
 *
 * The end of the body is what makes it whole for the receiver: whatever ends a sending before that cuts the connection. A sending has no limit
 * as a whole; it fails when nothing moves for a while. Which address to use, and what a failure means, is the caller's matter.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { BackendSnapshot } from "../backend/backend-snapshot.ts";
import { crc32c } from "../lib/crc32c.ts";
import type { Timer } from "../lib/ports.ts";
import { idToHex } from "../lib/units.ts";
import { Writer } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import type { ChannelContext } from "./channel-context.ts";
import { errorText } from "./dial.ts";
import { MessageEncoder } from "./message-frames.ts";
import type { SnapshotCounters } from "./peer-stats.ts";
import { textOfAnswer } from "./refusal-text.ts";

/** Ours: the sum of the state's bytes, in hex. A real etcd passes over it, and sends none. */
export const sumTrailer = "X-Etcd-Ts-Crc32c";

export type SnapshotResult =
  | { readonly kind: "finished" }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** The other one says that this member was removed from the cluster. */
      readonly isRemoved: boolean;
    };

type Context = Pick<ChannelContext, "headers" | "dialer" | "stats" | "clock" | "timers" | "logger">;

export interface SnapshotSenderLimits {
  /** So long a piece may take to leave. */
  readonly stallMs: number;
  /** So long the receiver may take to check and keep what it has got. */
  readonly answerMs: number;
}

const defaultLimits: SnapshotSenderLimits = { stallMs: 30_000, answerMs: 600_000 };

/** Bytes of the state that are given to the connection at once: a stall is seen by the piece. */
const pieceBytes = 64 * 1024;

export class SnapshotSender {
  private readonly context: Context;
  private readonly limits: SnapshotSenderLimits;
  private readonly sendings = new Set<Sending>();
  private isClosed = false;

  constructor(context: Context, limits: Partial<SnapshotSenderLimits> = {}) {
    this.context = context;
    this.limits = { ...defaultLimits, ...limits };
  }

  /** Begins a sending to `url`. `body` is released in any case; `done` runs once, in a later turn. */
  send(
    url: string,
    message: Message,
    body: BackendSnapshot,
    done: (result: SnapshotResult) => void,
  ): void {
    const { context, limits } = this;
    const sending = new Sending({ context, limits, url, message, body }, (result) => {
      this.sendings.delete(sending);
      context.timers.endOfTurn(() => done(result));
    });
    this.sendings.add(sending);
    if (this.isClosed) sending.fail("the network is closed");
    else sending.start();
  }

  /** Gives up every sending; those after it fail. */
  close(): void {
    this.isClosed = true;
    for (const sending of this.sendings) sending.fail("the network is closed");
  }
}

interface Shipment {
  readonly context: Context;
  readonly limits: SnapshotSenderLimits;
  readonly url: string;
  readonly message: Message;
  readonly body: BackendSnapshot;
}

class Sending {
  private readonly shipment: Shipment;
  private readonly onEnd: (result: SnapshotResult) => void;
  private readonly counters: SnapshotCounters;
  private readonly beganMs: number;
  private request: ClientRequest | undefined;
  private timer: Timer | undefined;
  private isOver = false;
  private isBodySent = false;
  private sentBytes = 0;
  /** Lets `run` go on, which waits for the connection. */
  private wake: () => void = () => undefined;

  constructor(shipment: Shipment, onEnd: (result: SnapshotResult) => void) {
    const { context, message } = shipment;
    this.shipment = shipment;
    this.onEnd = onEnd;
    this.counters = context.stats.of(message.to).snapshotsSent;
    this.counters.inflight += 1;
    this.beganMs = context.clock.monotonicMs();
  }

  start(): void {
    this.shipment.context.logger.info("sending database snapshot", this.logFields());
    this.run().catch((error: unknown) => this.fail(errorText(error)));
  }

  private dial(): ClientRequest {
    const { context, url } = this.shipment;
    const headers = {
      ...context.headers,
      "Content-Type": "application/octet-stream",
      Trailer: sumTrailer,
    };
    const path = "/raft/snapshot";
    const request = context.dialer.request(url, {
      path,
      method: "POST",
      headers,
      kind: "snapshot",
    });
    this.request = request;
    request.on("error", (error) => this.fail(errorText(error)));
    request.on("close", () => this.fail("the connection was closed"));
    request.on("response", (response) => this.onResponse(response));
    return request;
  }

  fail(reason: string, isRemoved = false): void {
    if (this.isOver) return;
    const { context, message } = this.shipment;
    this.counters.failures += 1;
    context.stats.of(message.to).sentFailures += 1;
    context.logger.warn("failed to send database snapshot", { ...this.logFields(), error: reason });
    this.end({ kind: "failed", reason, isRemoved });
  }

  private async run(): Promise<void> {
    const { message, body, limits } = this.shipment;
    const chunks = body.chunks()[Symbol.asyncIterator]();
    // The first chunk may take long, as the whole state is looked through for it; a real etcd gives a silent connection five seconds.
    let next = await chunks.next();
    if (this.hasEnded()) return;
    const request = this.dial();
    const writer = new Writer();
    new MessageEncoder().encode(writer, message);
    await this.write(request, writer.buffer.subarray(0, writer.position));
    let sum = 0;
    while (next.done !== true) {
      const chunk = next.value;
      sum = crc32c(chunk, sum);
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        await this.write(request, chunk.subarray(at, at + pieceBytes));
      }
      // Over perhaps since long; asked before the next chunk is, which then nobody wants.
      if (this.hasEnded()) return;
      next = await chunks.next();
    }
    if (this.hasEnded()) return;
    request.addTrailers({ [sumTrailer]: sum.toString(16) });
    this.isBodySent = true;
    this.startTimer(limits.answerMs, "the receiver does not answer");
    request.end();
  }

  /** Asked behind each wait: anything may have ended it meanwhile. */
  private hasEnded(): boolean {
    return this.isOver;
  }

  /** Resolves when `bytes` have left, and the memory may be used again, or the sending is over. */
  private async write(request: ClientRequest, bytes: Uint8Array): Promise<void> {
    if (this.isOver) return;
    this.startTimer(this.shipment.limits.stallMs, "the connection stalls");
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      request.write(bytes, () => resolve());
    });
    this.timer?.cancel();
    this.sentBytes += bytes.length;
  }

  private startTimer(ms: number, reason: string): void {
    this.timer?.cancel();
    this.timer = this.shipment.context.timers.after(ms, () => this.fail(reason));
  }

  private onResponse(response: IncomingMessage): void {
    // Before the last byte was sent it cannot stand for all of them.
    if (response.statusCode === 204 && this.isBodySent) {
      this.finish();
      return;
    }
    textOfAnswer(response, (text) => {
      // By a 403 among our own; a real etcd has the same words in a 500.
      const isRemoved = text.includes("cannot process message from removed member");
      this.fail(`status ${response.statusCode}: ${text}`, isRemoved);
    });
  }

  private finish(): void {
    if (this.isOver) return;
    const { context, message } = this.shipment;
    this.counters.successes += 1;
    this.counters.seconds.observe((context.clock.monotonicMs() - this.beganMs) / 1000);
    context.stats.of(message.to).sentBytes += this.sentBytes;
    context.logger.info("sent database snapshot", { ...this.logFields(), bytes: this.sentBytes });
    this.end({ kind: "finished" });
  }

  private end(result: SnapshotResult): void {
    this.isOver = true;
    this.counters.inflight -= 1;
    this.timer?.cancel();
    this.shipment.body.release();
    // Never `end`: a body that ends is whole.
    this.request?.destroy();
    this.wake();
    this.onEnd(result);
  }

  private logFields(): Record<string, unknown> {
    const { message } = this.shipment;
    return {
      "snapshot-index": message.snapshot?.metadata.index,
      "remote-peer-id": idToHex(message.to),
    };
  }
}
