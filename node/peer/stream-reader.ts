/**
 * The receiving end of one stream: a GET at the other member, whose answer does not end (etcd rafthttp/stream.go, streamReader). It dials
 * as long as it runs, and writes to the log when the outcome changes.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Timer } from "../lib/ports.ts";
import { idToHex, type MemberId } from "../lib/units.ts";
import { WireError } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import { type ChannelContext, ticksPerTimeout } from "./channel-context.ts";
import { errorText } from "./dial.ts";
import { senderOf } from "./headers.ts";
import { type FrameDecoder, FrameError, MessageDecoder } from "./message-frames.ts";
import { MsgAppV2Decoder } from "./msgapp-v2.ts";
import type { PeerCounters } from "./peer-stats.ts";
import type { PeerStatus } from "./peer-status.ts";
import { textOfAnswer } from "./refusal-text.ts";
import { type StreamKind, streamName, streamPath } from "./stream-kind.ts";
import type { UrlPicker } from "./url-picker.ts";

export interface StreamReaderOptions {
  readonly context: ChannelContext;
  readonly peerId: MemberId;
  readonly kind: StreamKind;
  readonly status: PeerStatus;
  readonly picker: UrlPicker;
}

/** Time between the beginnings of two attempts, at least (etcd: DialRetryFrequency). */
const redialMs = 100;

/** One attempt, and the connection that came of it. */
interface Incoming {
  readonly url: string;
  readonly request: ClientRequest;
  readonly dialedMs: number;
  /** Ticks since something came. */
  quietTicks: number;
  /** Whether the other side says that it is etcd-ts; undefined until the stream is open. */
  isEtcdTs: boolean | undefined;
  /** Why it ends. */
  reason: string | undefined;
}

export class StreamReader {
  private readonly options: StreamReaderOptions;
  private readonly counters: PeerCounters;
  private incoming: Incoming | undefined;
  private redial: Timer | undefined;
  private isStopped = false;
  /** The refusal that was logged last. */
  private refusal: string | undefined;

  constructor(options: StreamReaderOptions) {
    this.options = options;
    this.counters = options.context.stats.of(options.peerId);
  }

  /** What the other side of the connection said; undefined where there is none. */
  get isEtcdTs(): boolean | undefined {
    return this.incoming?.isEtcdTs;
  }

  start(): void {
    this.dial();
  }

  /** To be called `ticksPerTimeout` times in the read time-out. */
  tick(): void {
    const { incoming } = this;
    if (incoming === undefined) return;
    incoming.quietTicks += 1;
    if (incoming.quietTicks > ticksPerTimeout) this.end(incoming, "i/o timeout");
  }

  stop(): void {
    this.isStopped = true;
    this.redial?.cancel();
    const { incoming } = this;
    this.incoming = undefined;
    incoming?.request.destroy();
  }

  private dial(): void {
    const { context, picker, kind, peerId } = this.options;
    const url = picker.pick();
    const request = context.dialer.request(url, {
      path: `${streamPath}/${kind}/${idToHex(context.self.memberId)}`,
      method: "GET",
      headers: { ...context.headers, "X-Raft-To": idToHex(peerId) },
      kind: "stream",
    });
    const incoming: Incoming = {
      url,
      request,
      dialedMs: context.clock.monotonicMs(),
      quietTicks: 0,
      isEtcdTs: undefined,
      reason: undefined,
    };
    this.incoming = incoming;
    request.once("error", (error) => this.end(incoming, errorText(error)));
    request.once("close", () => this.end(incoming, "EOF"));
    request.once("response", (response) => {
      // What breaks the answer off closes the request too.
      response.on("error", (error) => this.end(incoming, errorText(error)));
      if (this.incoming !== incoming) return;
      if (response.statusCode === 200) this.opened(incoming, response);
      else this.refused(incoming, response);
    });
    request.end();
  }

  private opened(incoming: Incoming, response: IncomingMessage): void {
    const { context, status } = this.options;
    incoming.quietTicks = 0;
    incoming.isEtcdTs = senderOf(response.headers).isEtcdTs;
    this.refusal = undefined;
    status.activate();
    context.logger.info("established TCP streaming connection with remote peer", this.fields());
    const decoder = this.newDecoder(incoming);
    response.once("end", () => this.end(incoming, "EOF"));
    response.on("data", (chunk: Buffer) => {
      incoming.quietTicks = 0;
      this.counters.receivedBytes += chunk.length;
      if (this.incoming === incoming) this.take(incoming, decoder, chunk);
    });
  }

  private newDecoder(incoming: Incoming): FrameDecoder {
    const { context, kind, peerId } = this.options;
    const onMessage = (message: Message): void => {
      // A message before it in the chunk may have ended everything.
      if (this.incoming === incoming) context.deliver(message);
    };
    return kind === "message"
      ? new MessageDecoder(onMessage)
      : new MsgAppV2Decoder({ local: context.self.memberId, remote: peerId, onMessage });
  }

  private take(incoming: Incoming, decoder: FrameDecoder, chunk: Uint8Array): void {
    try {
      decoder.take(chunk);
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof WireError)) throw error;
      this.counters.receivedFailures += 1;
      this.end(incoming, error.message);
    }
  }

  private refused(incoming: Incoming, response: IncomingMessage): void {
    textOfAnswer(response, (text) => {
      if (this.incoming !== incoming) return;
      const status = response.statusCode ?? 0;
      this.complain(status, text);
      this.end(incoming, `${status} ${text}`);
      if (status === 410) this.options.context.removed(this.options.peerId);
    });
  }

  private complain(status: number, text: string): void {
    const refusal = `${status} ${text}`;
    if (refusal === this.refusal) return;
    this.refusal = refusal;
    const { logger } = this.options.context;
    const fields = { ...this.fields(), "http-status": status, error: text };
    // Normal while a member that has just joined is not known everywhere yet.
    if (status === 404) logger.info("remote peer does not know this member yet", fields);
    else logger.warn("request sent was ignored by remote peer", fields);
  }

  /** The attempt, or the stream, is over. Idempotent. */
  private end(incoming: Incoming, reason: string): void {
    if (this.incoming !== incoming) return;
    const { context, status, picker, kind } = this.options;
    this.incoming = undefined;
    incoming.request.destroy();
    const wasOpen = incoming.isEtcdTs !== undefined;
    if (wasOpen) {
      context.logger.warn("lost TCP streaming connection with remote peer", {
        ...this.fields(),
        error: reason,
      });
    } else {
      picker.unreachable(incoming.url);
    }
    // The end of a stream may mean that there is a newer one; whether the member is still there, the next attempt tells.
    if (!(wasOpen && reason === "EOF")) {
      const action = wasOpen ? "read" : "dial";
      status.deactivate({ source: streamName[kind], action, reason });
    }
    if (this.isStopped) return;
    const passedMs = context.clock.monotonicMs() - incoming.dialedMs;
    this.redial = context.timers.after(Math.max(0, redialMs - passedMs), () => this.dial());
  }

  private fields(): Record<string, string> {
    const { context, peerId, kind } = this.options;
    return {
      "stream-reader-type": streamName[kind],
      "local-member-id": idToHex(context.self.memberId),
      "remote-peer-id": idToHex(peerId),
    };
  }
}
