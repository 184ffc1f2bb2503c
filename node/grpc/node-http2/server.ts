/**
 * The same gRPC server with `node:http2` (nghttp2) for frames, header compression and flow control: the oracle of our own framing, and
 * the way out of it. Requests are judged, messages cut and services called by the same code; what is not here is what only our framing
 * does: keepalive rules, flood guards and memory budgets of limits.ts. nghttp2 refuses the :authority "http://host:port" that etcdctl 3.4
 * sends with --cluster. Chosen by a test switch (config/test-faults.ts).
 */
/* eslint-disable no-restricted-imports -- this folder is the transport made of Node.js's own HTTP/2 */
import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { ByteSocket, Timer } from "../../lib/ports.ts";
import { Acceptance, type AcceptanceHost, clientPreface, type Http2Side } from "../accept.ts";
import type { OtherProtocol } from "../connection-set.ts";
import {
  connectionWindowBytes,
  headerListBytesMax,
  prefaceTimeoutMs,
  shutdownGraceMs,
  streamWindowBytes,
  tickMs,
} from "../limits.ts";
import { MemoryBudget } from "../memory-budget.ts";
import type { Traffic } from "../outlet.ts";
import type { PlainHandler } from "../plain-request.ts";
import { type RouteStats, Routes, type StreamKind } from "../route.ts";
import type { GrpcServerOptions } from "../server.ts";
import { StrangerLog } from "../stranger-log.ts";
import type { StreamHandler } from "../stream-call.ts";
import type { GrpcTransport } from "../transport.ts";
import type { UnaryHandler } from "../unary-call.ts";
import { Exchange } from "./exchange.ts";

/** Node's own bound on fields of one request, out of the way: `headerListBytesMax` allows so many. */
const headerPairsMax = headerListBytesMax / 32;

/** `encrypted` is there on TLS sockets only. */
const socketOf = (stream: ServerHttp2Stream): Partial<Socket> & { readonly encrypted?: boolean } =>
  stream.session?.socket ?? {};

export class NodeHttp2Server implements GrpcTransport, AcceptanceHost {
  private readonly options: GrpcServerOptions;
  private readonly routes: Routes;
  private readonly memory: MemoryBudget;
  private readonly http2Server: Http2Server;
  private readonly strangers: StrangerLog;
  private readonly undecided = new Set<Acceptance>();
  private readonly sessions = new Map<ServerHttp2Session, Socket>();
  /** Of sessions that are over. */
  private readonly pastTraffic: Traffic = { received: 0, sent: 0 };
  private otherProtocol: OtherProtocol = (socket) => socket.destroy();
  private plainHandler: PlainHandler | null = null;
  private ticking: Timer | null = null;
  private isStopping = false;
  private onEmpty: (() => void)[] = [];

  constructor(options: GrpcServerOptions) {
    this.options = options;
    this.routes = new Routes(options.extensive === true ? options.clock : undefined);
    this.strangers = new StrangerLog(options);
    this.memory = new MemoryBudget(options.memoryLimits);
    this.http2Server = createServer({
      maxHeaderListPairs: headerPairsMax,
      settings: {
        maxConcurrentStreams: options.maxConcurrentStreams,
        initialWindowSize: streamWindowBytes,
        maxHeaderListSize: headerListBytesMax,
      },
    });
    this.http2Server.on("stream", (stream, _headers, _flags, rawHeaders) => {
      const { remoteAddress = "", remotePort = 0, encrypted = false } = socketOf(stream);
      new Exchange(stream, rawHeaders, {
        ...this.options,
        routes: this.routes,
        memory: this.memory,
        remoteAddress: `${remoteAddress}:${remotePort}`,
        isSecure: encrypted,
        plainHandler: this.plainHandler,
      });
    });
    // A session tells its own error, and is destroyed by it.
    this.http2Server.on("sessionError", () => undefined);
  }

  addUnary(path: string, handler: UnaryHandler): void {
    this.routes.add(path, { kind: "unary", unary: handler });
  }

  addStream(path: string, kind: StreamKind, handler: StreamHandler): void {
    this.routes.add(path, { kind, stream: handler });
  }

  onHttp1(handler: OtherProtocol): void {
    this.otherProtocol = handler;
  }

  onPlainRequest(handler: PlainHandler): void {
    this.plainHandler = handler;
  }

  serve(socket: ByteSocket): void {
    if (this.isStopping) return socket.destroy();
    this.undecided.add(new Acceptance(this, socket, this.options.clock.monotonicMs()));
    this.ticking ??= this.options.timers.every(tickMs, () => this.tick());
  }

  // ---- for acceptances ----

  http2(socket: ByteSocket): Http2Side {
    return {
      // The first chunk: node:http2 wants the connection from its beginning.
      data: (chunk, start) => {
        const unread = Buffer.concat([clientPreface, chunk.subarray(start)]);
        this.begin(socket.detach(unread) as Socket);
      },
      drained: () => undefined,
      socketClosed: () => undefined,
    };
  }

  other(socket: ByteSocket, unread: Uint8Array): void {
    this.otherProtocol(socket, unread);
  }

  rejected(socket: ByteSocket, firstBytes: Uint8Array): void {
    this.strangers.rejected(socket.remoteAddress, firstBytes);
  }

  decided(acceptance: Acceptance): void {
    this.undecided.delete(acceptance);
    this.options.timers.endOfTurn(() => this.settle());
  }

  readClock(): void {
    // The clock is read where it is needed.
  }

  private tick(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const acceptance of this.undecided) {
      if (nowMs - acceptance.sinceMs >= prefaceTimeoutMs) acceptance.destroy();
    }
  }

  // ---- sessions ----

  private begin(socket: Socket): void {
    // Emitted while the connection is handed over. Its own view of the socket is gone when it closes.
    this.http2Server.once("session", (session) => this.keep(session, socket));
    this.http2Server.emit("connection", socket);
  }

  private keep(session: ServerHttp2Session, socket: Socket): void {
    this.sessions.set(session, socket);
    session.setLocalWindowSize(connectionWindowBytes);
    session.on("error", () => undefined);
    session.once("close", () => {
      this.sessions.delete(session);
      this.pastTraffic.received += socket.bytesRead;
      this.pastTraffic.sent += socket.bytesWritten;
      this.settle();
    });
    if (this.isStopping) session.close();
  }

  shutdown(): Promise<void> {
    if (!this.isStopping) {
      this.isStopping = true;
      for (const acceptance of this.undecided) acceptance.destroy();
      for (const session of this.sessions.keys()) session.close();
      this.options.timers.after(shutdownGraceMs, () => {
        for (const session of this.sessions.keys()) session.destroy();
      });
    }
    return new Promise((resolve) => {
      this.onEmpty.push(resolve);
      this.settle();
    });
  }

  private settle(): void {
    if (this.openConnections > 0) return;
    this.ticking?.cancel();
    this.ticking = null;
    const waiting = this.onEmpty;
    this.onEmpty = [];
    for (const done of waiting) done();
  }

  routeStats(): RouteStats[] {
    return [...this.routes.all()].map((route) => route.stats);
  }

  get traffic(): Readonly<Traffic> {
    let { received, sent } = this.pastTraffic;
    for (const socket of this.sessions.values()) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { received, sent };
  }

  get openConnections(): number {
    return this.sessions.size + this.undecided.size;
  }
}
