/** Real TCP sockets, and TLS ones as bytes. */
import { createServer, type Server, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { ByteSocket, Listener, Net } from "../ports.ts";

/** For those who have to do with what is below a ByteSocket, and may not know node:net. */
export type PlatformSocket = Socket;

class SystemSocket implements ByteSocket {
  readonly remoteAddress: string;
  readonly isSecure: boolean;
  private readonly socket: Socket;
  private drained: () => void = () => undefined;
  private isKeeping = false;

  // The stream's own "drain" event comes only past its high-water mark; the port promises it for every kept byte.
  private readonly onWritten = (): void => {
    if (this.isKeeping && this.socket.writableLength === 0) {
      this.isKeeping = false;
      this.drained();
    }
  };

  constructor(socket: Socket) {
    this.socket = socket;
    this.isSecure = socket instanceof TLSSocket;
    this.remoteAddress = remoteAddressOf(socket);
    // Answers of a turn leave in one write already: Nagle's algorithm would only hold them back.
    socket.setNoDelay(true);
    // "close" follows every error and tells the handlers; without a listener the error would end the process.
    socket.on("error", () => socket.destroy());
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.socket.on("data", handler);
  }

  onClose(handler: () => void): void {
    this.socket.once("close", handler);
  }

  onDrain(handler: () => void): void {
    this.drained = handler;
  }

  write(bytes: Uint8Array): boolean {
    const { socket } = this;
    if (socket.destroyed || socket.writableEnded) return true;
    const isIdle = socket.writableLength === 0;
    socket.write(bytes, this.onWritten);
    // TLS encrypts at once what finds no other write under way, and tells it a turn later: the buffer is free by then. That the other end does
    // not read is seen at the second write.
    if (this.isSecure && isIdle) return true;
    this.isKeeping = socket.writableLength > 0;
    return !this.isKeeping;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  detach(unread: Uint8Array): Socket {
    this.socket.pause();
    this.socket.removeAllListeners("data");
    this.socket.removeAllListeners("close");
    if (unread.length > 0) this.socket.unshift(Buffer.from(unread));
    return this.socket;
  }
}

class SystemListener implements Listener {
  readonly address: { readonly host: string; readonly port: number };
  private readonly server: Server;

  constructor(server: Server) {
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("not a TCP listener");
    this.server = server;
    this.address = { host: bound.address, port: bound.port };
  }

  close(): Promise<void> {
    // Open connections live on: the callback of close() waits for them, so it is not awaited.
    this.server.close();
    return Promise.resolve();
  }
}

/** "10.0.0.1:2379", "[fd00::1]:2379"; an IPv4 address that came to an IPv6 listener is one of IPv4. */
export function remoteAddressOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
  return address.includes(":") ? `[${address}]:${remotePort}` : `${address}:${remotePort}`;
}

/** A connected socket, plain or a TLSSocket whose handshake is over, as a member sees it. The caller lets go of it. */
export const byteSocket = (socket: Socket): ByteSocket => new SystemSocket(socket);

/** Accepts connections for somebody who has to do with the platform's own sockets. */
export function listenForSockets(
  address: { readonly host: string; readonly port: number },
  onSocket: (socket: Socket) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, onSocket);
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
      server.off("error", reject);
      resolve(new SystemListener(server));
    });
  });
}

export const systemNet: Net = {
  listen: (address, onConnection) =>
    listenForSockets(address, (socket) => onConnection(byteSocket(socket))),
};
