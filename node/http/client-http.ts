/**
 * HTTP on the client ports, as etcd answers it (server/embed/serve.go): HTTP/1.1 on connections that the gRPC server gives away because they
 * do not begin with HTTP/2's preface, and requests over HTTP/2 that are no gRPC. With --listen-client-http-urls a transport without services
 * serves it alone, and the gRPC ports are attached to none: they close HTTP/1 and refuse plain HTTP/2 with 415.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { TLSSocket } from "node:tls";
import type { PlainRequest } from "../grpc/plain-request.ts";
import type { GrpcTransport } from "../grpc/transport.ts";
import type { PatientAnswer } from "../lib/http-answers.ts";
import type { ByteSocket, Clock } from "../lib/ports.ts";
import { AccessControl, type AccessOptions, type AccessRequest } from "./access-control.ts";
import { Http1 } from "./http1.ts";
import { type RoutedRequest, type Routes, serveRoute } from "./routes.ts";

export interface ClientHttpOptions extends AccessOptions {
  /** For the Date header, which Node.js sets by itself over HTTP/1 only. */
  readonly clock?: Pick<Clock, "unixMs">;
}

/** etcd's defaults: any origin, any host. */
const openToAll: ClientHttpOptions = {
  cors: ["*"],
  hostWhitelist: ["*"],
  logger: { warn: () => undefined },
};

export class ClientHttp {
  private readonly routes: Routes;
  private readonly access: AccessControl;
  private readonly clock: Pick<Clock, "unixMs"> | undefined;
  private readonly http = new Http1((request, response) => this.answerHttp1(request, response));

  constructor(routes: Routes, options: ClientHttpOptions = openToAll) {
    this.routes = routes;
    this.access = new AccessControl(options);
    this.clock = options.clock;
  }

  /** All HTTP that comes to this transport and is no gRPC is answered here. */
  attachTo(transport: Pick<GrpcTransport, "onHttp1" | "onPlainRequest">): void {
    transport.onHttp1((socket, unread) => this.serve(socket, unread));
    transport.onPlainRequest((request, response) => this.answerHttp2(request, response));
  }

  /** Takes over a connection whose first bytes, `unread`, are not HTTP/2's. */
  serve(socket: ByteSocket, unread: Uint8Array): void {
    this.http.serve(socket, unread);
  }

  /** Cuts the connections that speak HTTP/1; the others are their transport's. */
  close(): void {
    this.http.close();
  }

  private answerHttp1(request: IncomingMessage, response: ServerResponse): void {
    const { method = "GET", url: target = "/", headers, socket } = request;
    const { host = "", origin = "" } = headers;
    const isSecure = socket instanceof TLSSocket;
    this.answer({ method, target, host, origin, isSecure }, response);
  }

  private answerHttp2(request: PlainRequest, response: PatientAnswer): void {
    const { method, path: target, authority: host, isSecure } = request;
    const origin = request.header("origin") ?? "";
    if (this.clock !== undefined)
      response.setHeader("Date", new Date(this.clock.unixMs()).toUTCString());
    this.answer({ method, target, host, origin, isSecure }, response);
  }

  private answer(request: AccessRequest & RoutedRequest, response: PatientAnswer): void {
    if (this.access.admit(request, response)) serveRoute(this.routes, request, response);
  }
}
