/**
 * A gRPC server over byte sockets: knows methods by path and nothing of what they do. Framing is connection.ts, the sockets
 * come from a Listener of ports.ts.
 */
import type { ByteSocket, Clock, Logger, Timers } from "../lib/ports.ts";
import { ConnectionSet } from "./connection-set.ts";
import type { KeepaliveOptions } from "./keepalive.ts";
import type { MemoryLimits } from "./memory-budget.ts";
import type { Traffic } from "./outlet.ts";
import type { PlainHandler } from "./plain-request.ts";
import { type RouteStats, Routes, type StreamKind } from "./route.ts";
import type { StreamHandler } from "./stream-call.ts";
import type { GrpcTransport } from "./transport.ts";
import type { UnaryHandler } from "./unary-call.ts";

export interface GrpcServerOptions extends KeepaliveOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Bytes of one request message; a larger one is answered with ResourceExhausted. */
  readonly receiveMessageBytesMax: number;
  /** Per connection; further streams are refused, which clients may retry. */
  readonly maxConcurrentStreams: number;
  /** What all connections together may keep in memory; limits.ts where it is left out. */
  readonly memoryLimits?: MemoryLimits | undefined;
  /** --warning-unary-request-duration: unary calls that take longer are told in the log; none when not given. */
  readonly warnUnaryRequestMs?: number | undefined;
  /** Measure how long each call takes (--metrics extensive). */
  readonly extensive?: boolean;
}

export class GrpcServer implements GrpcTransport {
  private readonly routes: Routes;
  private readonly connections: ConnectionSet;

  constructor(options: GrpcServerOptions) {
    this.routes = new Routes(options.extensive === true ? options.clock : undefined);
    this.connections = new ConnectionSet({ ...options, routes: this.routes });
  }

  /** `path` is "/package.Service/Method". All methods are added before the first connection is served. */
  addUnary(path: string, handler: UnaryHandler): void {
    this.routes.add(path, { kind: "unary", unary: handler });
  }

  /** The same for calls that stream, whichever side does. */
  addStream(path: string, kind: StreamKind, handler: StreamHandler): void {
    this.routes.add(path, { kind, stream: handler });
  }

  /**
   * Who takes connections that begin with the first line of an HTTP/1 request: with the socket as it is, and all bytes read from it so
   * far, of which nothing was answered. The handler calls `socket.detach(unread)`. Without a handler they are destroyed.
   */
  onHttp1(handler: (socket: ByteSocket, unread: Uint8Array) => void): void {
    this.connections.otherProtocol = handler;
  }

  /** Answers requests over HTTP/2 that are no gRPC; without it they are refused with 415. Set before the first connection is served. */
  onPlainRequest(handler: PlainHandler): void {
    this.connections.plainHandler = handler;
  }

  serve(socket: ByteSocket): void {
    this.connections.accept(socket);
  }

  /**
   * Sends GOAWAY on all connections, lets the calls under way finish and closes; what lasts longer than limits.ts
   * `shutdownGraceMs` is cut. New connections are destroyed. Resolves when no connection is left.
   */
  shutdown(): Promise<void> {
    return this.connections.shutdown();
  }

  /** What each method has counted, in the order in which they were added. */
  routeStats(): RouteStats[] {
    return [...this.routes.all()].map((route) => route.stats);
  }

  /** Bytes through the sockets of all HTTP/2 connections so far, frames and all; RouteStats has those of messages. */
  get traffic(): Readonly<Traffic> {
    return this.connections.traffic;
  }

  /** Bytes in memory for all clients: of requests that no handler has taken, of answers that no client takes. */
  get waitingBytes(): { readonly requests: number; readonly answers: number } {
    const { assemblyBytes, queuedReplyBytes } = this.connections.memory;
    return { requests: assemblyBytes, answers: queuedReplyBytes };
  }

  /** Connections given away by onHttp1 do not count. */
  get openConnections(): number {
    return this.connections.size;
  }
}
