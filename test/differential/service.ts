/**
 * Calls one server and keeps its whole answer: code, text, and the messages byte for byte. The codecs are made at run time from the
 * .proto files, so that this judge shares none with the server.
 */
import { join } from "node:path";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import type { LeaseMethod } from "./lease-operations.ts";
import type { Message, Operation } from "./operations.ts";

export type ServiceMethod = Operation["method"] | LeaseMethod;

export interface Answer {
  readonly code: number;
  readonly text: string;
  readonly messages: readonly Buffer[];
}

const protoDirectory = join(import.meta.dirname, "../../node/proto");
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDirectory, target.replace(/^.*\//, ""));
root.loadSync(["rpc.proto", "rpc-maintenance.proto", "rpc-lease.proto"], { keepCase: true });

const type = (name: string): protobuf.Type => root.lookupType(`etcdserverpb.${name}`);

interface Method {
  readonly path: string;
  readonly request: protobuf.Type;
  readonly response: protobuf.Type;
}

const kv = (name: string, request: string, response: string): Method => ({
  path: `/etcdserverpb.KV/${name}`,
  request: type(request),
  response: type(response),
});

const lease = (name: string): Method => ({
  path: `/etcdserverpb.Lease/${name}`,
  request: type(`${name}Request`),
  response: type(`${name}Response`),
});

const methods: Readonly<Record<ServiceMethod, Method>> = {
  Range: kv("Range", "RangeRequest", "RangeResponse"),
  RangeStream: kv("RangeStream", "RangeRequest", "RangeStreamResponse"),
  Put: kv("Put", "PutRequest", "PutResponse"),
  DeleteRange: kv("DeleteRange", "DeleteRangeRequest", "DeleteRangeResponse"),
  Txn: kv("Txn", "TxnRequest", "TxnResponse"),
  Compact: kv("Compact", "CompactionRequest", "CompactionResponse"),
  HashKV: {
    path: "/etcdserverpb.Maintenance/HashKV",
    request: type("HashKVRequest"),
    response: type("HashKVResponse"),
  },
  LeaseGrant: lease("LeaseGrant"),
  LeaseRevoke: lease("LeaseRevoke"),
  LeaseTimeToLive: lease("LeaseTimeToLive"),
  LeaseLeases: lease("LeaseLeases"),
  LeaseKeepAlive: lease("LeaseKeepAlive"),
};

export function encodeRequest({
  method,
  request,
}: {
  readonly method: ServiceMethod;
  readonly request: Message;
}): Buffer {
  const { request: requestType } = methods[method];
  return Buffer.from(requestType.encode(requestType.fromObject(request)).finish());
}

/** With 64-bit numbers and bytes as text, for comparing and for people. */
export function decodeAnswer(method: ServiceMethod, bytes: Buffer): Message {
  const { response } = methods[method];
  return response.toObject(response.decode(bytes), { longs: String, bytes: String, enums: String });
}

const asIs = (bytes: Buffer): Buffer => bytes;

export class Service {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  close(): void {
    this.client.close();
  }

  call(method: ServiceMethod, request: Buffer): Promise<Answer> {
    const { path } = methods[method];
    const options = { deadline: Date.now() + 30_000 };
    if (method === "RangeStream" || method === "LeaseKeepAlive")
      return this.stream(path, request, options);
    return new Promise((resolve) => {
      const done = (error: ServiceError | null, message?: Buffer): void => {
        if (error === null && message !== undefined)
          resolve({ code: status.OK, text: "", messages: [message] });
        else resolve({ code: error?.code ?? status.OK, text: error?.details ?? "", messages: [] });
      };
      this.client.makeUnaryRequest(path, asIs, asIs, request, options, done);
    });
  }

  private stream(path: string, request: Buffer, options: { deadline: number }): Promise<Answer> {
    return new Promise((resolve) => {
      const messages: Buffer[] = [];
      const call = this.client.makeServerStreamRequest(path, asIs, asIs, request, options);
      call.on("data", (message: Buffer) => messages.push(message));
      // The status comes for failed calls as well; the error beside it says the same.
      call.on("error", () => undefined);
      call.on("status", ({ code, details }) => resolve({ code, text: details, messages }));
    });
  }
}
