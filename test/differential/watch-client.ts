/** One Watch stream to one server. The codecs are made at run time from the .proto files, so that this judge shares none with the server. */
import { join } from "node:path";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import protobuf from "protobufjs";
import type { Message } from "./operations.ts";

const protoDirectory = join(import.meta.dirname, "../../node/proto");
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDirectory, target.replace(/^.*\//, ""));
root.loadSync(["rpc.proto", "rpc-watch.proto"], { keepCase: true });
const requestType = root.lookupType("etcdserverpb.WatchRequest");
const responseType = root.lookupType("etcdserverpb.WatchResponse");

/** A response with 64-bit numbers and bytes as text; a field with its default is left out. */
export interface WatchResponse {
  readonly header?: { readonly revision?: string };
  readonly watch_id?: string;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compact_revision?: string;
  readonly cancel_reason?: string;
  readonly fragment?: boolean;
  readonly events?: readonly WatchEvent[];
}

export interface WatchEvent {
  readonly type?: string;
  readonly kv: { readonly key: string; readonly mod_revision: string };
  readonly prev_kv?: Message;
}

const asIs = (bytes: Buffer): Buffer => bytes;

export class WatchClient {
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** `ended` is told the status of a stream that ends; a cancelled one ends with 1. */
  open(
    received: (response: WatchResponse) => void,
    ended: (status: string) => void,
  ): ClientDuplexStream<Message, Buffer> {
    const stream = this.client.makeBidiStreamRequest(
      "/etcdserverpb.Watch/Watch",
      (request: Message) =>
        Buffer.from(requestType.encode(requestType.fromObject(request)).finish()),
      asIs,
    );
    const options = { longs: String, bytes: String, enums: String };
    stream.on("data", (bytes: Buffer) =>
      received(responseType.toObject(responseType.decode(bytes), options) as WatchResponse),
    );
    // The status says the same.
    stream.on("error", () => undefined);
    stream.on("status", ({ code, details }) => ended(`${code} ${details}`));
    return stream;
  }

  close(): void {
    this.client.close();
  }
}
