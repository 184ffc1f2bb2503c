/**
 * HTTP/1.1 on the client port: /health and /version, as etcd answers them (server/etcdserver/api/etcdhttp). The gRPC server gives
 * connections away that do not begin with HTTP/2's preface.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer, methodNotAllowed, plainAnswer, plainError } from "../lib/http-answers.ts";
import type { ByteSocket } from "../lib/ports.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";
import { allowAnyOrigin, writeVersion } from "./answers.ts";
import { Http1, targetOf } from "./http1.ts";
import type { Metrics } from "./metrics.ts";

type Handler = (query: URLSearchParams, response: ServerResponse) => void;

export class ClientHttp {
  private readonly member: Member;
  private readonly metrics: Metrics;
  private readonly handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    ["/health", (query, response) => this.health(query, response)],
    ["/metrics", (_query, response) => this.writeMetrics(response)],
    ["/version", (_query, response) => writeVersion(this.member, response)],
  ]);

  private readonly http = new Http1((request, response) => {
    this.handle(request, response);
  });

  constructor(member: Member, metrics: Metrics) {
    this.member = member;
    this.metrics = metrics;
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
    const { path, query } = targetOf(request);
    const handler = this.handlers.get(path);
    if (handler === undefined) {
      plainError(response, 404, "404 page not found");
    } else if (request.method !== "GET") {
      methodNotAllowed(response);
    } else {
      handler(query, response);
    }
  }

  private writeMetrics(response: ServerResponse): void {
    this.metrics.text().then(
      ({ contentType, body }) => answer(response, contentType, body),
      (error: unknown) => plainError(response, 500, String(error)),
    );
  }

  private health(query: URLSearchParams, response: ServerResponse): void {
    const report = (reason: string): void => {
      const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
      if (reason === "") plainAnswer(response, body);
      else plainError(response, 503, body);
    };
    if (query.get("serializable") === "true") {
      report("");
    } else if (!this.member.hasLeader) {
      report("RAFT NO LEADER");
    } else {
      this.member.linearizableRead({
        readable: () => report(""),
        refused: (error) => report(`RANGE ERROR:${statusOf[error].text}`),
      });
    }
  }
}
