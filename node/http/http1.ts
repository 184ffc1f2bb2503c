/** HTTP/1.1 on connections that somebody else accepted: Node.js's own parser, without its listener. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { Socket } from "node:net";
import type { ByteSocket } from "../lib/ports.ts";

/** How long things may take, in milliseconds; 0 for as long as they like. */
export interface Http1Limits {
  /** A connection on which nothing moves, in the middle of a request or not. */
  readonly idleMs: number;
  /** The head of a request, from the first byte of the connection or from the end of the request before it. */
  readonly headMs: number;
  /** A whole request, with its body. */
  readonly requestMs: number;
  /** A connection between two requests. */
  readonly keepAliveMs: number;
  /** How often heads and requests are looked at. */
  readonly checkEveryMs: number;
}

const headMs = 60_000;
const checkEveryMs = 30_000;

/** etcd's limit for reading a request (3.7.1) is five minutes; the others are Node.js's own. */
export const clientLimits: Http1Limits = {
  idleMs: 5 * 60_000,
  headMs,
  requestMs: 5 * 60_000,
  keepAliveMs: 5000,
  checkEveryMs,
};

/**
 * Between members: a snapshot comes as slowly as disk and line are, a stream's request is answered for ever, and a pipeline waits for the
 * next trouble. What is dead, the parties find out themselves, and TCP's keep-alive for those that cannot.
 */
export const peerLimits: Http1Limits = {
  idleMs: 0,
  headMs,
  requestMs: 0,
  keepAliveMs: 0,
  checkEveryMs,
};

const keepAliveProbeMs = 30_000;

export interface Target {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What a request asks for. Splits by hand: `new URL` throws for targets such as "//", and anybody may send them. */
export function parseTarget(target: string): Target {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

export const targetOf = (request: IncomingMessage): Target => parseTarget(request.url ?? "/");

export class Http1 {
  readonly limits: Http1Limits;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(handle: RequestListener, limits: Http1Limits = clientLimits) {
    this.limits = limits;
    this.server = createServer(
      {
        headersTimeout: limits.headMs,
        requestTimeout: limits.requestMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: limits.checkEveryMs,
      },
      handle,
    );
    this.server.timeout = limits.idleMs;
    // Node.js looks at heads and requests from this event on; it never comes by itself where somebody else listens.
    this.server.emit("listening");
  }

  /** Takes a connection over; `unread` are its first bytes. */
  serve(socket: ByteSocket, unread: Uint8Array): void {
    const raw = socket.detach(unread);
    if (!(raw instanceof Socket)) throw new Error("HTTP/1.1 needs a real socket");
    this.sockets.add(raw);
    raw.once("close", () => this.sockets.delete(raw));
    raw.setKeepAlive(true, keepAliveProbeMs);
    this.server.emit("connection", raw);
    raw.resume();
  }

  /** Cuts every connection. */
  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
