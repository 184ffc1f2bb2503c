/** One connection over mutual TLS that sends Puts, each once: nothing here connects again or sends again. */
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type IncomingHttpHeaders,
} from "node:http2";
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { fromText } from "../../node/lib/bytes.ts";
import { etcdserverpb } from "../../node/proto/generated/messages.js";

const connectMsMax = 15_000;
const putMsMax = 20_000;

const headers = {
  ":method": "POST",
  ":path": "/etcdserverpb.KV/Put",
  "content-type": "application/grpc",
  te: "trailers",
};

export class WriteConnection {
  readonly #socket: TLSSocket;
  readonly #session: ClientHttp2Session;
  #end: string | undefined;

  private constructor(port: number, secureContext: SecureContext) {
    this.#socket = connect({ host: "127.0.0.1", port, secureContext, ALPNProtocols: ["h2"] });
    this.#session = connectHttp2(`https://127.0.0.1:${port}`, {
      createConnection: () => this.#socket,
    });
    const ended = (why: string) => (): void => void (this.#end ??= why);
    this.#session.on("error", (error: Error) => ended(error.message)());
    this.#session.once("goaway", ended("GOAWAY"));
    this.#session.once("close", ended("the connection was closed"));
  }

  /** Resolves when the member has said something, which with TLS 1.3 is the first sign that it lets us in. Rejects with the reason. */
  static open(port: number, secureContext: SecureContext): Promise<WriteConnection> {
    const connection = new WriteConnection(port, secureContext);
    const session = connection.#session;
    return new Promise((resolve, reject) => {
      const failed = (): void => {
        clearTimeout(timer);
        reject(new Error(connection.#end));
      };
      const timer = setTimeout(() => session.destroy(new Error("no answer")), connectMsMax);
      session.once("remoteSettings", () => {
        clearTimeout(timer);
        session.off("close", failed);
        resolve(connection);
      });
      session.once("close", failed);
    });
  }

  /** Why it takes no more Puts; undefined while it does. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Rejects with the reason when it was not acknowledged; nobody knows then whether it was written. */
  put(key: string, value: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(headers);
      const timer = setTimeout(() => stream.destroy(new Error("no answer in time")), putMsMax);
      let status: string | undefined;
      const read = (fields: IncomingHttpHeaders): void => {
        if (fields["grpc-status"] === undefined) return;
        status = `${String(fields["grpc-status"])} ${String(fields["grpc-message"] ?? "")}`.trim();
      };
      let failure: string | undefined;
      stream.on("response", read).on("trailers", read).resume();
      stream.on("error", (error) => (failure = error.message));
      stream.once("close", () => {
        clearTimeout(timer);
        if (status === "0") resolve();
        else reject(new Error(status ?? failure ?? this.#end ?? "the stream was closed"));
      });
      stream.end(
        frame(
          etcdserverpb.PutRequest.encode({ key: fromText(key), value: fromText(value) }).finish(),
        ),
      );
    });
  }

  /** Without a Put under way: as a client that goes. */
  close(): void {
    this.#session.close();
  }

  /** With whatever is under way. */
  cut(): void {
    this.#socket.destroy();
  }
}

/** As gRPC frames a message that is not compressed. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}
