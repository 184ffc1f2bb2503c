/**
 * POST /leases and /leases/internal: the leader renews a lease, and tells of one, for a member that was asked by a client and does not lead
 * (etcd lease/leasehttp/http.go; statuses and texts are etcd's). What a member asks is in lease-client.ts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { plainError } from "../lib/http-answers.ts";
import { etcdserverpb, leasepb } from "../proto/generated/messages.js";
import { int64Long, longToBigint, numberLong } from "../proto/long.ts";
import type { LeaseReply, LeaseTimes, PeerReceiver } from "../server/peer-transport.ts";

export const leasesPath = "/leases";
export const internalLeasesPath = "/leases/internal";

/** A question holds an id and little more. */
const bodyBytesMax = 64 * 1024;

export class LeasesHandler {
  private readonly receiver: Pick<PeerReceiver, "renewLease" | "leaseTimes">;

  constructor(receiver: Pick<PeerReceiver, "renewLease" | "leaseTimes">) {
    this.receiver = receiver;
  }

  /** For the two paths. */
  handle(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (request.method !== "POST") {
      plainError(response, 405, "Method Not Allowed");
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bodyBytesMax) chunks.push(chunk);
    });
    request.on("end", () => {
      if (bytes > bodyBytesMax) plainError(response, 413, "request body too large");
      else this.answer(response, path, Buffer.concat(chunks));
    });
  }

  private answer(response: ServerResponse, path: string, body: Uint8Array): void {
    const asked = path === leasesPath ? this.renewal(body) : this.question(body);
    if (asked === undefined) {
      plainError(response, 400, "error unmarshalling request");
      return;
    }
    asked.then(
      (reply) => answerReply(response, path, reply),
      (error: unknown) => plainError(response, 500, String(error)),
    );
  }

  /** The encoded answer, or why there is none; undefined for a body that is no request. */
  private renewal(body: Uint8Array): Promise<LeaseReply<Uint8Array>> | undefined {
    const request = decoded(etcdserverpb.LeaseKeepAliveRequest, body);
    if (request === undefined) return undefined;
    const id = longToBigint(request.ID);
    return this.receiver.renewLease(BigInt.asIntN(64, id)).then((reply) =>
      encoded(reply, (ttl) =>
        etcdserverpb.LeaseKeepAliveResponse.encode({
          ID: int64Long(id),
          TTL: numberLong(ttl),
        }).finish(),
      ),
    );
  }

  private question(body: Uint8Array): Promise<LeaseReply<Uint8Array>> | undefined {
    const request = decoded(leasepb.LeaseInternalRequest, body)?.LeaseTimeToLiveRequest;
    if (request === undefined || request === null) return undefined;
    const id = longToBigint(request.ID);
    return this.receiver
      .leaseTimes(BigInt.asIntN(64, id), request.keys ?? false)
      .then((reply) => encoded(reply, (times) => encodedTimes(id, times)));
  }
}

function encodedTimes(id: bigint, times: LeaseTimes): Uint8Array {
  return leasepb.LeaseInternalResponse.encode({
    LeaseTimeToLiveResponse: {
      header: {},
      ID: int64Long(id),
      TTL: numberLong(times.remainingSeconds),
      grantedTTL: numberLong(times.grantedSeconds),
      keys: [...times.keys],
    },
  }).finish();
}

const encoded = <Value>(
  reply: LeaseReply<Value>,
  encode: (value: Value) => Uint8Array,
): LeaseReply<Uint8Array> =>
  reply.kind === "found" ? { kind: "found", value: encode(reply.value) } : reply;

function decoded<Message>(
  type: { decode(bytes: Uint8Array): Message },
  body: Uint8Array,
): Message | undefined {
  try {
    return type.decode(body);
  } catch {
    return undefined;
  }
}

function answerReply(response: ServerResponse, path: string, reply: LeaseReply<Uint8Array>): void {
  if (reply.kind === "found") {
    response.setHeader("Content-Type", "application/protobuf");
    response.setHeader("Content-Length", reply.value.length);
    response.end(reply.value);
  } else if (reply.kind === "notFound") plainError(response, 404, "lease not found");
  else if (reply.error === "Timeout") {
    const text = "waiting for node to catch up its applied index has timed out";
    plainError(response, 408, text);
  } else plainError(response, path === leasesPath ? 400 : 500, "not a primary lessor");
}
