/** Calls with bytes of our choice, which no client library would send, and the bytes of the answers. */
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

export interface RawAnswer {
  /** Messages in hex, in order; one at most from a unary method. */
  readonly messages: readonly string[];
  /** 0 for OK. */
  readonly code: number;
  readonly text: string;
}

const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

export class RawClient {
  private readonly client: Client;

  /** `address` is host:port. */
  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
  }

  unary(
    path: string,
    message: Uint8Array,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<RawAnswer> {
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        same,
        (bytes) => bytes.toString("hex"),
        message,
        metadataOf(metadata),
        (error, answer) => {
          if (error === null) resolve({ messages: [answer ?? ""], code: 0, text: "" });
          else resolve({ messages: [], code: error.code, text: error.details });
        },
      );
    });
  }

  async stream(
    path: string,
    message: Uint8Array,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<RawAnswer> {
    const call = this.client.makeServerStreamRequest(
      path,
      same,
      (bytes) => bytes.toString("hex"),
      message,
      metadataOf(metadata),
    );
    const messages: string[] = [];
    try {
      for await (const answer of call) messages.push(answer as string);
    } catch (error) {
      const { code, details } = error as ServiceError;
      return { messages, code, text: details };
    }
    return { messages, code: 0, text: "" };
  }

  /** A stream that says nothing. */
  open(path: string): { cancel(): void } {
    const call = this.client.makeBidiStreamRequest(path, same, same);
    // It ends by being cancelled, which is an error to this library.
    call.on("error", () => undefined);
    call.resume();
    return call;
  }

  close(): void {
    this.client.close();
  }
}

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}
