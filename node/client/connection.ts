/**
 * gRPC channels to the members of a cluster. A call goes to the current endpoint; after Unavailable the next endpoint
 * becomes current. Only calls that change nothing are tried again, once on each endpoint: whether a write that was cut
 * off took effect is for the caller to find out.
 */
import { Metadata, status } from "@grpc/grpc-js";

import { ClientError } from "./client-error.ts";
import { Duplex } from "./duplex.ts";
import { Endpoint } from "./endpoint.ts";
import { ClientTls, type TlsOptions } from "./tls-credentials.ts";

export interface ConnectionOptions {
  /** "host:port", with or without http:// or https:// in front; https uses `tls`. */
  readonly endpoints: readonly string[];
  readonly tls?: TlsOptions;
  /** How long a call may take that says nothing else; 0 for as long as it likes. */
  readonly deadlineMs?: number;
}

export interface CallOptions {
  /** How long this call may take, in milliseconds from now. */
  readonly deadlineMs?: number;
  /** One of the client's endpoints; the call goes there and nowhere else. */
  readonly endpoint?: string;
  /** Sent along, such as { hasleader: "true" }. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One method: its path, its codecs and whether it may be sent twice. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly isRepeatable: boolean;
  encode(request: Request): Uint8Array;
  decode(bytes: Uint8Array): Response;
}

const defaultDeadlineMs = 10_000;

export class Connection {
  private readonly endpoints: readonly Endpoint[];
  private readonly tls: ClientTls;
  private readonly deadlineMs: number;
  private current = 0;

  constructor(options: ConnectionOptions) {
    if (options.endpoints.length === 0) throw new TypeError("a client needs at least one endpoint");
    this.tls = new ClientTls(options.tls ?? {});
    this.endpoints = options.endpoints.map((name) => new Endpoint(name, this.tls));
    this.deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  }

  /** The first endpoint that has a connection becomes the current one. Rejects with DeadlineExceeded when none has one in time. */
  async connect(deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    try {
      this.current = await Promise.any(
        this.endpoints.map((endpoint, at) => endpoint.ready(deadline).then(() => at)),
      );
    } catch (error) {
      const tried = this.endpoints.map(({ name, lastFailure }) =>
        lastFailure === undefined ? name : `${name} (${lastFailure})`,
      );
      const text = `no connection to ${tried.join(", ")} within ${deadlineMs} ms`;
      throw new ClientError(status.DEADLINE_EXCEEDED, text, { cause: error });
    }
  }

  /** Rejects with ClientError. */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response> {
    const pinned = options.endpoint === undefined ? undefined : this.indexOf(options.endpoint);
    const deadlineMs = options.deadlineMs ?? this.deadlineMs;
    const deadline = deadlineMs === 0 ? Infinity : Date.now() + deadlineMs;
    const tries = pinned === undefined && method.isRepeatable ? this.endpoints.length : 1;
    for (let count = 1; ; count++) {
      const at = pinned ?? this.current;
      try {
        return await unary(this.endpoints[at] as Endpoint, method, request, {
          ...options,
          deadline,
        });
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== status.UNAVAILABLE) throw error;
        if (at === this.current) this.current = (at + 1) % this.endpoints.length;
        if (count === tries) throw error;
      }
    }
  }

  /**
   * Opens a stream of answers on the current endpoint, or the one named. Without `deadlineMs` it may take as long as it likes. Throws
   * ClientError; who stops before the end cancels it.
   */
  async *stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): AsyncGenerator<Response, void, undefined> {
    const at = options.endpoint === undefined ? this.current : this.indexOf(options.endpoint);
    const endpoint = this.endpoints[at] as Endpoint;
    const { deadlineMs = 0 } = options;
    const call = endpoint.channel.makeServerStreamRequest(
      method.path,
      (message: Request) => Buffer.from(method.encode(message)),
      (bytes: Buffer) => method.decode(bytes),
      request,
      metadataOf(options),
      { deadline: deadlineMs === 0 ? Infinity : Date.now() + deadlineMs },
    );
    try {
      for await (const response of call) yield response as Response;
    } catch (error) {
      throw endpoint.errorOf(error) ?? error;
    } finally {
      call.cancel();
    }
  }

  /** Opens a stream in both directions on the current endpoint, or the one named. When it ends with Unavailable the next endpoint is current. */
  duplex<Request, Response>(
    method: Method<Request, Response>,
    options: CallOptions,
  ): Duplex<Request, Response> {
    const at = options.endpoint === undefined ? this.current : this.indexOf(options.endpoint);
    const endpoint = this.endpoints[at] as Endpoint;
    const call = endpoint.channel.makeBidiStreamRequest(
      method.path,
      (message: Request) => Buffer.from(method.encode(message)),
      (bytes: Buffer) => method.decode(bytes),
      metadataOf(options),
    );
    call.on("status", ({ code }) => {
      if (code === status.UNAVAILABLE && at === this.current)
        this.current = (at + 1) % this.endpoints.length;
    });
    return new Duplex(call, (error) => endpoint.errorOf(error));
  }

  /** Why the last TLS connection to one of the endpoints could not be used; undefined when all that is known is good. */
  get lastFailure(): string | undefined {
    return this.endpoints.map(({ lastFailure }) => lastFailure).find((text) => text !== undefined);
  }

  /**
   * Other certificates, for connections from now on: those that stand, and calls under way, go on with theirs. Throws, and keeps the old
   * ones, when these are bad.
   */
  renewTls(tls: TlsOptions): void {
    this.tls.renew(tls);
  }

  close(): void {
    for (const { channel } of this.endpoints) channel.close();
  }

  private indexOf(endpoint: string): number {
    const at = this.endpoints.findIndex(({ name }) => name === endpoint);
    if (at < 0) throw new TypeError(`${endpoint} is no endpoint of this client`);
    return at;
  }
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

function unary<Request, Response>(
  endpoint: Endpoint,
  method: Method<Request, Response>,
  request: Request,
  options: CallOptions & { readonly deadline: number },
): Promise<Response> {
  const metadata = metadataOf(options);
  return new Promise((resolve, reject) => {
    endpoint.channel.makeUnaryRequest(
      method.path,
      (message: Request) => Buffer.from(method.encode(message)),
      (bytes: Buffer) => method.decode(bytes),
      request,
      metadata,
      { deadline: options.deadline },
      (error, response) => {
        if (error !== null) reject(endpoint.errorOf(error) ?? error);
        else resolve(response as Response);
      },
    );
  });
}
