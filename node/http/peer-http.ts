/**
 * HTTP on the peer port, from before this process knows which member it is. What belongs to raft and to membership the network answers
 * (peer/raft-http.ts); here is the rest that members ask each other, as etcd answers it (etcdserver/api/etcdhttp/peer.go).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { emptyBytes } from "../lib/bytes.ts";
import { answer, methodNotAllowed, plainError } from "../lib/http-answers.ts";
import type { ByteSocket } from "../lib/ports.ts";
import { idToHex } from "../lib/units.ts";
import { statusOf } from "../rpc/errors.ts";
import type { Member } from "../server/member.ts";
import { writeVersion } from "./answers.ts";
import { Http1, type Http1Limits, peerLimits, targetOf } from "./http1.ts";
import { answerHashKv } from "./peer-hash.ts";

/** The part of the network that is asked first: false where the path is none of its own, and nothing was done. */
export interface PeerPaths {
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

const versionPath = "/version";
const hashKvPath = "/members/hashkv";
const downgradePath = "/downgrade/enabled";
const ownPaths: ReadonlySet<string> = new Set([versionPath, hashKvPath, downgradePath]);

export class PeerHttp {
  /** Set when it has been opened; until then, what only it can answer is refused with a 503. */
  member: Member | undefined;
  private readonly network: PeerPaths;
  private readonly http: Http1;

  /** `limits` are for tests. */
  constructor(network: PeerPaths, limits: Http1Limits = peerLimits) {
    this.network = network;
    this.http = new Http1((request, response) => this.handle(request, response), limits);
  }

  serve(socket: ByteSocket): void {
    this.http.serve(socket, emptyBytes);
  }

  close(): void {
    this.http.close();
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.network.handle(request, response)) return;
    const { path } = targetOf(request);
    const { member } = this;
    if (!ownPaths.has(path)) {
      plainError(response, 404, "404 page not found");
    } else if (member === undefined) {
      plainError(response, 503, "the member has not started yet");
    } else if (request.method !== "GET") {
      methodNotAllowed(response);
    } else if (path === versionPath) {
      writeVersion(member, response);
    } else if (path === hashKvPath) {
      answerHashKv(member, request, response);
    } else {
      answerDowngrade(member, response);
    }
  }
}

/** Whether the cluster is on its way to an older version: never, as this version has no request that begins it. */
function answerDowngrade(member: Member, response: ServerResponse): void {
  response.setHeader("X-Etcd-Cluster-ID", idToHex(member.clusterId));
  member.linearizableRead({
    readable: () => answer(response, "text/plain", "false"),
    refused: (error) => {
      plainError(response, 500, `failed linearized read: ${statusOf[error].text}`);
    },
  });
}
