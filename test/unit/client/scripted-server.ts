/** A gRPC server on @grpc/grpc-js that answers each method as a test says, and remembers what it was asked. */
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";

/** Bytes to answer with, an error, or silence. */
export type Reply = Uint8Array | { readonly code: number; readonly details: string } | "silence";

export interface SeenCall {
  readonly path: string;
  readonly request: Uint8Array;
  readonly metadata: Readonly<Record<string, unknown>>;
}

type Call = ServerUnaryCall<Buffer, Uint8Array>;

export class ScriptedServer {
  readonly seen: SeenCall[] = [];
  private readonly server = new Server();
  private endpoint = "";

  /** Replies by path, such as "/etcdserverpb.KV/Put". */
  static async start(replies: Readonly<Record<string, Reply>>): Promise<ScriptedServer> {
    const scripted = new ScriptedServer();
    for (const [path, reply] of Object.entries(replies)) scripted.add(path, reply);
    const port = await new Promise<number>((resolve, reject) => {
      scripted.server.bindAsync(
        "127.0.0.1:0",
        ServerCredentials.createInsecure(),
        (error, bound) => {
          if (error === null) resolve(bound);
          else reject(error);
        },
      );
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

  private add(path: string, reply: Reply): void {
    const definition = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: Buffer.from,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
      responseDeserialize: (bytes: Buffer) => bytes,
    } as ServiceDefinition[string];
    const answer = (call: Call, done: sendUnaryData<Uint8Array>): void => {
      this.seen.push({ path, request: call.request, metadata: call.metadata.getMap() });
      if (reply === "silence") return;
      if (reply instanceof Uint8Array) done(null, reply);
      else done(reply);
    };
    this.server.addService({ [path]: definition }, { [path]: answer });
  }
}
