/** The fake API server on a real socket of 127.0.0.1, for the HTTP transport and for programs. It can die and come back at its port. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import type { AccessSource } from "../../operator/kernel/http-transport.ts";
import type { FakeApi } from "./fake-api.ts";

export class FakeApiServer {
  private readonly api: FakeApi;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private portNumber = 0;

  constructor(api: FakeApi) {
    this.api = api;
  }

  get port(): number {
    return this.portNumber;
  }

  /** For whoever is to ask it, as the text of a kubeconfig. Without TLS only one may who says that it need not be checked. */
  get kubeConfig(): string {
    const cluster = {
      server: `http://127.0.0.1:${this.port}`,
      "insecure-skip-tls-verify": true,
    };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "fake", cluster }],
      users: [{ name: "me", user: {} }],
      contexts: [{ name: "fake", context: { cluster: "fake", user: "me" } }],
      "current-context": "fake",
    });
  }

  /** Connections accepted and still open. */
  get connectionCount(): number {
    return this.sockets.size;
  }

  /** For HttpTransport; no credentials. */
  get access(): AccessSource {
    const server = new URL(`http://127.0.0.1:${this.portNumber}`);
    return { access: async () => ({ server, headers: {}, tls: {} }) };
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.take(request, response).catch(() => response.destroy());
    });
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.portNumber, "127.0.0.1", resolve);
    });
    this.portNumber = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Refuses connections from now on and breaks those that are open. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    for (const socket of this.sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const leave = this.api.serve(
      {
        method: request.method ?? "",
        path: request.url ?? "",
        contentType: request.headers["content-type"] ?? "",
        userAgent: request.headers["user-agent"] ?? "",
        body: Buffer.concat(parts).toString("utf8"),
      },
      {
        head: (status, headers) => {
          response.writeHead(status, headers);
          response.flushHeaders();
        },
        chunk: (text) => response.write(text),
        end: () => response.end(),
        break: () => response.destroy(),
      },
    );
    response.on("close", leave);
  }
}
