/**
 * HTTP on the peer port: so far what tells another member, or a person, who listens here: /version and /members, as etcd answers
 * them (server/etcdserver/api/etcdhttp/peer.go). Raft's own paths come with clusters of more than one member.
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { emptyBytes } from "../lib/bytes.ts";
import type { ByteSocket } from "../lib/ports.ts";
import { idToHex } from "../lib/units.ts";
import { memberToJson } from "../membership/member.ts";
import type { Member } from "../server/member.ts";
import { plainError, writeVersion } from "./answers.ts";

export class PeerHttp {
  private readonly member: Member;
  private readonly server: Server;

  constructor(member: Member) {
    this.member = member;
    this.server = createServer((request, response) => this.handle(request.url ?? "/", response));
  }

  serve(socket: ByteSocket): void {
    const raw = socket.detach(emptyBytes);
    if (!(raw instanceof Socket)) throw new Error("HTTP/1.1 needs a real socket");
    this.server.emit("connection", raw);
    raw.resume();
  }

  close(): void {
    this.server.closeAllConnections();
  }

  private handle(url: string, response: ServerResponse): void {
    switch (new URL(url, "http://member").pathname) {
      case "/version":
        writeVersion(this.member, response);
        return;
      case "/members":
        response.setHeader("Content-Type", "application/json");
        response.setHeader("X-Etcd-Cluster-ID", idToHex(this.member.clusterId));
        response.end(`[${this.member.cluster.members.map(memberToJson).join(",")}]\n`);
        return;
      default:
        plainError(response, 404, "404 page not found");
    }
  }
}
