/**
 * HTTP on the peer port: so far what tells another member, or a person, who listens here: /version and /members, as etcd
 * answers them (server/etcdserver/api/etcdhttp/peer.go). Raft's own paths come with clusters of more than one member.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { emptyBytes } from "../lib/bytes.ts";
import type { ByteSocket } from "../lib/ports.ts";
import { idToHex } from "../lib/units.ts";
import { memberToJson } from "../membership/member.ts";
import type { Member } from "../server/member.ts";
import { jsonAnswer, methodNotAllowed, plainError, writeVersion } from "./answers.ts";
import { Http1, targetOf } from "./http1.ts";

export class PeerHttp {
  private readonly member: Member;
  private readonly http = new Http1((request, response) => {
    this.handle(request, response);
  });

  constructor(member: Member) {
    this.member = member;
  }

  serve(socket: ByteSocket): void {
    this.http.serve(socket, emptyBytes);
  }

  close(): void {
    this.http.close();
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const { member } = this;
    const { path } = targetOf(request);
    if ((path === "/version" || path === "/members") && request.method !== "GET") {
      methodNotAllowed(response);
      return;
    }
    switch (path) {
      case "/version":
        writeVersion(member, response);
        return;
      case "/members":
        response.setHeader("X-Etcd-Cluster-ID", idToHex(member.clusterId));
        jsonAnswer(response, `[${member.cluster.members.map(memberToJson).join(",")}]\n`);
        return;
      default:
        plainError(response, 404, "404 page not found");
    }
  }
}
