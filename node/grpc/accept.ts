/**
 * The first bytes of a connection: the HTTP/2 preface makes it ours, the first line of an HTTP/1 request gives it away whole, anything
 * else closes it. Nothing is said before that is known, so that an HTTP/1 server can take the socket as if it had accepted it.
 */
import type { ByteSocket } from "../lib/ports.ts";
import { firstLineVerdict } from "./first-line.ts";

/** RFC 9113 section 3.4. */
export const clientPreface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Who speaks HTTP/2 on a connection: Connection, or an adapter of another implementation. */
export interface Http2Side {
  /** chunk[start, end of chunk) comes behind the preface or behind the last chunk. */
  data(chunk: Uint8Array, start: number): void;
  drained(): void;
  socketClosed(): void;
}

export interface AcceptanceHost {
  http2(socket: ByteSocket): Http2Side;
  /** Takes the socket, with `unread` put back in front, or destroys it. */
  other(socket: ByteSocket, unread: Uint8Array): void;
  /** The socket speaks neither protocol and is about to be destroyed. */
  rejected(socket: ByteSocket, firstBytes: Uint8Array): void;
  /** A decision fell, or the socket closed before. */
  decided(acceptance: Acceptance): void;
  /** A chunk arrived: time has passed. */
  readClock(): void;
}

export class Acceptance {
  readonly sinceMs: number;
  private readonly host: AcceptanceHost;
  private readonly socket: ByteSocket;
  private connection: Http2Side | null = null;
  /** Bytes of the preface seen; all of them matched. */
  private matched = 0;
  /** All bytes of a connection that is not HTTP/2; null while it may be. */
  private gathered: Buffer | null = null;
  private isDecided = false;

  constructor(host: AcceptanceHost, socket: ByteSocket, nowMs: number) {
    this.host = host;
    this.socket = socket;
    this.sinceMs = nowMs;
    socket.onData((chunk) => this.data(chunk));
    socket.onDrain(() => this.connection?.drained());
    socket.onClose(() => this.closed());
  }

  private data(chunk: Uint8Array): void {
    this.host.readClock();
    if (this.connection !== null) this.connection.data(chunk, 0);
    else if (this.gathered !== null) this.gather(this.gathered, chunk);
    else if (!this.isDecided) this.matchPreface(chunk);
  }

  private matchPreface(chunk: Uint8Array): void {
    const before = this.matched;
    let at = 0;
    while (at < chunk.length && this.matched < clientPreface.length) {
      if (chunk[at] !== clientPreface[this.matched]) {
        // What matched before this chunk is the preface's own beginning.
        return this.gather(clientPreface.subarray(0, before), chunk);
      }
      at++;
      this.matched++;
    }
    if (this.matched < clientPreface.length) return;
    this.decide();
    this.connection = this.host.http2(this.socket);
    this.connection.data(chunk, at);
  }

  private gather(before: Uint8Array, chunk: Uint8Array): void {
    if (this.isDecided) return;
    const bytes = Buffer.concat([before, chunk]);
    this.gathered = bytes;
    const verdict = firstLineVerdict(bytes);
    if (verdict === "open") return;
    this.decide();
    if (verdict === "http1") this.host.other(this.socket, bytes);
    else {
      this.host.rejected(this.socket, bytes);
      this.socket.destroy();
    }
  }

  private decide(): void {
    this.isDecided = true;
    this.host.decided(this);
  }

  private closed(): void {
    if (this.connection !== null) this.connection.socketClosed();
    else if (!this.isDecided) this.decide();
  }

  /** The preface did not come in time, or the server goes. */
  destroy(): void {
    this.socket.destroy();
  }
}
