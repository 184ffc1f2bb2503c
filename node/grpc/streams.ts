/**
 * The streams of one connection: how a request comes in, is answered, and ends. Everything here happens on behalf of one
 * stream; what concerns the connection as a whole is connection.ts.
 */
import { Call, type CallOwner } from "./call.ts";
import { CallTable } from "./call-table.ts";
import { ConnectionError, frameSizeError, protocolError } from "./connection-error.ts";
import { writeRstStream, writeWindowUpdate } from "./control-frames.ts";
import { noDeadline } from "./deadline.ts";
import type { FloodGuard } from "./flood-guard.ts";
import {
  errorCode,
  frameFlag,
  initialWindowBytes,
  readUint31,
  readUint32,
  uint31Max,
} from "./frame.ts";
import { HeaderReader } from "./header-reader.ts";
import {
  connectionWindowBytes,
  queuedReplyBytesMax,
  queuedReplyBytesSoft,
  refusedBodyBytesMax,
  streamWindowBytes,
} from "./limits.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { type BodyLimits, endBody, takeBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import type { Routes } from "./route.ts";
import type { SendFlow } from "./send-flow.ts";
import { type Refusal, statusCode } from "./status.ts";

/** What the streams need of the server. */
export interface StreamsHost {
  readonly routes: Routes;
  readonly receiveMessageBytesMax: number;
  readonly maxConcurrentStreams: number;
  /** Monotonic; as of the last chunk or tick, so up to a tick old. */
  nowMs: number;
}

/** What the streams need of their connection. */
export interface StreamsConnection {
  readonly remoteAddress: string;
  readonly host: StreamsHost;
  readonly out: OutputBuffer;
  readonly flow: SendFlow;
  readonly flood: FloodGuard;
  /** Something was written, perhaps outside of a data handler: it leaves with this turn. */
  hasOutput(): void;
}

export class Streams implements CallOwner, BodyLimits {
  readonly remoteAddress: string;
  readonly receiveMessageBytesMax: number;
  /** Bytes in message assemblers of this connection. */
  assemblyBytes = 0;
  readonly headerReader: HeaderReader;
  /** Streams above it are not taken: we said so in GOAWAY. */
  lastAcceptedId = uint31Max;

  private readonly connection: StreamsConnection;
  private readonly host: StreamsHost;
  private readonly out: OutputBuffer;
  private readonly flow: SendFlow;
  private readonly flood: FloodGuard;
  private readonly calls = new CallTable();
  /** Answered before their request ended; reset at the flush unless it has ended by then. */
  private endedEarly: Call[] = [];
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  private sendWindowBytes = initialWindowBytes;
  /** Body bytes taken since the last WINDOW_UPDATE of the connection. */
  private unreplenished = 0;

  constructor(connection: StreamsConnection) {
    this.connection = connection;
    this.host = connection.host;
    this.out = connection.out;
    this.flow = connection.flow;
    this.flood = connection.flood;
    this.remoteAddress = connection.remoteAddress;
    this.receiveMessageBytesMax = this.host.receiveMessageBytesMax;
    this.headerReader = new HeaderReader(this.host.routes);
  }

  get openCount(): number {
    return this.calls.size;
  }

  get lastStreamId(): number {
    return this.calls.lastStreamId;
  }

  get hasEndedEarly(): boolean {
    return this.endedEarly.length > 0;
  }

  // ---- requests ----

  onHeaderBlock(streamId: number): void {
    const call = this.calls.get(streamId);
    if (call !== undefined) {
      this.onTrailers(call);
    } else if (streamId > this.calls.lastStreamId) {
      this.calls.lastStreamId = streamId;
      this.openCall(streamId, this.headerReader.readHead());
    } else if (this.calls.wasResetByUs(streamId)) {
      this.headerReader.readTrailers();
    } else if (this.calls.wasClosedLately(streamId)) {
      throw new ConnectionError(errorCode.streamClosed, "HEADERS on a closed stream");
    } else {
      throw protocolError("stream ids must grow");
    }
  }

  private openCall(streamId: number, head: RequestHead): void {
    const { endsStream, dependsOnItself } = this.headerReader;
    if (streamId > this.lastAcceptedId) return this.calls.rememberClosed(streamId, true);
    if (head.isMalformed || dependsOnItself)
      return this.refuseStream(streamId, errorCode.protocolError);
    if (head.isTooLarge) return this.refuseStream(streamId, errorCode.frameSizeError);
    if (
      this.calls.size >= this.host.maxConcurrentStreams ||
      this.flow.queuedBytes > queuedReplyBytesMax
    ) {
      return this.refuseStream(streamId, errorCode.refusedStream);
    }
    const { timeoutMs, refusal } = head;
    const deadlineMs = timeoutMs < 0 ? noDeadline : this.host.nowMs + timeoutMs;
    const call = new Call(this, streamId, head, this.sendWindowBytes, deadlineMs);
    call.hasRequestEnded = endsStream;
    this.calls.add(call);
    if (refusal !== null && (!head.isForeign || endsStream)) this.refuse(call);
    else if (timeoutMs === 0) this.failDeadline(call);
    if (endsStream) this.endRequest(call);
  }

  private onTrailers(call: Call): void {
    const trailers = this.headerReader.readTrailers();
    if (call.hasRequestEnded) this.resetCall(call, errorCode.streamClosed);
    else if (!this.headerReader.endsStream || trailers.isMalformed)
      this.resetCall(call, errorCode.protocolError);
    else this.endRequest(call);
  }

  onData(
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
  ): void {
    if (streamId === 0) throw protocolError("DATA on stream 0");
    const endsStream = (flags & frameFlag.endStream) !== 0;
    const frameBytes = payloadEnd - payloadStart;
    let start = payloadStart;
    let end = payloadEnd;
    if ((flags & frameFlag.padded) !== 0) {
      end -= frameBytes > 0 ? (bytes[start] as number) : 0;
      start++;
      if (start > end) throw protocolError("DATA padding exceeds the frame");
    }
    if (start === end && !endsStream) this.flood.countIdleFrame();
    this.replenishConnection(frameBytes);
    const call = this.calls.get(streamId);
    if (call === undefined || call.hasRequestEnded) return this.onDataOfEnded(streamId, call);
    if (!this.replenishStream(call, frameBytes, endsStream)) return;
    call.bodyBytes += end - start;
    const { contentLength } = call.head;
    if (
      contentLength >= 0 &&
      (endsStream ? call.bodyBytes !== contentLength : call.bodyBytes > contentLength)
    ) {
      return this.resetCall(call, errorCode.protocolError);
    }
    // Known before the handler runs: a reply it makes at once then needs no RST_STREAM behind it.
    call.hasRequestEnded = endsStream;
    if (!call.isOver && !call.isDelivered && call.head.refusal === null)
      takeBody(this, call, bytes, start, end);
    else if (!call.isOver && call.bodyBytes > refusedBodyBytesMax) this.refuseLate(call);
    if (endsStream) this.endRequest(call);
  }

  private onDataOfEnded(streamId: number, call: Call | undefined): void {
    if (call !== undefined) return this.resetCall(call, errorCode.streamClosed);
    if (this.calls.isIdle(streamId)) throw protocolError("DATA on an idle stream");
    if (this.calls.wasResetByUs(streamId) || streamId > this.lastAcceptedId) return;
    this.flood.countReset();
    writeRstStream(this.out, streamId, errorCode.streamClosed);
  }

  /** The request's END_STREAM: no more body. */
  private endRequest(call: Call): void {
    call.hasRequestEnded = true;
    if (call.hasReplyEnded) {
      this.forget(call, false);
    } else if (call.head.refusal !== null) {
      if (!call.isOver) this.refuse(call);
    } else if (!call.isOver && !call.isDelivered) {
      if (call.head.contentLength > call.bodyBytes) this.resetCall(call, errorCode.protocolError);
      else endBody(call);
    }
  }

  /** A refused request whose body does not end: the refusal cannot wait longer. */
  private refuseLate(call: Call): void {
    if (call.head.refusal !== null) this.refuse(call);
  }

  private refuse(call: Call): void {
    const { refusal, isForeign } = call.head;
    if (refusal === null) return;
    if (!isForeign || call.head.method === "HEAD") return this.answerError(call, refusal);
    // Whoever speaks plain HTTP/2 here is perhaps a person with curl: the text is repeated where that shows it.
    call.isOver = true;
    this.flow.encoder.writeRefusalHeaders(this.out, call.id, refusal);
    this.flow.plainBody(call, Buffer.from(`${refusal.text}\n`));
    this.connection.hasOutput();
  }

  // ---- answers ----

  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    if (call.deadlineMs <= this.host.nowMs) return this.failDeadline(call);
    call.isOver = true;
    this.flow.reply(call, bytes, start, end);
    this.connection.hasOutput();
  }

  fail(call: Call, code: number, text: string): void {
    this.answerError(call, { httpStatus: 200, code, text });
  }

  private failDeadline(call: Call): void {
    this.fail(call, statusCode.deadlineExceeded, "context deadline exceeded");
  }

  private answerError(call: Call, refusal: Refusal): void {
    call.isOver = true;
    this.flow.encoder.writeTrailersOnly(this.out, call.id, refusal);
    this.replyEnded(call);
    this.connection.hasOutput();
  }

  replyEnded(call: Call): void {
    call.hasReplyEnded = true;
    this.releaseBody(call);
    if (call.hasRequestEnded) this.forget(call, false);
    else this.endedEarly.push(call);
  }

  // ---- the end of a stream ----

  private releaseBody(call: Call): void {
    if (call.body === null) return;
    this.assemblyBytes -= call.body.length;
    call.body = null;
  }

  private forget(call: Call, isResetByUs: boolean): void {
    // The connection may be waiting for its last call to end.
    if (this.calls.remove(call, isResetByUs) && this.lastAcceptedId !== uint31Max)
      this.connection.hasOutput();
  }

  /** No answer will come of it. */
  private cancel(call: Call, isResetByUs: boolean): void {
    call.isOver = true;
    call.hasReplyEnded = true;
    this.flow.drop(call);
    this.releaseBody(call);
    this.forget(call, isResetByUs);
  }

  private resetCall(call: Call, code: number): void {
    this.cancel(call, true);
    this.refuseStream(call.id, code);
  }

  private refuseStream(streamId: number, code: number): void {
    this.flood.countReset();
    this.calls.rememberClosed(streamId, true);
    writeRstStream(this.out, streamId, code);
    this.connection.hasOutput();
  }

  onRstStream(streamId: number, length: number): void {
    if (length !== 4) throw frameSizeError("RST_STREAM");
    if (this.calls.isIdle(streamId)) throw protocolError("RST_STREAM on an idle stream");
    const call = this.calls.get(streamId);
    if (call === undefined) return;
    if (!call.isOver) this.flood.countReset();
    this.cancel(call, false);
  }

  // ---- flow control ----

  private replenishConnection(bytes: number): void {
    this.unreplenished += bytes;
    if (this.unreplenished < connectionWindowBytes / 2) return;
    if (this.unreplenished > connectionWindowBytes) {
      throw new ConnectionError(errorCode.flowControlError, "connection window exceeded");
    }
    // A client that does not take its replies gets no window for new requests.
    if (this.flow.queuedBytes > queuedReplyBytesSoft) return;
    writeWindowUpdate(this.out, 0, this.unreplenished);
    this.unreplenished = 0;
  }

  /** False: the client sent more than it may, and the stream was reset. */
  private replenishStream(call: Call, bytes: number, endsStream: boolean): boolean {
    call.unreplenished += bytes;
    if (call.unreplenished < streamWindowBytes / 2) return true;
    if (call.unreplenished > streamWindowBytes) {
      this.resetCall(call, errorCode.flowControlError);
      return false;
    }
    if (!endsStream) {
      writeWindowUpdate(this.out, call.id, call.unreplenished);
      call.unreplenished = 0;
    }
    return true;
  }

  onWindowUpdate(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError("WINDOW_UPDATE");
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE of 0");
      this.flow.openConnection(increment);
      this.replenishConnection(0);
      return;
    }
    const call = this.calls.get(streamId);
    if (call === undefined) {
      if (this.calls.isIdle(streamId)) throw protocolError("WINDOW_UPDATE on an idle stream");
    } else if (increment === 0) {
      this.resetCall(call, errorCode.protocolError);
    } else if (!this.flow.openStream(call, increment)) {
      this.resetCall(call, errorCode.flowControlError);
    }
  }

  /** Priorities are deprecated and ignored (RFC 9113 section 5.3.2), but must be well-formed. */
  onPriority(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId === 0) throw protocolError("PRIORITY on stream 0");
    const call = this.calls.get(streamId);
    const isWrongSize = end - start !== 5;
    if (!isWrongSize && readUint32(bytes, start) % 0x8000_0000 !== streamId) return;
    const code = isWrongSize ? errorCode.frameSizeError : errorCode.protocolError;
    if (call !== undefined) this.resetCall(call, code);
    else throw new ConnectionError(code, "malformed PRIORITY");
  }

  /** SETTINGS changed the initial window: of open streams too. @throws ConnectionError FLOW_CONTROL_ERROR */
  setSendWindow(bytes: number): void {
    const change = bytes - this.sendWindowBytes;
    this.sendWindowBytes = bytes;
    if (change === 0) return;
    for (const call of this.calls.values()) {
      if (!this.flow.openStream(call, change))
        throw new ConnectionError(errorCode.flowControlError, "stream window overflow");
    }
  }

  // ---- time ----

  failOverdue(nowMs: number): void {
    this.calls.forEachOverdue(nowMs, (call) => {
      if (!call.isOver) this.failDeadline(call);
      else if (call.pending !== null) this.dropOverdue(call);
    });
  }

  /** Its reply waits for a window that the client did not open in time. */
  private dropOverdue(call: Call): void {
    this.cancel(call, true);
    writeRstStream(this.out, call.id, errorCode.cancel);
    this.connection.hasOutput();
  }

  /** Before a flush: their clients are told that the rest of the request is not wanted. */
  resetEndedEarly(): void {
    if (this.endedEarly.length === 0) return;
    const calls = this.endedEarly;
    this.endedEarly = [];
    for (const call of calls) {
      if (this.calls.get(call.id) !== call) continue;
      writeRstStream(this.out, call.id, errorCode.noError);
      this.forget(call, true);
    }
  }

  cancelAll(): void {
    for (const call of this.calls.values()) this.cancel(call, true);
    this.endedEarly = [];
  }
}
