/** Real TCP sockets. */
import { createServer, type Server, type Socket } from "node:net";
import type { ByteSocket, Listener, Net } from "../ports.ts";

class SystemSocket implements ByteSocket {
  readonly remoteAddress: string;
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
    this.remoteAddress = `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`;
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
    if (this.socket.destroyed || this.socket.writableEnded) return true;
    this.socket.write(bytes, this.onWritten);
    this.isKeeping = this.socket.writableLength > 0;
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

export const systemNet: Net = {
  listen: (address, onConnection) =>
    new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) =>
        onConnection(new SystemSocket(socket)),
      );
      server.once("error", reject);
      server.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
        server.off("error", reject);
        resolve(new SystemListener(server));
      });
    }),
};
