/**
 * GET /raft/stream/<kind>/<id>: member `id` wants to receive our messages in the body of the answer (etcd rafthttp/http.go,
 * streamHandler). Checks, their order and texts are etcd's.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { serverVersion } from "../lib/etcd-version.ts";
import { methodNotAllowed, plainError } from "../lib/http-answers.ts";
import { idToHex } from "../lib/units.ts";
import { checkCompatible, parseId, senderOf } from "./headers.ts";
import { type StreamKind, streamPath } from "./stream-kind.ts";
import type { Transport } from "./transport.ts";

const kinds: ReadonlyMap<string, StreamKind> = new Map([
  [`${streamPath}/msgapp`, "msgapp"],
  [`${streamPath}/message`, "message"],
]);

/** `path` is the request's, without a query. */
export function handleStream(
  transport: Transport,
  request: IncomingMessage,
  { response, path }: { readonly response: ServerResponse; readonly path: string },
): void {
  const { self } = transport;
  if (request.method !== "GET") return methodNotAllowed(response, "GET");
  response.setHeader("X-Server-Version", serverVersion);
  response.setHeader("X-Etcd-Cluster-ID", idToHex(self.clusterId));
  response.setHeader("X-Etcd-Ts", "1");
  const refusal = checkCompatible(request.headers, self);
  if (refusal !== undefined) return plainError(response, refusal.status, refusal.text);
  const slash = path.lastIndexOf("/");
  const kind = kinds.get(path.slice(0, slash));
  if (kind === undefined) return plainError(response, 404, "invalid path");
  const from = parseId(path.slice(slash + 1));
  if (from === undefined) return plainError(response, 404, "invalid from");
  if (transport.isRemoved(from)) return plainError(response, 410, "removed member");
  const peer = transport.peer(from);
  const { peerUrls, isEtcdTs } = senderOf(request.headers);
  if (peer === undefined) {
    transport.addRemote(from, peerUrls);
    return plainError(response, 404, "error sender not found");
  }
  if (request.headers["x-raft-to"] !== idToHex(self.memberId)) {
    return plainError(response, 412, "to field mismatch");
  }
  // Nothing else comes on this connection, and it ends with the stream.
  response.shouldKeepAlive = false;
  response.writeHead(200);
  response.flushHeaders();
  request.socket.setNoDelay(true);
  peer.attach(kind, response, isEtcdTs);
}
