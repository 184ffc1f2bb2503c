/** What handlers, and we ourselves, say to calls: from a reply or a failure to frames, in the order in which they must leave. */
import { type Call, ending } from "./call.ts";
import { gzip } from "./gzip.ts";
import { compressedMessageBytesMax, queuedReplyBytesMax, smallReplyBytesMax } from "./limits.ts";
import type { AssemblyMeter } from "./memory-budget.ts";
import { type PlainHandler, PlainReply, plainRequest } from "./plain-request.ts";
import type { ReceiveWindows } from "./receive-windows.ts";
import type { SendFlow } from "./send-flow.ts";
import type { SlowCalls } from "./slow-calls.ts";
import { type Refusal, statusCode } from "./status.ts";
import type { StreamEnds } from "./stream-ends.ts";
import type { InputOwner } from "./stream-input.ts";
import type { StreamsConnection } from "./streams-connection.ts";

const success: Refusal = { httpStatus: 200, code: statusCode.ok, text: "" };

const tooMuchUnsent = "grpc: too many bytes of answers wait for the client";

export interface AnswersParts {
  readonly connection: StreamsConnection;
  readonly ends: StreamEnds;
  readonly windows: ReceiveWindows;
  readonly assembly: AssemblyMeter;
}

export class Answers implements InputOwner {
  readonly remoteAddress: string;
  readonly receiveMessageBytesMax: number;
  readonly assembly: AssemblyMeter;
  private readonly connection: StreamsConnection;
  private readonly ends: StreamEnds;
  private readonly windows: ReceiveWindows;
  private readonly flow: SendFlow;
  private readonly slowCalls: SlowCalls;

  constructor({ connection, ends, windows, assembly }: AnswersParts) {
    this.connection = connection;
    this.ends = ends;
    this.windows = windows;
    this.assembly = assembly;
    this.flow = connection.flow;
    this.slowCalls = connection.host.slowCalls;
    this.remoteAddress = connection.remoteAddress;
    this.receiveMessageBytesMax = connection.host.receiveMessageBytesMax;
  }

  get nowMs(): number {
    return this.connection.host.nowMs;
  }

  // ---- unary ----

  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    if (call.deadlineMs <= this.connection.host.nowMs) return this.failDeadline(call);
    if (end - start > smallReplyBytesMax && !this.hasRoomToWait)
      return this.fail(call, statusCode.resourceExhausted, tooMuchUnsent);
    this.ends.settle(call, statusCode.ok);
    const { route } = call.head;
    if (route !== null) route.bytesSent += end - start;
    if (call.ageMs > this.slowCalls.thresholdMs) this.slowCalls.answered(call, end - start);
    if (call.head.isGzip) this.replyPacked(call, bytes, start, end);
    else this.flow.reply(call, bytes, start, end);
    this.connection.hasOutput();
  }

  /** The gate for new streams stands open while calls under way have not answered: this is the gate for their answers. */
  private get hasRoomToWait(): boolean {
    const { out, host } = this.connection;
    const own = this.flow.queuedBytes + out.length;
    return own <= queuedReplyBytesMax && host.memory.hasRoomForReplies(own);
  }

  private replyPacked(call: Call, bytes: Uint8Array, start: number, end: number): void {
    this.flow.encoder.writeHeaders(this.connection.out, call.id, call.head);
    call.ending = ending.ok;
    this.message(call, bytes, start, end);
  }

  failDeadline(call: Call): void {
    this.fail(call, statusCode.deadlineExceeded, "context deadline exceeded");
  }

  // ---- streaming ----

  send(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const { head, stream } = call;
    if (head.route !== null) {
      head.route.streamMessagesSent++;
      head.route.bytesSent += end - start;
    }
    if (stream !== null && !stream.hasHeaders) {
      stream.hasHeaders = true;
      this.flow.encoder.writeHeaders(this.connection.out, call.id, call.head);
    }
    this.message(call, bytes, start, end);
    this.connection.hasOutput();
  }

  /** As grpc-go: a call whose request is compressed is answered likewise, but for empty messages. */
  private message(call: Call, bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (!call.head.isGzip || length === 0 || length > compressedMessageBytesMax) {
      this.flow.message(call, 0, bytes, start, end);
    } else {
      const packed = gzip(bytes, start, end);
      this.flow.message(call, 1, packed, 0, packed.length);
    }
  }

  finish(call: Call): void {
    this.ends.settle(call, statusCode.ok);
    call.stream?.ended();
    if (call.stream?.hasHeaders === true) this.flow.end(call, ending.ok);
    else this.trailersOnly(call, success);
    this.connection.hasOutput();
  }

  consumed(call: Call): void {
    this.windows.replenishStreaming(call);
    this.connection.hasOutput();
  }

  // ---- errors ----

  fail(call: Call, code: number, text: string): void {
    this.ends.settle(call, code);
    if (call.ageMs > this.slowCalls.thresholdMs) this.slowCalls.answered(call, 0);
    call.stream?.ended();
    this.endWith(call, { httpStatus: 200, code, text });
  }

  abort(call: Call, code: number, text: string): void {
    if (call.isOver) return;
    this.ends.settle(call, code);
    this.endWith(call, { httpStatus: 200, code, text });
    call.stream?.cancelled(code);
  }

  private endWith(call: Call, failure: Refusal): void {
    if (call.stream?.hasHeaders === true) {
      call.stream.failure = failure;
      this.flow.end(call, ending.failure);
    } else {
      this.trailersOnly(call, failure);
    }
    this.connection.hasOutput();
  }

  /** A request that is no call of a method we have. */
  refuse(call: Call): void {
    const { refusal, isForeign, isPlain } = call.head;
    if (refusal === null) return;
    const { plainHandler } = this.connection.host;
    if (isPlain && plainHandler !== null) return this.ask(plainHandler, call);
    call.isOver = true;
    if (!isForeign || call.head.method === "HEAD") {
      this.trailersOnly(call, refusal);
    } else {
      // Whoever speaks plain HTTP/2 here is perhaps a person with curl: the text is repeated where that shows it.
      this.flow.encoder.writeRefusalHeaders(this.connection.out, call.id, call.head, refusal);
      this.flow.plainBody(call, Buffer.from(`${refusal.text}\n`));
    }
    this.connection.hasOutput();
  }

  // ---- plain HTTP ----

  private ask(handler: PlainHandler, call: Call): void {
    const { ends, connection } = this;
    call.isDelivered = true;
    const reply = new PlainReply((_, body) => this.answerPlain(call, reply, body));
    ends.plainReplies.set(call, reply);
    handler(plainRequest(call.head, connection.isSecure), reply);
  }

  private answerPlain(call: Call, reply: PlainReply, text: string): void {
    const { ends, flow, connection } = this;
    ends.plainReplies.delete(call);
    let body: Buffer = Buffer.from(text);
    if (body.length > smallReplyBytesMax && !this.hasRoomToWait)
      body = reply.becomeUnavailable(tooMuchUnsent);
    ends.settle(call, statusCode.ok);
    const hasBody = body.length > 0 && call.head.method !== "HEAD";
    flow.encoder.writePlainHeaders(connection.out, call.id, reply, !hasBody);
    if (hasBody) flow.plainBody(call, body);
    else ends.replyEnded(call);
    connection.hasOutput();
  }

  private trailersOnly(call: Call, refusal: Refusal): void {
    this.flow.encoder.writeTrailersOnly(this.connection.out, call.id, call.head, refusal);
    this.ends.replyEnded(call);
  }
}
