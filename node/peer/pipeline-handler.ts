/** POST /raft: one raft message of another member (etcd rafthttp/http.go, pipelineHandler). Checks, their order and texts are etcd's. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { jsonAnswer, methodNotAllowed, plainError } from "../lib/http-answers.ts";
import { idToHex } from "../lib/units.ts";
import { WireError } from "../proto/wire.ts";
import type { Message } from "../raft/messages.ts";
import { checkCompatible, senderOf } from "./headers.ts";
import { readMessage } from "./message-codec.ts";
import type { Transport } from "./transport.ts";

/** More than any message has: raft stops filling one at 1 MiB, and one entry more is in it. */
const messageBytesMax = 64 * 1024 * 1024;

export function handlePipeline(
  transport: Transport,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { self } = transport;
  if (request.method !== "POST") return methodNotAllowed(response, "POST");
  response.setHeader("X-Etcd-Cluster-ID", idToHex(self.clusterId));
  const refusal = checkCompatible(request.headers, self);
  if (refusal !== undefined) return plainError(response, refusal.status, refusal.text);
  const { id, peerUrls } = senderOf(request.headers);
  if (id !== undefined) transport.addRemote(id, peerUrls);
  readBody(request, (body) => {
    if (body === undefined) {
      transport.stats.of(id).receivedFailures += 1;
      plainError(response, 400, "error reading raft message");
      request.destroy();
      return;
    }
    const message = decode(body);
    if (message === undefined) {
      transport.stats.of(id).receivedFailures += 1;
      plainError(response, 400, "error unmarshalling raft message");
      return;
    }
    process(transport, message, response);
    transport.stats.of(message.from).receivedBytes += body.length;
  });
}

function process(transport: Transport, message: Message, response: ServerResponse): void {
  const refused = transport.receive(message);
  if (refused === undefined) {
    response.writeHead(204);
    response.end();
  } else if (refused !== "cannot process message from removed member") {
    // Of a mismatch too: etcd answers so, and takes any 403 for its own removal, at which it ends.
    response.shouldKeepAlive = false;
    plainError(response, 500, "error processing raft message");
  } else {
    response.statusCode = 403;
    jsonAnswer(response, JSON.stringify({ message: refused }));
  }
}

function decode(body: Uint8Array): Message | undefined {
  try {
    return readMessage(body);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** `done` runs once, without a body where it is too large; never where the connection breaks before its end. */
function readBody(request: IncomingMessage, done: (body: Uint8Array | undefined) => void): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  request.on("error", () => undefined);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= messageBytesMax) {
      chunks.push(chunk);
    } else if (chunks.length > 0) {
      chunks.length = 0;
      done(undefined);
    }
  });
  request.once("end", () => {
    if (bytes > messageBytesMax) return;
    const [only] = chunks;
    done(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
  });
}
