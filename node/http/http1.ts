/** HTTP/1.1 on connections that somebody else accepted: Node.js's own parser, without its listener. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { Socket } from "node:net";
import type { ByteSocket } from "../lib/ports.ts";

/** A connection on which nothing moves for this long ends: etcd's limit for reading a request's head (3.7.1). */
const idleTimeoutMs = 5 * 60_000;

/** What a request asks for. Splits by hand: `new URL` throws for targets such as "//", and anybody may send them. */
export function targetOf(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  return { path, query: new URLSearchParams(query) };
}

export class Http1 {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(handle: RequestListener) {
    this.server = createServer(handle);
    this.server.timeout = idleTimeoutMs;
  }

  /** Takes a connection over; `unread` are its first bytes. */
  serve(socket: ByteSocket, unread: Uint8Array): void {
    const raw = socket.detach(unread);
    if (!(raw instanceof Socket)) throw new Error("HTTP/1.1 needs a real socket");
    this.sockets.add(raw);
    raw.once("close", () => this.sockets.delete(raw));
    this.server.emit("connection", raw);
    raw.resume();
  }

  /** Cuts every connection. */
  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
