/**
 * One HTTP/2 connection after its preface: cuts the bytes into frames, answers what concerns the whole connection
 * (SETTINGS, PING, GOAWAY), and ends it, by error or in peace. What concerns one stream is streams.ts. Output gathers in
 * one buffer that the server flushes once per turn.
 */
import type { ByteSocket, Logger } from "../lib/ports.ts";
import { ConnectionError, frameSizeError, protocolError } from "./connection-error.ts";
import { writeGoAway, writePing, writePreface, writeSettingsAck } from "./control-frames.ts";
import { FloodGuard } from "./flood-guard.ts";
import { errorCode, frameFlag, frameType, uint31Max } from "./frame.ts";
import { type FrameSink, FrameSplitter } from "./frame-splitter.ts";
import type { HeaderReader } from "./header-reader.ts";
import { Keepalive, type KeepaliveTimes } from "./keepalive.ts";
import { closeTimeoutMs, sendFrameBytesMax, shutdownPingTimeoutMs } from "./limits.ts";
import { Outlet, type OutletHost } from "./outlet.ts";
import type { OutputBuffer } from "./output-buffer.ts";
import { PeerSettings } from "./peer-settings.ts";
import type { SendFlow } from "./send-flow.ts";
import { statusCode } from "./status.ts";
import { Streams } from "./streams.ts";
import type { StreamsConnection, StreamsHost } from "./streams-connection.ts";

/** What a connection needs of its server. */
export interface ConnectionHost extends StreamsHost, OutletHost {
  readonly logger: Logger;
  readonly keepalive: KeepaliveTimes;
  /** The connection has something to flush at the end of this turn. */
  markDirty(connection: Connection): void;
  connectionClosed(connection: Connection): void;
}

const keepalivePing = new Uint8Array(8);
const shutdownPing = Buffer.from("shutdown", "latin1");

type Phase =
  | "serving"
  /** GOAWAY(2^31-1) and PING sent: requests on their way to us are still taken. */
  | "announced"
  /** GOAWAY with the last stream we take was sent. */
  | "draining"
  /** Nothing is read or said any more; waiting for the socket to close. */
  | "closing";

export class Connection implements FrameSink, StreamsConnection {
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  readonly host: ConnectionHost;
  readonly out: OutputBuffer;
  readonly flow: SendFlow;
  readonly flood = new FloodGuard();
  /** Already in the server's list for the end of this turn. */
  isDirty = false;

  private readonly socket: ByteSocket;
  private readonly outlet: Outlet;
  private readonly splitter = new FrameSplitter(this);
  private readonly streams: Streams;
  private readonly headerReader: HeaderReader;
  private readonly peer = new PeerSettings();
  private readonly keepalive: Keepalive;
  private hasPeerSettings = false;
  private phase: Phase = "serving";
  private phaseSinceMs = 0;

  constructor(host: ConnectionHost, socket: ByteSocket) {
    this.host = host;
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress;
    this.isSecure = socket.isSecure === true;
    this.outlet = new Outlet(socket, host, (call) => this.streams.ends.replyEnded(call));
    this.out = this.outlet.out;
    this.flow = this.outlet.flow;
    this.streams = new Streams(this);
    this.headerReader = this.streams.headerReader;
    this.keepalive = new Keepalive(host.keepalive, host.nowMs);
    writePreface(this.out, Math.min(host.maxConcurrentStreams, uint31Max));
    host.markDirty(this);
  }

  // ---- bytes in ----

  /** chunk[start, end of chunk) comes behind the client's preface or behind the last chunk. */
  data(chunk: Uint8Array, start: number): void {
    if (this.phase === "closing") return;
    this.keepalive.lastReadMs = this.host.nowMs;
    this.host.traffic.received += chunk.length - start;
    try {
      this.splitter.push(chunk, start);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.abort(error);
    }
    if (this.out.length > 0 || this.streams.ends.hasEndedEarly || this.flow.drained.length > 0)
      this.host.markDirty(this);
  }

  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (this.headerReader.openStreamId !== 0 && type !== frameType.continuation) {
      throw protocolError("header block interrupted");
    }
    if (!this.hasPeerSettings && type !== frameType.settings)
      throw protocolError("preface without SETTINGS");
    switch (type) {
      case frameType.data:
        this.streams.onData(flags, streamId, bytes, start, end);
        break;
      case frameType.headers:
        if ((streamId & 1) === 0)
          throw protocolError("HEADERS on a stream that clients cannot open");
        if (this.headerReader.headers(flags, streamId, bytes, start, end))
          this.streams.onHeaderBlock(streamId);
        break;
      case frameType.continuation:
        if (this.headerReader.continuation(flags, streamId, bytes, start, end))
          this.streams.onHeaderBlock(streamId);
        break;
      case frameType.windowUpdate:
        this.streams.onWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.rstStream:
        this.streams.onRstStream(streamId, end - start);
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
  private onIdleFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (type === frameType.settings) this.onSettings(flags, streamId, bytes, start, end);
    else if (type === frameType.ping) this.onPing(flags, streamId, bytes, start, end);
    else if (type === frameType.priority) this.streams.onPriority(streamId, bytes, start, end);
  }

  // ---- frames of the connection ----

  private onSettings(
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (streamId !== 0) throw protocolError("SETTINGS on a stream");
    if ((flags & frameFlag.ack) !== 0) {
      if (end !== start) throw frameSizeError("SETTINGS acknowledgement");
      if (!this.hasPeerSettings) throw protocolError("preface without SETTINGS");
      return;
    }
    this.peer.apply(bytes, start, end);
    this.hasPeerSettings = true;
    this.flow.frameBytesMax = Math.min(this.peer.frameBytesMax, sendFrameBytesMax);
    this.flow.encoder.limitTable(this.peer.headerTableBytes);
    writeSettingsAck(this.out);
    this.streams.setSendWindow(this.peer.initialWindowBytes);
  }

  private onPing(
    flags: number,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (streamId !== 0) throw protocolError("PING on a stream");
    if (end - start !== 8) throw frameSizeError("PING");
    if ((flags & frameFlag.ack) !== 0) {
      if (this.phase === "announced" && shutdownPing.compare(bytes, start, end) === 0) this.drain();
      return;
    }
    writePing(this.out, frameFlag.ack, bytes, start);
    const { encoder } = this.flow;
    const { nowMs } = this.host;
    this.keepalive.onPing(nowMs, this.streams.openCount > 0, encoder.hasWritten);
    encoder.hasWritten = false;
  }

  // ---- bytes out ----

  hasOutput(): void {
    this.outlet.flushIfLarge();
    this.host.markDirty(this);
  }

  /** The end of the turn. */
  flush(): void {
    // What services say now leaves in this flush already.
    this.streams.runDrained();
    this.isDirty = false;
    if (this.phase === "closing") return;
    this.streams.ends.resetEndedEarly();
    this.outlet.flush();
    if (this.flow.drained.length > 0) this.host.markDirty(this);
    if (this.phase === "draining" && this.streams.openCount === 0 && !this.outlet.isBlocked)
      this.close();
  }

  drained(): void {
    if (this.phase === "closing") return;
    this.outlet.drained();
    this.host.markDirty(this);
  }

  // ---- time, and the end of the connection ----

  /** Every limits.ts `tickMs`. */
  tick(nowMs: number): void {
    this.flood.tick();
    this.streams.failOverdue(nowMs);
    if (this.phase !== "closing") this.keepAlive(nowMs);
    if (this.phase === "announced" && nowMs - this.phaseSinceMs >= shutdownPingTimeoutMs)
      this.drain();
    if (this.phase === "closing" && nowMs - this.phaseSinceMs >= closeTimeoutMs)
      this.socket.destroy();
  }

  private keepAlive(nowMs: number): void {
    const verdict = this.keepalive.tick(nowMs);
    if (verdict === "ask") {
      writePing(this.out, 0, keepalivePing, 0);
      this.hasOutput();
    } else if (verdict === "gone") {
      this.destroy();
    }
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
    const { lastStreamId } = this.streams;
    this.streams.ends.lastAcceptedId = lastStreamId;
    writeGoAway(this.out, lastStreamId, errorCode.noError, "");
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
    writeGoAway(this.out, this.streams.lastStreamId, error.code, error.message);
    this.outlet.flush();
    this.cancelAll(statusCode.unavailable);
    if (this.outlet.isBlocked) this.socket.destroy();
    else this.close();
  }

  /** What is kept in memory for the client: requests that no handler takes, answers that it does not take. */
  get heldBytes(): number {
    return this.flow.queuedBytes + this.streams.waitingBytes;
  }

  /** The server keeps too much in memory, and most of it is ours. */
  endHoard(): void {
    const text = "too many bytes wait in memory for this connection";
    this.abort(new ConnectionError(errorCode.enhanceYourCalm, text));
  }

  /** Ends at once; what was not sent is lost. */
  destroy(): void {
    this.cancelAll(statusCode.unavailable);
    this.enter("closing");
    this.socket.destroy();
  }

  /** The socket is closed, whoever closed it. */
  socketClosed(): void {
    this.cancelAll(statusCode.canceled);
    this.enter("closing");
    this.host.connectionClosed(this);
  }

  /** `code` is what services of streaming calls are told. */
  private cancelAll(code: number): void {
    this.streams.ends.cancelAll(code);
    this.out.reset();
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.phaseSinceMs = this.host.nowMs;
  }
}
