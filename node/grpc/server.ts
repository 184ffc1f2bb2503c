/**
 * A gRPC server over byte sockets: knows methods by path and nothing of what they do. Unary calls; the other kinds join
 * `Route` and `Call`. Framing is connection.ts, the sockets come from a Listener of ports.ts.
 */
import type { ByteSocket, Clock, Logger, Timers } from "../lib/ports.ts";
import { ConnectionSet } from "./connection-set.ts";
import { Routes } from "./route.ts";
import type { UnaryHandler } from "./unary-call.ts";

export interface GrpcServerOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Bytes of one request message; a larger one is answered with ResourceExhausted. */
  readonly receiveMessageBytesMax: number;
  /** Per connection; further streams are refused, which clients may retry. */
  readonly maxConcurrentStreams: number;
}

export class GrpcServer {
  private readonly routes = new Routes();
  private readonly connections: ConnectionSet;

  constructor(options: GrpcServerOptions) {
    this.connections = new ConnectionSet({ ...options, routes: this.routes });
  }

  /** `path` is "/package.Service/Method". All methods are added before the first connection is served. */
  addUnary(path: string, handler: UnaryHandler): void {
    this.routes.add({ kind: "unary", path, handler });
  }

  /**
   * Who takes connections that do not begin with the HTTP/2 preface: with the socket as it is, and all bytes read from it so
   * far, of which nothing was answered. The handler calls `socket.detach(unread)`. Without a handler they are destroyed.
   */
  onHttp1(handler: (socket: ByteSocket, unread: Uint8Array) => void): void {
    this.connections.otherProtocol = handler;
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

  /** Connections given away by onHttp1 do not count. */
  get openConnections(): number {
    return this.connections.size;
  }
}
