/** Both transports, each with the services of test.Svc, on a real listener. */
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { NodeHttp2Server } from "../../../node/grpc/node-http2/server.ts";
import { GrpcServer, type GrpcServerOptions } from "../../../node/grpc/server.ts";
import type { GrpcTransport } from "../../../node/grpc/transport.ts";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import { systemNet } from "../../../node/lib/platform/net.ts";
import type { Listener } from "../../../node/lib/ports.ts";
import { Services } from "./adapter-services.ts";

const options: GrpcServerOptions = {
  clock: systemClock,
  timers: new SystemTimers(),
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  receiveMessageBytesMax: 4_000_000,
  maxConcurrentStreams: 3_000,
};

export const transports: Readonly<Record<string, () => GrpcTransport>> = {
  "our framing": () => new GrpcServer(options),
  "node:http2": () => new NodeHttp2Server(options),
};

export class Lab {
  readonly server: GrpcTransport;
  readonly services = new Services();
  readonly port: number;
  private readonly listener: Listener;
  private readonly httpServer: Server;

  private constructor(server: GrpcTransport, listener: Listener, httpServer: Server) {
    this.server = server;
    this.listener = listener;
    this.port = listener.address.port;
    this.httpServer = httpServer;
  }

  static async start(make: () => GrpcTransport): Promise<Lab> {
    const server = make();
    const httpServer = createServer((_, response) => response.end("plain"));
    server.onHttp1((socket, unread) => {
      const given = socket.detach(unread) as Socket;
      httpServer.emit("connection", given);
      given.resume();
    });
    const listener = await systemNet.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
      server.serve(socket),
    );
    const lab = new Lab(server, listener, httpServer);
    lab.services.addTo(server);
    return lab;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    await this.listener.close();
    this.httpServer.close();
    await this.server.shutdown();
  }
}
