/** A machine as clients see it through gRPC over simulated byte streams: the whole stack, frames and all. Few runs use it, as it is slow. */
import type { ByteSocket } from "../../node/lib/ports.ts";
import { Reader } from "../../node/proto/wire.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { SimSocket } from "./byte-socket.ts";
import type { EventLoop } from "./event-loop.ts";
import { type CallOutcome, SimGrpcClient } from "./grpc-client.ts";
import {
  type Answer,
  type Answered,
  type FoundKey,
  foundKey,
  type KvServer,
  type ReadRequest,
  rangeRequestBytes,
  type WriteRequest,
} from "./requests.ts";
import type { World } from "./world.ts";

export interface GrpcKvServerOptions {
  readonly world: World;
  readonly loop: EventLoop;
  readonly random: SeededRandom;
  readonly accept: (socket: ByteSocket) => void;
}

/** grpc-status of answers that say that nothing was done: INVALID_ARGUMENT, OUT_OF_RANGE. */
const certainStatuses: ReadonlySet<number> = new Set([3, 11]);

export class GrpcKvServer implements KvServer {
  private readonly options: GrpcKvServerOptions;
  private client: SimGrpcClient | undefined;
  private sockets: SimSocket[] = [];

  constructor(options: GrpcKvServerOptions) {
    this.options = options;
  }

  write({ path, bytes }: WriteRequest, done: Answered): void {
    this.call(path, bytes, done, (message) => ({ kind: "written", ...writtenIn(path, message) }));
  }

  read(request: ReadRequest, done: Answered): void {
    this.call("/etcdserverpb.KV/Range", rangeRequestBytes(request), done, (message) =>
      foundIn(message, request.revision),
    );
  }

  /** The process is gone: every connection breaks. */
  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets = [];
  }

  private call(
    path: string,
    bytes: Uint8Array,
    done: Answered,
    answerOf: (message: Uint8Array) => Answer,
  ): void {
    if (this.client?.isOpen !== true) this.client = this.connect();
    this.client.call(path, bytes, ({ status, message }: CallOutcome) => {
      if (status === undefined) done({ kind: "lost" });
      else if (status === 0) done(answerOf(message));
      else
        done({
          kind: "refused",
          error: `status ${status}`,
          isCertain: certainStatuses.has(status),
        });
    });
  }

  private connect(): SimGrpcClient {
    const { world, loop, random, accept } = this.options;
    const client = new SimSocket(world, random, "client");
    const server = new SimSocket(world, random, "server", loop);
    client.peer = server;
    server.peer = client;
    this.sockets.push(server);
    loop.dispatch(() => accept(server));
    return new SimGrpcClient(client);
  }
}

interface Written {
  revision: number;
  deleted: number;
  succeeded: boolean;
}

/** PutResponse, DeleteRangeResponse, TxnResponse and CompactionResponse begin alike. */
function writtenIn(path: string, message: Uint8Array): Written {
  const written = { revision: 0, deleted: 0, succeeded: !path.endsWith("/Txn") };
  const reader = new Reader(message);
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x0a) written.revision = revisionIn(reader.view());
    else if (tag === 0x10 && path.endsWith("/DeleteRange")) written.deleted = reader.varint();
    else if (tag === 0x10) written.succeeded = reader.bool();
    else reader.skip(tag);
  }
  return written;
}

function foundIn(message: Uint8Array, askedRevision: number): Answer {
  const keys: FoundKey[] = [];
  let revision = 0;
  const reader = new Reader(message);
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x0a) revision = revisionIn(reader.view());
    else if (tag === 0x12) {
      const bytes = reader.view();
      keys.push(foundKey(bytes, 0, bytes.length));
    } else reader.skip(tag);
  }
  return { kind: "found", revision: askedRevision === 0 ? revision : askedRevision, keys };
}

/** ResponseHeader.revision. */
function revisionIn(header: Uint8Array): number {
  const reader = new Reader(header);
  while (!reader.isDone) {
    const tag = reader.tag();
    if (tag === 0x18) return reader.varint();
    reader.skip(tag);
  }
  return 0;
}
