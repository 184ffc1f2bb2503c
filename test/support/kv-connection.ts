/**
 * The four calls that the power-cut and kill rigs make, over gRPC with the generated-at-run-time codecs of node/proto.
 * A thin, independent client on purpose: the rigs judge the server and must not share a mistake with its codecs.
 */
import { join } from "node:path";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import protobuf from "protobufjs";

export interface FoundKey {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

export interface RangePage {
  readonly revision: number;
  readonly keys: readonly FoundKey[];
  readonly more: boolean;
}

/** `value` null: the key is deleted. */
export interface Write {
  readonly key: string;
  readonly value: string | null;
}

const protoDirectory = join(import.meta.dirname, "../../node/proto");
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDirectory, target.replace(/^.*\//, ""));
root.loadSync("rpc.proto", { keepCase: true });
const decodeOptions: protobuf.IConversionOptions = { longs: Number, defaults: true };

interface Method {
  readonly path: string;
  readonly encode: (request: object) => Buffer;
  readonly decode: (bytes: Buffer) => unknown;
}

function kvMethod(name: string): Method {
  const requestType = root.lookupType(`etcdserverpb.${name}Request`);
  const responseType = root.lookupType(`etcdserverpb.${name}Response`);
  return {
    path: `/etcdserverpb.KV/${name}`,
    encode: (request) => Buffer.from(requestType.encode(requestType.fromObject(request)).finish()),
    decode: (bytes) => responseType.toObject(responseType.decode(bytes), decodeOptions),
  };
}

const methods = {
  range: kvMethod("Range"),
  put: kvMethod("Put"),
  deleteRange: kvMethod("DeleteRange"),
  txn: kvMethod("Txn"),
};

interface Headed {
  readonly header: { readonly revision: number };
}

interface RawKeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const text = (from: Uint8Array): string => Buffer.from(from).toString("latin1");

/** The key just behind all keys that begin with `prefix`; the last byte must not be 0xff. */
function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

export class KvConnection {
  readonly #client: Client;
  readonly #deadlineMs: number;

  /** `address` is host:port; every call fails after `deadlineMs`. */
  constructor(address: string, deadlineMs = 20_000) {
    this.#deadlineMs = deadlineMs;
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  close(): void {
    this.#client.close();
  }

  /** All writes return the revision of the answer's header. */
  async put(key: string, value: string): Promise<number> {
    return (await this.#call<Headed>(methods.put, { key: bytes(key), value: bytes(value) })).header
      .revision;
  }

  async deleteKey(key: string): Promise<number> {
    return (await this.#call<Headed>(methods.deleteRange, { key: bytes(key) })).header.revision;
  }

  async deletePrefix(prefix: string): Promise<number> {
    const request = { key: bytes(prefix), range_end: bytes(prefixEnd(prefix)) };
    return (await this.#call<Headed>(methods.deleteRange, request)).header.revision;
  }

  /** One transaction with all the writes, under a comparison that always holds. */
  async txn(writes: readonly Write[]): Promise<number> {
    const success = writes.map(({ key, value }) =>
      value === null
        ? { request_delete_range: { key: bytes(key) } }
        : { request_put: { key: bytes(key), value: bytes(value) } },
    );
    const compare = [
      { result: "EQUAL", target: "VERSION", key: bytes("never-written"), version: 0 },
    ];
    return (await this.#call<Headed>(methods.txn, { compare, success })).header.revision;
  }

  /** Up to `limit` keys from `from` on, linearizable; `revision` 0 is the current one. */
  async page(from: string, limit: number, revision = 0): Promise<RangePage> {
    const request = { key: bytes(from), range_end: bytes("\0"), limit, revision };
    const answer = await this.#call<Headed & { kvs: RawKeyValue[]; more: boolean }>(
      methods.range,
      request,
    );
    const keys = answer.kvs.map((kv) => ({
      key: text(kv.key),
      value: text(kv.value),
      createRevision: kv.create_revision,
      modRevision: kv.mod_revision,
      version: kv.version,
    }));
    return { revision: answer.header.revision, keys, more: answer.more };
  }

  /** Every key, page by page at one revision. */
  async everything(): Promise<{ revision: number; keys: Map<string, FoundKey> }> {
    const keys = new Map<string, FoundKey>();
    let page = await this.page("\0", 4000);
    const { revision } = page;
    for (;;) {
      for (const found of page.keys) keys.set(found.key, found);
      const last = page.keys.at(-1);
      if (!page.more || last === undefined) return { revision, keys };
      page = await this.page(`${last.key}\0`, 4000, revision);
    }
  }

  #call<Answer>(method: Method, request: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: unknown): void => {
        if (error !== null) reject(error);
        else resolve(answer as Answer);
      };
      const options = { deadline: Date.now() + this.#deadlineMs };
      this.#client.makeUnaryRequest(
        method.path,
        method.encode,
        method.decode,
        request,
        options,
        done,
      );
    });
  }
}
