/** One HTTP/2 stream of `node:http2` that carries a call: between its events and the calls of our own transport. */
/* eslint-disable no-restricted-imports -- this folder is the transport made of Node.js's own HTTP/2 */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Clock, Timer, Timers } from "../../lib/ports.ts";
import { Call } from "../call.ts";
import { noDeadline } from "../deadline.ts";
import { gzip, gzipName } from "../gzip.ts";
import { headerField, headerName } from "../header-field.ts";
import {
  compressedMessageBytesMax,
  plainBodyBytesMax,
  plainRequestMs,
  refusedBodyBytesMax,
  statusTextBytesMax,
  streamWindowBytes,
} from "../limits.ts";
import { AssemblyMeter, type MemoryBudget } from "../memory-budget.ts";
import { messagePrefixBytes } from "../message-assembler.ts";
import { type PlainHandler, PlainReply, plainRequest } from "../plain-request.ts";
import { endBody, takeBody } from "../request-body.ts";
import { RequestHead } from "../request-head.ts";
import type { Routes } from "../route.ts";
import { encodeStatusText, type Refusal, statusCode } from "../status.ts";
import type { InputOwner } from "../stream-input.ts";
import { StreamOfExchange } from "./stream-of-exchange.ts";

export interface ExchangeOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly routes: Routes;
  readonly memory: MemoryBudget;
  readonly receiveMessageBytesMax: number;
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  /** Null: requests that are no gRPC are refused. */
  readonly plainHandler: PlainHandler | null;
}

export class Exchange implements InputOwner {
  readonly remoteAddress: string;
  readonly receiveMessageBytesMax: number;
  readonly assembly: AssemblyMeter;
  private readonly stream: ServerHttp2Stream;
  private readonly call: Call;
  private readonly timers: Timers;
  private readonly options: ExchangeOptions;
  private plainReply: PlainReply | null = null;
  private deadline: Timer | null = null;
  private trailers: OutgoingHttpHeaders = {};
  private hasHeaders = false;

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], options: ExchangeOptions) {
    this.remoteAddress = options.remoteAddress;
    this.receiveMessageBytesMax = options.receiveMessageBytesMax;
    this.assembly = new AssemblyMeter(options.memory);
    this.timers = options.timers;
    this.options = options;
    this.stream = stream;
    const head = readHead(rawHeaders, options.routes);
    const deadlineMs =
      head.timeoutMs < 0 ? noDeadline : options.clock.monotonicMs() + head.timeoutMs;
    this.call = new Call(this, stream.id ?? 0, head, 0, deadlineMs);
    this.listen();
    this.begin();
  }

  get nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  private listen(): void {
    const { stream, call } = this;
    stream.on("data", (chunk: Buffer) => this.take(chunk));
    stream.once("end", () => this.endRequest());
    stream.on("drain", () => this.drained());
    stream.on("wantTrailers", () => stream.sendTrailers(this.trailers));
    // "close" follows, and tells the call.
    stream.on("error", () => undefined);
    stream.once("close", () => this.closed());
    stream.once("finish", () => {
      // Answered before the request ended: the rest of it is not wanted.
      if (!call.hasRequestEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  private begin(): void {
    const { call } = this;
    const { head } = call;
    if (head.isMalformed) return this.stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    if (head.isTooLarge) return this.stream.close(constants.NGHTTP2_FRAME_SIZE_ERROR);
    if (head.refusal !== null) {
      if (head.isPlain) this.waitForDeadline(plainRequestMs);
      if (!head.isForeign) this.refuse(head.refusal);
      return;
    }
    if (head.timeoutMs === 0) return this.overdue();
    if (head.timeoutMs > 0) this.waitForDeadline(head.timeoutMs);
    if (head.route === null || head.route.stream === null) return;
    const stream = new StreamOfExchange(call, this, this.stream);
    call.stream = stream;
    call.isDelivered = true;
    head.route.begin(call);
    head.route.stream(stream);
  }

  // ---- the request ----

  private take(chunk: Buffer): void {
    const { call } = this;
    call.bodyBytes += chunk.length;
    if (call.isOver || this.plainReply !== null) return;
    if (call.stream !== null) {
      call.stream.input.take(chunk, 0, chunk.length);
      if (call.stream.input.waitingBytes >= streamWindowBytes) this.stream.pause();
    } else if (call.head.refusal !== null) {
      const most = call.head.isPlain ? plainBodyBytesMax : refusedBodyBytesMax;
      if (call.bodyBytes > most) this.refuse(call.head.refusal);
    } else if (!call.isDelivered) {
      takeBody(this, call, chunk, 0, chunk.length);
    }
  }

  private endRequest(): void {
    const { call } = this;
    call.hasRequestEnded = true;
    if (call.isOver || this.plainReply !== null) return;
    if (call.head.refusal !== null) this.refuse(call.head.refusal);
    else if (call.stream !== null) call.stream.input.end();
    else if (!call.isDelivered) endBody(call);
  }

  consumed(call: Call): void {
    const waiting = call.stream?.input.waitingBytes ?? 0;
    if (waiting < streamWindowBytes / 2 && this.stream.isPaused()) this.stream.resume();
  }

  // ---- the answer ----

  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const { route } = call.head;
    if (route !== null) route.bytesSent += end - start;
    this.settle(statusCode.ok);
    this.respond();
    this.message(bytes, start, end);
    this.endWith(statusCode.ok, "");
  }

  send(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const { route } = call.head;
    if (route !== null) {
      route.streamMessagesSent++;
      route.bytesSent += end - start;
    }
    if (!this.hasHeaders) this.respond();
    this.message(bytes, start, end);
  }

  private drained(): void {
    const { stream } = this.call;
    if (stream === null || !stream.owesDrain || this.call.isOver) return;
    stream.owesDrain = false;
    stream.drained();
  }

  finish(call: Call): void {
    this.settle(statusCode.ok);
    call.stream?.ended();
    this.endWith(statusCode.ok, "");
  }

  fail(call: Call, code: number, text: string): void {
    this.settle(code);
    call.stream?.ended();
    this.endWith(code, text);
  }

  abort(call: Call, code: number, text: string): void {
    if (call.isOver) return;
    this.settle(code);
    this.endWith(code, text);
    call.stream?.cancelled(code);
  }

  private respond(): void {
    this.hasHeaders = true;
    if (this.isGone) return;
    const encoding = this.call.head.isGzip ? { "grpc-encoding": gzipName } : {};
    const headers = { ":status": 200, "content-type": contentTypeOf(this.call.head), ...encoding };
    this.stream.respond(headers, { waitForTrailers: true, sendDate: false } as object);
  }

  private message(bytes: Uint8Array, start: number, end: number): void {
    if (this.isGone) return;
    const isPacked =
      this.call.head.isGzip && end > start && end - start <= compressedMessageBytesMax;
    const body = isPacked ? gzip(bytes, start, end) : bytes.subarray(start, end);
    // A copy: node:http2 keeps what it is given until it is sent.
    const framed = Buffer.allocUnsafe(messagePrefixBytes + body.length);
    framed.writeUInt8(isPacked ? 1 : 0, 0);
    framed.writeUInt32BE(body.length, 1);
    framed.set(body, messagePrefixBytes);
    this.stream.write(framed);
  }

  private endWith(code: number, text: string): void {
    if (this.isGone) return;
    const status = statusFields({ httpStatus: 200, code, text });
    if (this.hasHeaders) {
      this.trailers = status;
      this.stream.end();
    } else {
      const headers = { ":status": 200, "content-type": contentTypeOf(this.call.head), ...status };
      this.stream.respond(headers, { endStream: true, sendDate: false } as object);
    }
  }

  /** A request that no handler sees. */
  private refuse(refusal: Refusal): void {
    const { call, stream } = this;
    const { plainHandler, isSecure } = this.options;
    if (call.head.isPlain && plainHandler !== null) {
      this.plainReply = new PlainReply((reply, body) => this.answerPlain(reply, body));
      plainHandler(plainRequest(call.head, isSecure), this.plainReply);
      return;
    }
    call.isOver = true;
    this.deadline?.cancel();
    if (this.isGone) return;
    const hasBody = call.head.isForeign && call.head.method !== "HEAD";
    const contentType = contentTypeOf(call.head);
    const headers = {
      ":status": refusal.httpStatus,
      "content-type": contentType,
      ...statusFields(refusal),
    };
    stream.respond(headers, { endStream: !hasBody, sendDate: false } as object);
    if (hasBody) stream.end(`${refusal.text}\n`);
  }

  private answerPlain(reply: PlainReply, body: string): void {
    const { call, stream } = this;
    this.settle(statusCode.ok);
    if (this.isGone) return;
    const hasBody = body !== "" && call.head.method !== "HEAD";
    const headers = { ":status": reply.statusCode, ...Object.fromEntries(reply.headers) };
    stream.respond(headers, { endStream: !hasBody, sendDate: false } as object);
    if (hasBody) stream.end(body);
  }

  // ---- the end ----

  private get isGone(): boolean {
    return this.stream.destroyed || this.stream.closed;
  }

  private settle(code: number): void {
    const { call } = this;
    call.isOver = true;
    this.deadline?.cancel();
    const { route } = call.head;
    if (call.isDelivered && route !== null) route.end(call, code);
  }

  private waitForDeadline(ms: number): void {
    this.deadline = this.timers.after(ms, () => this.overdue());
  }

  private overdue(): void {
    const { call } = this;
    if (call.isOver) return;
    if (call.head.isPlain) return this.stream.close(constants.NGHTTP2_CANCEL);
    if (call.stream === null)
      return this.fail(call, statusCode.deadlineExceeded, "context deadline exceeded");
    this.settle(statusCode.deadlineExceeded);
    this.stream.close(constants.NGHTTP2_CANCEL);
    call.stream.cancelled(statusCode.deadlineExceeded);
  }

  private closed(): void {
    const { call } = this;
    if (call.body !== null) this.assembly.release(call.body.length);
    call.body = null;
    this.plainReply?.gone();
    if (call.isOver) return;
    this.settle(statusCode.canceled);
    call.stream?.cancelled(statusCode.canceled);
  }
}

function readHead(rawHeaders: readonly string[], routes: Routes): RequestHead {
  const head = new RequestHead();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const value = Buffer.from(rawHeaders[at + 1] as string, "latin1");
    head.add(headerField(headerName(rawHeaders[at] as string), value, 0, value.length));
  }
  head.finish(routes);
  return head;
}

function statusFields({ code, text }: Refusal): OutgoingHttpHeaders {
  const message = encodeStatusText(text, statusTextBytesMax).toString("latin1");
  return { "grpc-status": String(code), ...(code === 0 ? {} : { "grpc-message": message }) };
}

const grpcType = "application/grpc";

/** A content-subtype is said back, behind a plus even if it came behind a semicolon (grpc-go). */
function contentTypeOf(head: RequestHead): string {
  const subtype = head.isForeign
    ? ""
    : (head.metadata("content-type") ?? "").slice(grpcType.length + 1);
  return subtype === "" ? grpcType : `${grpcType}+${subtype}`;
}
