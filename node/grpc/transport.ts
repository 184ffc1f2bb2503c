/**
 * What a gRPC server is to the rest of the member, whoever does the framing: server.ts does it itself, node-http2/ leaves it to
 * `node:http2` and is the oracle and the way out.
 */
import type { ByteSocket } from "../lib/ports.ts";
import type { Traffic } from "./outlet.ts";
import type { PlainHandler } from "./plain-request.ts";
import type { RouteStats, StreamKind } from "./route.ts";
import type { StreamHandler } from "./stream-call.ts";
import type { UnaryHandler } from "./unary-call.ts";

export interface GrpcTransport {
  /** `path` is "/package.Service/Method". All methods are added before the first connection is served. */
  addUnary(path: string, handler: UnaryHandler): void;
  addStream(path: string, kind: StreamKind, handler: StreamHandler): void;
  /** Takes connections that begin with an HTTP/1 request, with all bytes read so far; calls `socket.detach(unread)`. */
  onHttp1(handler: (socket: ByteSocket, unread: Uint8Array) => void): void;
  /**
   * Answers requests over HTTP/2 whose content-type does not begin with "application/grpc". Without it they are refused as grpc-go refuses
   * them, with 415. Set before the first connection is served.
   */
  onPlainRequest(handler: PlainHandler): void;
  serve(socket: ByteSocket): void;
  /** Takes no further call, lets those under way end for a time, and resolves when no connection is left. */
  shutdown(): Promise<void>;
  routeStats(): RouteStats[];
  readonly traffic: Readonly<Traffic>;
  readonly openConnections: number;
}
