/**
 * HTTP/1.1 on the client port, as etcd answers it (server/embed/serve.go). The gRPC server gives connections away that do not begin with
 * HTTP/2's preface.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ByteSocket } from "../lib/ports.ts";
import { allowAnyOrigin } from "./answers.ts";
import { Http1 } from "./http1.ts";
import { type Routes, serveRoute } from "./routes.ts";

export class ClientHttp {
  private readonly routes: Routes;
  private readonly http = new Http1((request, response) => {
    this.handle(request, response);
  });

  constructor(routes: Routes) {
    this.routes = routes;
  }

  /** Takes over a connection whose first bytes, `unread`, are not HTTP/2's. */
  serve(socket: ByteSocket, unread: Uint8Array): void {
    this.http.serve(socket, unread);
  }

  close(): void {
    this.http.close();
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    allowAnyOrigin(response);
    if (request.method === "OPTIONS") {
      response.setHeader("Content-Length", 0);
      response.end();
      return;
    }
    serveRoute(this.routes, request, response);
  }
}
