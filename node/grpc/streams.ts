/**
 * The streams of one connection: how a request's frames come in and become a call. How calls are answered is answers.ts, how they end
 * stream-ends.ts, what clients may send receive-windows.ts; what concerns the connection as a whole is connection.ts.
 */
import { Answers } from "./answers.ts";
import { Call } from "./call.ts";
import type { CallTable } from "./call-table.ts";
import { ConnectionError, frameSizeError, protocolError } from "./connection-error.ts";
import { writeRstStream } from "./control-frames.ts";
import { noDeadline } from "./deadline.ts";
import { errorCode, frameFlag, initialWindowBytes, readUint31, readUint32 } from "./frame.ts";
import { HeaderReader } from "./header-reader.ts";
import {
  openHeaderBytesMax,
  plainBodyBytesMax,
  plainRequestMs,
  plainRequestsMax,
  queuedReplyBytesMax,
  refusedBodyBytesMax,
} from "./limits.ts";
import { AssemblyMeter } from "./memory-budget.ts";
import { ReceiveWindows } from "./receive-windows.ts";
import { endBody, takeBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";
import type { SendFlow } from "./send-flow.ts";
import { statusCode } from "./status.ts";
import type { StreamHandler } from "./stream-call.ts";
import { StreamEnds } from "./stream-ends.ts";
import { StreamingCall } from "./streaming-call.ts";
import type { StreamsConnection, StreamsHost } from "./streams-connection.ts";

export class Streams {
  readonly headerReader: HeaderReader;
  readonly ends: StreamEnds;
  private readonly connection: StreamsConnection;
  private readonly host: StreamsHost;
  private readonly flow: SendFlow;
  private readonly calls: CallTable;
  private readonly windows: ReceiveWindows;
  private readonly answers: Answers;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  private sendWindowBytes = initialWindowBytes;

  constructor(connection: StreamsConnection) {
    const { host, flow } = connection;
    const assembly = new AssemblyMeter(host.memory);
    this.connection = connection;
    this.host = host;
    this.flow = flow;
    this.headerReader = new HeaderReader(host.routes);
    this.ends = new StreamEnds(connection, assembly);
    this.calls = this.ends.calls;
    this.windows = new ReceiveWindows(connection);
    this.answers = new Answers({
      connection,
      ends: this.ends,
      windows: this.windows,
      assembly,
    });
  }

  get openCount(): number {
    return this.calls.size;
  }

  get lastStreamId(): number {
    return this.calls.lastStreamId;
  }

  /** Bytes of requests that no handler has taken. */
  get waitingBytes(): number {
    return this.answers.assembly.bytes;
  }

  // ---- requests ----

  onHeaderBlock(streamId: number): void {
    if (streamId > this.calls.lastStreamId) {
      this.calls.lastStreamId = streamId;
      return this.openCall(streamId, this.headerReader.readHead());
    }
    const call = this.calls.get(streamId);
    if (call !== undefined) {
      this.onTrailers(call);
    } else if (this.calls.wasResetByUs(streamId)) {
      this.connection.flood.countIdleFrame();
      this.headerReader.readTrailers();
    } else if (this.calls.wasClosedLately(streamId)) {
      throw new ConnectionError(errorCode.streamClosed, "HEADERS on a closed stream");
    } else {
      throw protocolError("stream ids must grow");
    }
  }

  private openCall(streamId: number, head: RequestHead): void {
    const { endsStream, dependsOnItself } = this.headerReader;
    if (streamId > this.ends.lastAcceptedId) return this.calls.rememberClosed(streamId, true);
    if (head.isMalformed || dependsOnItself)
      return this.ends.refuse(streamId, errorCode.protocolError);
    if (head.isTooLarge) return this.ends.refuse(streamId, errorCode.frameSizeError);
    if (!this.hasRoom || (head.isPlain && !this.hasRoomForPlain))
      return this.ends.refuse(streamId, errorCode.refusedStream);
    const { refusal } = head;
    const timeoutMs = head.isPlain ? plainRequestMs : head.timeoutMs;
    const deadlineMs = timeoutMs < 0 ? noDeadline : this.host.nowMs + timeoutMs;
    const call = new Call(this.answers, streamId, head, this.sendWindowBytes, deadlineMs);
    call.hasRequestEnded = endsStream;
    this.calls.add(call);
    if (refusal !== null) {
      if (!head.isForeign || endsStream) this.answers.refuse(call);
    } else if (timeoutMs === 0) {
      this.answers.failDeadline(call);
    } else if (head.route !== null && head.route.stream !== null) {
      this.beginStream(call, head.route.stream);
    }
    if (endsStream) this.endRequest(call);
  }

  private get hasRoom(): boolean {
    return (
      this.calls.size < this.host.maxConcurrentStreams &&
      this.calls.headerBytes <= openHeaderBytesMax &&
      this.flow.queuedBytes <= queuedReplyBytesMax &&
      this.host.memory.hasRoomForReplies(this.flow.queuedBytes)
    );
  }

  private get hasRoomForPlain(): boolean {
    return this.ends.plainReplies.size < plainRequestsMax;
  }

  private beginStream(call: Call, handler: StreamHandler): void {
    const stream = new StreamingCall(call, this.answers);
    call.stream = stream;
    call.isDelivered = true;
    if (call.head.route !== null) call.head.route.begin(call);
    handler(stream);
  }

  private onTrailers(call: Call): void {
    const trailers = this.headerReader.readTrailers();
    if (call.hasRequestEnded) this.ends.reset(call, errorCode.streamClosed);
    else if (!this.headerReader.endsStream || trailers.isMalformed)
      this.ends.reset(call, errorCode.protocolError);
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
    if (start === end && !endsStream) this.connection.flood.countIdleFrame();
    this.windows.replenishConnection(frameBytes);
    const call = this.calls.get(streamId);
    if (call === undefined || call.hasRequestEnded) return this.onDataOfEnded(streamId, call);
    const isWithinWindow =
      call.stream === null
        ? this.windows.takeUnary(call, frameBytes, endsStream)
        : this.windows.takeStreaming(call, frameBytes);
    if (!isWithinWindow) return this.ends.reset(call, errorCode.flowControlError);
    call.bodyBytes += end - start;
    const { contentLength } = call.head;
    if (
      contentLength >= 0 &&
      (endsStream ? call.bodyBytes !== contentLength : call.bodyBytes > contentLength)
    ) {
      return this.ends.reset(call, errorCode.protocolError);
    }
    // Known before the handler runs: a reply it makes at once then needs no RST_STREAM behind it.
    call.hasRequestEnded = endsStream;
    this.takeData(call, bytes, start, end);
    if (endsStream) this.endRequest(call);
  }

  private takeData(call: Call, bytes: Uint8Array, start: number, end: number): void {
    if (call.stream !== null) {
      if (!call.isOver) call.stream.input.take(bytes, start, end);
      this.windows.replenishStreaming(call);
    } else if (call.isOver || call.isDelivered) {
      return;
    } else if (call.head.refusal === null) {
      takeBody(this.answers, call, bytes, start, end);
    } else if (call.bodyBytes > (call.head.isPlain ? plainBodyBytesMax : refusedBodyBytesMax)) {
      // A refused request whose body does not end: the refusal cannot wait longer.
      this.answers.refuse(call);
    }
  }

  private onDataOfEnded(streamId: number, call: Call | undefined): void {
    if (call !== undefined) return this.ends.reset(call, errorCode.streamClosed);
    if (this.calls.isIdle(streamId)) throw protocolError("DATA on an idle stream");
    if (this.calls.wasResetByUs(streamId) || streamId > this.ends.lastAcceptedId) return;
    this.connection.flood.countReset();
    writeRstStream(this.connection.out, streamId, errorCode.streamClosed);
  }

  /** The request's END_STREAM: no more body. */
  private endRequest(call: Call): void {
    call.hasRequestEnded = true;
    if (call.hasReplyEnded) {
      this.ends.forget(call, false);
    } else if (call.head.refusal !== null) {
      if (!call.isOver && !call.isDelivered) this.answers.refuse(call);
    } else if (!call.isOver && (call.stream !== null || !call.isDelivered)) {
      if (call.head.contentLength > call.bodyBytes) this.ends.reset(call, errorCode.protocolError);
      else if (call.stream !== null) call.stream.input.end();
      else endBody(call);
    }
  }

  onRstStream(streamId: number, length: number): void {
    if (length !== 4) throw frameSizeError("RST_STREAM");
    if (this.calls.isIdle(streamId)) throw protocolError("RST_STREAM on an idle stream");
    const call = this.calls.get(streamId);
    if (call === undefined) return;
    if (!call.isOver) this.connection.flood.countReset();
    this.ends.cancel(call, false, statusCode.canceled);
  }

  // ---- flow control ----

  onWindowUpdate(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError("WINDOW_UPDATE");
    const increment = readUint31(bytes, start);
    if (streamId === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE of 0");
      this.flow.openConnection(increment);
      this.windows.replenishConnection(0);
      return;
    }
    const call = this.calls.get(streamId);
    if (call === undefined) {
      if (this.calls.isIdle(streamId)) throw protocolError("WINDOW_UPDATE on an idle stream");
    } else if (increment === 0) {
      this.ends.reset(call, errorCode.protocolError);
    } else if (!this.flow.openStream(call, increment)) {
      this.ends.reset(call, errorCode.flowControlError);
    }
  }

  /** Priorities are deprecated and ignored (RFC 9113 section 5.3.2), but must be well-formed. */
  onPriority(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (streamId === 0) throw protocolError("PRIORITY on stream 0");
    const call = this.calls.get(streamId);
    const isWrongSize = end - start !== 5;
    if (!isWrongSize && readUint32(bytes, start) % 0x8000_0000 !== streamId) return;
    const code = isWrongSize ? errorCode.frameSizeError : errorCode.protocolError;
    if (call !== undefined) this.ends.reset(call, code);
    else throw new ConnectionError(code, "malformed PRIORITY");
  }

  /** SETTINGS changed the initial window: of open streams too. @throws ConnectionError FLOW_CONTROL_ERROR */
  setSendWindow(bytes: number): void {
    const change = bytes - this.sendWindowBytes;
    this.sendWindowBytes = bytes;
    if (change === 0) return;
    this.connection.flood.countMovedStreams(this.calls.size);
    for (const call of this.calls.values()) {
      if (!this.flow.openStream(call, change))
        throw new ConnectionError(errorCode.flowControlError, "stream window overflow");
    }
  }

  /** Services whose calls may send again say more, before the flush. */
  runDrained(): void {
    const { drained } = this.flow;
    if (drained.length === 0) return;
    this.flow.drained = [];
    for (const call of drained) {
      if (!call.isOver) call.stream?.drained();
    }
  }

  // ---- time ----

  failOverdue(nowMs: number): void {
    this.calls.forEachOverdue(nowMs, (call) => {
      if (call.isOver ? call.pending !== null : call.stream !== null) this.ends.resetOverdue(call);
      else if (!call.isOver && call.head.isPlain) this.ends.resetOverdue(call);
      else if (!call.isOver) this.answers.failDeadline(call);
    });
  }
}
