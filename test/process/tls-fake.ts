/** Servers that stand where another member should be, with whatever certificate; they know nothing and keep what they are told. */
import {
  type AddressInfo,
  createServer as createPlainServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer, type SecureVersion } from "node:tls";
import type { TestLeaf } from "../support/pki.ts";

export interface FakeOptions {
  /** Undefined: it speaks without TLS. */
  readonly leaf: TestLeaf | undefined;
  readonly version: SecureVersion;
}

export class FakePeer {
  readonly port: number;
  private readonly taken: { readonly text: string };
  private readonly server: Server;
  private readonly sockets: ReadonlySet<Socket>;

  private constructor(
    server: Server,
    { sockets, taken }: { sockets: ReadonlySet<Socket>; taken: { readonly text: string } },
  ) {
    this.taken = taken;
    this.server = server;
    this.sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async listen({ leaf, version }: FakeOptions): Promise<FakePeer> {
    const sockets = new Set<Socket>();
    const taken = { text: "" };
    const serve = (socket: Socket): void => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
      socket.on("data", (chunk: Buffer) => {
        taken.text += chunk.toString("latin1");
        // A server without TLS does so with a handshake.
        socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      });
    };
    const server =
      leaf === undefined
        ? createPlainServer(serve)
        : createServer(
            {
              ...{ cert: leaf.chainPem, key: leaf.keyPem, requestCert: true },
              ...{ rejectUnauthorized: false, minVersion: version, maxVersion: version },
            },
            serve,
          );
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new FakePeer(server, { sockets, taken });
  }

  /** Bytes of requests, TLS taken off. */
  get received(): string {
    return this.taken.text;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
