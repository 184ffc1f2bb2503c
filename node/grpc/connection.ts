/**
 * One HTTP/2 connection after its preface: what each frame does to the connection and its streams, and how both end.
 * Bytes are cut into frames by frame-splitter.ts, header blocks are read by header-reader.ts, replies leave through
 * send-flow.ts. Output gathers in one buffer that the server flushes once per turn.
 */
import type { ByteSocket, Logger } from "../lib/ports.ts";
import { Call, type CallOwner } from "./call.ts";
import { ClosedStreams } from "./closed-streams.ts";
import { ConnectionError } from "./connection-error.ts";
import { writeGoAway, writePing, writePreface, writeRstStream, writeSettingsAck, writeWindowUpdate } from "./control-frames.ts";
import { noDeadline } from "./deadline.ts";
import { FloodGuard } from "./flood-guard.ts";
import { errorCode, frameFlag, frameType, readUint31, readUint32, uint31Max } from "./frame.ts";
import { type FrameSink, FrameSplitter } from "./frame-splitter.ts";
import { HeaderReader } from "./header-reader.ts";
import {
  blockedOutputBytesMax,
  closeTimeoutMs,
  connectionWindowBytes,
  flushBytes,
  queuedReplyBytesMax,
  queuedReplyBytesSoft,
  refusedBodyBytesMax,
  shutdownPingTimeoutMs,
  streamWindowBytes,
} from "./limits.ts";
import { type BufferPool, OutputBuffer } from "./output-buffer.ts";
import { PeerSettings } from "./peer-settings.ts";
import { type BodyLimits, endBody, takeBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import type { Routes } from "./route.ts";
import { SendFlow } from "./send-flow.ts";
import { statusCode } from "./status.ts";

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly logger: Logger;
  readonly routes: Routes;
  readonly pool: BufferPool;
  readonly receiveMessageBytesMax: number;
  readonly maxConcurrentStreams: number;
  /** Monotonic; as of the last chunk or tick, so up to a tick old. */
  nowMs: number;
  /** The connection has something to flush at the end of this turn. */
  markDirty(connection: Connection): void;
  connectionClosed(connection: Connection): void;
}

const shutdownPing = Buffer.from("shutdown", "latin1");

type Phase =
  | "serving"
  /** GOAWAY(2^31-1) and PING sent: requests on their way to us are still taken. */
  | "announced"
  /** GOAWAY with the last stream we take was sent. */
  | "draining"
  /** Nothing is read or said any more; waiting for the socket to close. */
  | "closing";

export class Connection implements FrameSink, CallOwner, BodyLimits {
  readonly remoteAddress: string;
  readonly receiveMessageBytesMax: number;
  /** Bytes in message assemblers of this connection. */
  assemblyBytes = 0;
  /** Already in the server's list for the end of this turn. */
  isDirty = false;

  private readonly host: ConnectionHost;
  private readonly socket: ByteSocket;
  private readonly out: OutputBuffer;
  private readonly flow: SendFlow;
  private readonly splitter = new FrameSplitter(this);
  private readonly headerReader: HeaderReader;
  private readonly peer = new PeerSettings();
  private readonly flood = new FloodGuard();
  private readonly calls = new Map<number, Call>();
  private readonly closed = new ClosedStreams();
  /** Answered before their request ended; reset at the flush unless it has ended by then. */
  private endedEarly: Call[] = [];
  private callsWithDeadline = 0;
  private lastStreamId = 0;
  private lastAcceptedId = uint31Max;
  private hasPeerSettings = false;
  private unreplenished = 0;
  /** The socket keeps our last write; nothing is written until it drained. */
  private isBlocked = false;
  private isPaused = false;
  private phase: Phase = "serving";
  private phaseSinceMs = 0;

  constructor(host: ConnectionHost, socket: ByteSocket) {
    this.host = host;
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress;
    this.receiveMessageBytesMax = host.receiveMessageBytesMax;
    this.out = new OutputBuffer(host.pool);
    this.flow = new SendFlow(this.out, (call) => this.replyEnded(call));
    this.headerReader = new HeaderReader(host.routes);
    writePreface(this.out, Math.min(host.maxConcurrentStreams, uint31Max));
    host.markDirty(this);
  }

  // ---- bytes in ----

  /** chunk[start, end of chunk) comes behind the client's preface or behind the last chunk. */
  data(chunk: Uint8Array, start: number): void {
    if (this.phase === "closing") return;
    try {
      this.splitter.push(chunk, start);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.abort(error);
    }
    if (this.out.length > 0 || this.endedEarly.length > 0) this.host.markDirty(this);
  }

  frame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.headerReader.openStreamId !== 0 && type !== frameType.continuation) {
      throw protocolError("header block interrupted");
    }
    if (!this.hasPeerSettings && type !== frameType.settings) throw protocolError("preface without SETTINGS");
    switch (type) {
      case frameType.data:
        this.onData(flags, streamId, bytes, start, end);
        break;
      case frameType.headers:
        if ((streamId & 1) === 0) throw protocolError("HEADERS on a stream that clients cannot open");
        if (this.headerReader.headers(flags, streamId, bytes, start, end)) this.onHeaderBlock(streamId);
        break;
      case frameType.continuation:
        if (this.headerReader.continuation(flags, streamId, bytes, start, end)) this.onHeaderBlock(streamId);
        break;
      case frameType.windowUpdate:
        this.onWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.rstStream:
        this.onRstStream(streamId, end - start);
        break;
      case frameType.pushPromise:
        throw protocolError("PUSH_PROMISE from a client");
      case frameType.goAway:
        if (streamId !== 0) throw protocolError("GOAWAY on a stream");
        if (end - start < 8) throw frameSizeError("GOAWAY");
        break;
      default:
        this.flood.countIdleFrame();
        this.onIdleFrame(type, flags, streamId, bytes, start, end);
        break;
    }
    return this.phase !== "closing";
  }

  /** Frames that carry no request: SETTINGS, PING, PRIORITY, and types we do not know, which are passed over. */
  private onIdleFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === frameType.settings) this.onSettings(flags, streamId, bytes, start, end);
    else if (type === frameType.ping) this.onPing(flags, streamId, bytes, start, end);
    else if (type === frameType.priority) this.onPriority(streamId, bytes, start, end);
  }

  // ---- requests ----

  private onHeaderBlock(streamId: number): void {
    const call = this.calls.get(streamId);
    if (call !== undefined) {
      this.onTrailers(call);
    } else if (streamId > this.lastStreamId) {
      this.lastStreamId = streamId;
      this.openCall(streamId, this.headerReader.readHead());
    } else if (this.closed.wasResetByUs(streamId)) {
      this.headerReader.readTrailers();
    } else if (this.closed.has(streamId)) {
      throw new ConnectionError(errorCode.streamClosed, "HEADERS on a closed stream");
    } else {
      throw protocolError("stream ids must grow");
    }
  }

  private openCall(streamId: number, head: RequestHead): void {
    const { endsStream, dependsOnItself } = this.headerReader;
    if (streamId > this.lastAcceptedId) return;
    if (head.isMalformed || dependsOnItself) return this.refuseStream(streamId, errorCode.protocolError);
    if (head.isTooLarge) return this.refuseStream(streamId, errorCode.frameSizeError);
    if (this.calls.size >= this.host.maxConcurrentStreams || this.flow.queuedBytes > queuedReplyBytesMax) {
      return this.refuseStream(streamId, errorCode.refusedStream);
    }
    const { timeoutMs, refusal } = head;
    const deadlineMs = timeoutMs < 0 ? noDeadline : this.host.nowMs + timeoutMs;
    const call = new Call(this, streamId, head, this.peer.initialWindowBytes, deadlineMs);
    call.hasRequestEnded = endsStream;
    this.calls.set(streamId, call);
    if (timeoutMs >= 0) this.callsWithDeadline++;
    if (refusal !== null && (!head.isForeign || endsStream)) this.refuse(call);
    else if (timeoutMs === 0) this.failDeadline(call);
    if (endsStream) this.endRequest(call);
  }

  private onTrailers(call: Call): void {
    const trailers = this.headerReader.readTrailers();
    if (call.hasRequestEnded) this.resetCall(call, errorCode.streamClosed);
    else if (!this.headerReader.endsStream || trailers.isMalformed) this.resetCall(call, errorCode.protocolError);
    else this.endRequest(call);
  }

  private onData(flags: number, streamId: number, bytes: Uint8Array, payloadStart: number, payloadEnd: number): void {
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
    if (contentLength >= 0 && (endsStream ? call.bodyBytes !== contentLength : call.bodyBytes > contentLength)) {
      return this.resetCall(call, errorCode.protocolError);
    }
    // Known before the handler runs: a reply it makes at once then needs no RST_STREAM behind it.
    call.hasRequestEnded = endsStream;
    if (!call.isOver && !call.isDelivered && call.head.refusal === null) takeBody(this, call, bytes, start, end);
    else if (!call.isOver && call.bodyBytes > refusedBodyBytesMax) this.refuseLate(call);
    if (endsStream) this.endRequest(call);
  }

  private onDataOfEnded(streamId: number, call: Call | undefined): void {
    if (call !== undefined) return this.resetCall(call, errorCode.streamClosed);
    if (streamId > this.lastStreamId || (streamId & 1) === 0) throw protocolError("DATA on an idle stream");
    if (this.closed.wasResetByUs(streamId) || streamId > this.lastAcceptedId) return;
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
    const { refusal } = call.head;
    if (refusal !== null) this.answerError(call, refusal.httpStatus, refusal.code, refusal.text);
  }

  // ---- answers ----

  reply(call: Call, bytes: Uint8Array, start: number, end: number): void {
    if (call.deadlineMs <= this.host.nowMs) return this.failDeadline(call);
    call.isOver = true;
    this.flow.reply(call, bytes, start, end);
    this.hasOutput();
  }

  fail(call: Call, code: number, text: string): void {
    this.answerError(call, 200, code, text);
  }

  private failDeadline(call: Call): void {
    this.answerError(call, 200, statusCode.deadlineExceeded, "context deadline exceeded");
  }

  private answerError(call: Call, httpStatus: number, code: number, text: string): void {
    call.isOver = true;
    this.flow.encoder.writeTrailersOnly(this.out, call.id, httpStatus, code, text);
    this.replyEnded(call);
    this.hasOutput();
  }

  private replyEnded(call: Call): void {
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
    if (!this.calls.delete(call.id)) return;
    this.closed.add(call.id, isResetByUs);
    if (call.deadlineMs !== noDeadline) this.callsWithDeadline--;
    if (this.phase === "draining" && this.calls.size === 0) this.hasOutput();
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
    this.closed.add(streamId, true);
    writeRstStream(this.out, streamId, code);
    this.hasOutput();
  }

  private onRstStream(streamId: number, length: number): void {
    if (length !== 4) throw frameSizeError("RST_STREAM");
    if (streamId === 0 || streamId > this.lastStreamId) throw protocolError("RST_STREAM on an idle stream");
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

  private onWindowUpdate(streamId: number, bytes: Uint8Array, start: number, end: number): void {
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
      if (streamId > this.lastStreamId || (streamId & 1) === 0) throw protocolError("WINDOW_UPDATE on an idle stream");
    } else if (increment === 0) {
      this.resetCall(call, errorCode.protocolError);
    } else if (!this.flow.openStream(call, increment)) {
      this.resetCall(call, errorCode.flowControlError);
    }
  }

  // ---- frames of the connection ----

  private onSettings(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId !== 0) throw protocolError("SETTINGS on a stream");
    if ((flags & frameFlag.ack) !== 0) {
      if (end !== start) throw frameSizeError("SETTINGS acknowledgement");
      if (!this.hasPeerSettings) throw protocolError("preface without SETTINGS");
      return;
    }
    const windowBefore = this.peer.initialWindowBytes;
    this.peer.apply(bytes, start, end);
    this.hasPeerSettings = true;
    this.flow.peerFrameBytesMax = this.peer.frameBytesMax;
    this.flow.encoder.limitTable(this.peer.headerTableBytes);
    writeSettingsAck(this.out);
    const change = this.peer.initialWindowBytes - windowBefore;
    if (change === 0) return;
    for (const call of this.calls.values()) {
      if (!this.flow.openStream(call, change)) throw new ConnectionError(errorCode.flowControlError, "stream window overflow");
    }
  }

  private onPing(flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId !== 0) throw protocolError("PING on a stream");
    if (end - start !== 8) throw frameSizeError("PING");
    if ((flags & frameFlag.ack) === 0) writePing(this.out, frameFlag.ack, bytes, start);
    else if (this.phase === "announced" && shutdownPing.compare(bytes, start, end) === 0) this.drain();
  }

  /** Priorities are deprecated and ignored (RFC 9113 section 5.3.2), but must be well-formed. */
  private onPriority(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId === 0) throw protocolError("PRIORITY on stream 0");
    const call = this.calls.get(streamId);
    const isWrongSize = end - start !== 5;
    if (!isWrongSize && readUint32(bytes, start) % 0x8000_0000 !== streamId) return;
    const code = isWrongSize ? errorCode.frameSizeError : errorCode.protocolError;
    if (call !== undefined) this.resetCall(call, code);
    else throw new ConnectionError(code, "malformed PRIORITY");
  }

  // ---- bytes out ----

  private hasOutput(): void {
    if (this.out.length >= flushBytes && !this.isBlocked) this.writeOut();
    this.host.markDirty(this);
  }

  /** The end of the turn. */
  flush(): void {
    this.isDirty = false;
    if (this.endedEarly.length > 0) this.resetEndedEarly();
    if (!this.isBlocked) this.writeOut();
    if (this.isBlocked && !this.isPaused && this.out.length > blockedOutputBytesMax) {
      this.isPaused = true;
      this.socket.pause();
    }
    if (this.phase === "draining" && this.calls.size === 0 && !this.isBlocked) this.close();
  }

  private resetEndedEarly(): void {
    const calls = this.endedEarly;
    this.endedEarly = [];
    for (const call of calls) {
      if (!this.calls.has(call.id)) continue;
      writeRstStream(this.out, call.id, errorCode.noError);
      this.forget(call, true);
    }
  }

  private writeOut(): void {
    const { out } = this;
    while (out.length > 0) {
      const bytes = out.bytes.subarray(0, out.length);
      if (!this.socket.write(bytes)) {
        this.isBlocked = true;
        out.abandon();
        return;
      }
      out.reset();
      this.flow.pump();
    }
  }

  drained(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    if (this.phase === "closing") return;
    this.flow.pump();
    if (this.isPaused && this.out.length < blockedOutputBytesMax / 2) {
      this.isPaused = false;
      this.socket.resume();
    }
    this.host.markDirty(this);
  }

  // ---- time, and the end of the connection ----

  /** Every limits.ts `tickMs`. */
  tick(nowMs: number): void {
    this.flood.tick();
    if (this.callsWithDeadline > 0) {
      for (const call of this.calls.values()) {
        if (call.deadlineMs > nowMs) continue;
        if (!call.isOver) this.failDeadline(call);
        else if (call.pending !== null) this.dropOverdue(call);
      }
    }
    if (this.phase === "announced" && nowMs - this.phaseSinceMs >= shutdownPingTimeoutMs) this.drain();
    if (this.phase === "closing" && nowMs - this.phaseSinceMs >= closeTimeoutMs) this.socket.destroy();
  }

  /** Its reply waits for a window that the client did not open in time. */
  private dropOverdue(call: Call): void {
    this.cancel(call, true);
    writeRstStream(this.out, call.id, errorCode.cancel);
    this.hasOutput();
  }

  /** Announces that we go away. Calls under way, and those the client has already sent, are still answered. */
  shutdown(): void {
    if (this.phase !== "serving") return;
    this.enter("announced");
    writeGoAway(this.out, uint31Max, errorCode.noError, "");
    writePing(this.out, 0, shutdownPing, 0);
    this.hasOutput();
  }

  private drain(): void {
    this.enter("draining");
    this.lastAcceptedId = this.lastStreamId;
    writeGoAway(this.out, this.lastStreamId, errorCode.noError, "");
    this.hasOutput();
  }

  private close(): void {
    this.enter("closing");
    this.socket.end();
  }

  private abort(error: ConnectionError): void {
    this.host.logger.debug("closing HTTP/2 connection after protocol error", {
      "remote-address": this.remoteAddress,
      code: error.code,
      error: error.message,
    });
    writeGoAway(this.out, this.lastStreamId, error.code, error.message);
    if (!this.isBlocked) this.writeOut();
    this.cancelAll();
    if (this.isBlocked) this.socket.destroy();
    else this.close();
  }

  /** Ends at once; what was not sent is lost. */
  destroy(): void {
    this.cancelAll();
    this.enter("closing");
    this.socket.destroy();
  }

  /** The socket is closed, whoever closed it. */
  socketClosed(): void {
    this.cancelAll();
    this.enter("closing");
    this.host.connectionClosed(this);
  }

  private cancelAll(): void {
    for (const call of this.calls.values()) this.cancel(call, true);
    this.endedEarly = [];
    this.out.reset();
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.phaseSinceMs = this.host.nowMs;
  }
}

function protocolError(message: string): ConnectionError {
  return new ConnectionError(errorCode.protocolError, message);
}

function frameSizeError(frame: string): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, `${frame} of wrong size`);
}
