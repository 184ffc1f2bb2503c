/** A gRPC server on @grpc/grpc-js that answers each method as a test says, and remembers what it was asked. */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";

/** Bytes to answer with, an error, or silence. */
export type Reply = Uint8Array | { readonly code: number; readonly details: string } | "silence";

/** What a server-streaming method sends, and how it ends; with silence it does not. */
export interface StreamReply {
  readonly messages: readonly Uint8Array[];
  readonly end: "ok" | Exclude<Reply, Uint8Array>;
}

export interface SeenCall {
  readonly path: string;
  readonly request: Uint8Array;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Common name of the client's certificate; "" for none. */
  readonly commonName: string;
}

export interface ServerPlace {
  /** A free one where it is left out. */
  readonly port?: number;
  /** PEM texts. Clients must have a certificate of `ca`. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

type Call = ServerUnaryCall<Buffer, Uint8Array>;

export class ScriptedServer {
  readonly seen: SeenCall[] = [];
  /** Paths of streams that the client cancelled. */
  readonly cancelled: string[] = [];
  private readonly server = new Server();
  private endpoint = "";

  /** Replies by path, such as "/etcdserverpb.KV/Put". */
  static async start(
    replies: Readonly<Record<string, Reply | StreamReply>>,
    { port: wanted = 0, tls }: ServerPlace = {},
  ): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    for (const [path, reply] of Object.entries(replies)) {
      if (typeof reply === "object" && "messages" in reply) scripted.addStream(path, reply);
      else scripted.add(path, reply);
    }
    const port = await new Promise<number>((resolve, reject) => {
      scripted.server.bindAsync(`127.0.0.1:${wanted}`, credentialsOf(tls), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    scripted.endpoint = `127.0.0.1:${port}`;
    return scripted;
  }

  get address(): string {
    return this.endpoint;
  }

  stop(): void {
    this.server.forceShutdown();
  }

  private addStream(path: string, { messages, end }: StreamReply): void {
    const answer = (call: ServerWritableStream<Buffer, Uint8Array>): void => {
      this.seen.push(seenCall(path, call));
      call.on("cancelled", () => this.cancelled.push(path));
      for (const message of messages) call.write(message);
      if (end === "ok") call.end();
      else if (end !== "silence") call.emit("error", end);
    };
    this.server.addService({ [path]: definitionOf(path, true) }, { [path]: answer });
  }

  private add(path: string, reply: Reply): void {
    const answer = (call: Call, done: sendUnaryData<Uint8Array>): void => {
      this.seen.push(seenCall(path, call));
      if (reply === "silence") return;
      if (reply instanceof Uint8Array) done(null, reply);
      else done(reply);
    };
    this.server.addService({ [path]: definitionOf(path, false) }, { [path]: answer });
  }
}

function seenCall(path: string, call: Call | ServerWritableStream<Buffer, Uint8Array>): SeenCall {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const commonName = String(certificate?.subject.CN ?? "");
  return { path, request: call.request, metadata: call.metadata.getMap(), commonName };
}

function credentialsOf(tls: ServerPlace["tls"]): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) };
  return ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
}

const definitionOf = (path: string, responseStream: boolean): ServiceDefinition[string] => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: Buffer.from,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
  responseDeserialize: (bytes: Buffer) => bytes,
});
