/**
 * gRPC channels to the members of a cluster. A call goes to the current endpoint; after Unavailable the next endpoint
 * becomes current. Only calls that change nothing are tried again, once on each endpoint: whether a write that was cut
 * off took effect is for the caller to find out.
 */
import {
  Client as Channel,
  type ChannelCredentials,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";

import { ClientError } from "./client-error.ts";
import { Duplex } from "./duplex.ts";

/** PEM texts. */
export interface TlsOptions {
  readonly ca?: Uint8Array;
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
}

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

const channelOptions = {
  // An HTTP proxy in the environment is meant for the web, not for the cluster.
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // A member that restarts is reached again at once, and not after gRPC's two minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
};

export class Connection {
  private readonly endpoints: readonly string[];
  private readonly channels: readonly Channel[];
  private readonly deadlineMs: number;
  private current = 0;

  constructor(options: ConnectionOptions) {
    if (options.endpoints.length === 0) throw new TypeError("a client needs at least one endpoint");
    this.endpoints = options.endpoints;
    this.channels = options.endpoints.map((endpoint) => openChannel(endpoint, options.tls ?? {}));
    this.deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  }

  /** The first endpoint that has a connection becomes the current one. Rejects with DeadlineExceeded when none has one in time. */
  async connect(deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    try {
      this.current = await Promise.any(
        this.channels.map((channel, at) => ready(channel, deadline).then(() => at)),
      );
    } catch (error) {
      const text = `no connection to ${this.endpoints.join(", ")} within ${deadlineMs} ms`;
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
    const tries = pinned === undefined && method.isRepeatable ? this.channels.length : 1;
    for (let count = 1; ; count++) {
      const at = pinned ?? this.current;
      try {
        return await unary(this.channels[at] as Channel, method, request, { ...options, deadline });
      } catch (error) {
        if (!(error instanceof ClientError) || error.code !== status.UNAVAILABLE) throw error;
        if (at === this.current) this.current = (at + 1) % this.channels.length;
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
    const { deadlineMs = 0 } = options;
    const call = (this.channels[at] as Channel).makeServerStreamRequest(
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
      const failure = error as Partial<ServiceError>;
      if (failure.code === undefined || failure.details === undefined) throw error;
      throw new ClientError(failure.code, failure.details, { cause: error });
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
    const call = (this.channels[at] as Channel).makeBidiStreamRequest(
      method.path,
      (message: Request) => Buffer.from(method.encode(message)),
      (bytes: Buffer) => method.decode(bytes),
      metadataOf(options),
    );
    call.on("status", ({ code }) => {
      if (code === status.UNAVAILABLE && at === this.current)
        this.current = (at + 1) % this.channels.length;
    });
    return new Duplex(call);
  }

  close(): void {
    for (const channel of this.channels) channel.close();
  }

  private indexOf(endpoint: string): number {
    const at = this.endpoints.indexOf(endpoint);
    if (at < 0) throw new TypeError(`${endpoint} is no endpoint of this client`);
    return at;
  }
}

function openChannel(endpoint: string, tls: TlsOptions): Channel {
  const [, scheme, address = ""] = /^(?:(https?):\/\/)?([^/]+)\/?$/.exec(endpoint) ?? [];
  if (address === "") throw new TypeError(`${endpoint} is no endpoint: host:port is`);
  return new Channel(
    address,
    scheme === "https" ? tlsCredentials(tls) : credentials.createInsecure(),
    channelOptions,
  );
}

/** The library's own waitForReady connects anew when its channel is closed meanwhile, and so keeps the process. */
function ready(channel: Channel, deadline: number): Promise<void> {
  const inner = channel.getChannel();
  return new Promise((resolve, reject) => {
    const look = (error?: Error): void => {
      const state = inner.getConnectivityState(false);
      if (state === connectivityState.READY) resolve();
      else if (error !== undefined) reject(error);
      else if (state === connectivityState.SHUTDOWN) reject(new Error("the channel was closed"));
      else {
        inner.getConnectivityState(true);
        inner.watchConnectivityState(state, deadline, look);
      }
    };
    look();
  });
}

function tlsCredentials(tls: TlsOptions): ChannelCredentials {
  const buffer = (pem: Uint8Array | undefined): Buffer | null =>
    pem === undefined ? null : Buffer.from(pem);
  return credentials.createSsl(buffer(tls.ca), buffer(tls.key), buffer(tls.cert));
}

function metadataOf(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

function unary<Request, Response>(
  channel: Channel,
  method: Method<Request, Response>,
  request: Request,
  options: CallOptions & { readonly deadline: number },
): Promise<Response> {
  const metadata = metadataOf(options);
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      method.path,
      (message: Request) => Buffer.from(method.encode(message)),
      (bytes: Buffer) => method.decode(bytes),
      request,
      metadata,
      { deadline: options.deadline },
      (error, response) => {
        if (error !== null) reject(new ClientError(error.code, error.details, { cause: error }));
        else resolve(response as Response);
      },
    );
  });
}
