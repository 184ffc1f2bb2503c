/**
 * HTTP/1.1 on the client port: /health and /version, as etcd answers them (server/etcdserver/api/etcdhttp). The gRPC server gives
 * connections away that do not begin with HTTP/2's preface.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { ByteSocket } from "../lib/ports.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";
import { allowAnyOrigin, plainAnswer, plainError, writeVersion } from "./answers.ts";

type Handler = (url: URL, response: ServerResponse) => void;

export class ClientHttp {
  private readonly member: Member;
  private readonly server: Server;
  private readonly handlers: ReadonlyMap<string, Handler> = new Map<string, Handler>([
    ["/health", (url, response) => this.health(url, response)],
    ["/version", (_url, response) => writeVersion(this.member, response)],
  ]);

  constructor(member: Member) {
    this.member = member;
    this.server = createServer((request, response) => this.handle(request, response));
  }

  /** Takes over a connection whose first bytes, `unread`, are not HTTP/2's. */
  serve(socket: ByteSocket, unread: Uint8Array): void {
    const raw = socket.detach(unread);
    if (!(raw instanceof Socket)) throw new Error("HTTP/1.1 needs a real socket");
    this.server.emit("connection", raw);
    raw.resume();
  }

  close(): void {
    this.server.closeAllConnections();
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    allowAnyOrigin(response);
    if (request.method === "OPTIONS") {
      response.setHeader("Content-Length", 0);
      response.end();
      return;
    }
    const url = new URL(request.url ?? "/", "http://member");
    const handler = this.handlers.get(url.pathname);
    if (handler === undefined) {
      plainError(response, 404, "404 page not found");
    } else if (request.method !== "GET") {
      response.setHeader("Allow", "GET");
      plainError(response, 405, "Method Not Allowed");
    } else {
      handler(url, response);
    }
  }

  private health(url: URL, response: ServerResponse): void {
    const answer = (reason: string): void => {
      const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
      if (reason === "") plainAnswer(response, body);
      else plainError(response, 503, body);
    };
    if (url.searchParams.get("serializable") === "true") {
      answer("");
    } else if (!this.member.hasLeader) {
      answer("RAFT NO LEADER");
    } else {
      this.member.linearizableRead({
        readable: () => answer(""),
        refused: (error) => answer(`RANGE ERROR:${statusOf[error].text}`),
      });
    }
  }
}
