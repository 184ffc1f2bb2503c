/**
 * The one place that makes connections to other members. Every request goes through here, so that what holds for all of them stands once:
 * a limit for making the connection, no Nagle, keep-alive with connections that are given up before the other side does it, and errors
 * that end a request and never the process.
 */
import {
  Agent,
  type ClientRequest,
  type ClientRequestArgs,
  request as httpRequest,
} from "node:http";
import { connect, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { sharedLookup } from "../lib/platform/address-lookup.ts";
import { tlsErrorText } from "../lib/tls-error-text.ts";

/**
 * What a connection is for. `stream`: one request with an endless answer, on a connection of its own. `pipeline`: messages by POST.
 * `snapshot`: a body of any size; a connection of its own too, as nobody knows in which state a broken one is. `probe`: small questions.
 */
export type DialKind = "stream" | "pipeline" | "snapshot" | "probe";

export interface DialRequest {
  /** With the leading slash. */
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly kind: DialKind;
}

/**
 * Makes a connection over TLS to a host, an IP address or a name, and resolves once it is known that the member at its other end may have requests.
 * Rejects with an Error that says why not, also when it takes longer than `timeoutMs`.
 */
export type SecureConnect = (
  target: { readonly host: string; readonly port: number },
  timeoutMs: number,
) => Promise<Socket>;

export interface DialerOptions {
  /** How long making a connection may take, name resolution and TLS included. etcd's: one second and the election timeout. */
  readonly dialTimeoutMs: number;
  /** For URLs of https, which cannot be dialled without. */
  readonly secure?: SecureConnect | undefined;
}

/** A real etcd closes a connection on which it read nothing for five seconds; a request that is just then on its way would be lost. */
const idleMsMax = 4500;

const keepsConnections: Readonly<Record<DialKind, boolean>> = {
  stream: false,
  pipeline: true,
  snapshot: false,
  probe: true,
};

type Agents = Readonly<Record<DialKind, PeerAgent>>;

export class Dialer {
  /** A pool knows hosts and ports only, so each scheme has its own. */
  private readonly plain: Agents;
  private readonly secure: Agents | undefined;
  private readonly open = new Set<ClientRequest>();
  private isClosed = false;

  constructor({ dialTimeoutMs, secure }: DialerOptions) {
    this.plain = agentsOf((keepsIdle) => new PlainAgent(dialTimeoutMs, keepsIdle));
    this.secure =
      secure && agentsOf((keepsIdle) => new SecureAgent(secure, dialTimeoutMs, keepsIdle));
  }

  /**
   * Begins a request to `url`, a member's peer URL; the caller ends it. What goes wrong comes as the request's "error" and "close" events,
   * in a later turn, also for a URL that is none or has another scheme than http and https; nobody has to listen.
   */
  request(url: string, { path, method, headers, kind }: DialRequest): ClientRequest {
    const target = targetOf(url);
    const { hostname, port, prefix } = target ?? noTarget;
    const request = httpRequest({
      hostname,
      port,
      path: `${prefix}${path}`,
      method,
      headers,
      agent: this.agentFor(kind, url, target),
    });
    request.on("error", () => undefined);
    this.open.add(request);
    request.once("close", () => this.open.delete(request));
    return request;
  }

  /** Cuts every request and connection; requests after it fail. */
  close(): void {
    this.isClosed = true;
    for (const request of this.open) request.destroy(new Error("the network is closed"));
    for (const agents of [this.plain, this.secure]) {
      for (const agent of Object.values(agents ?? {})) agent.destroy();
    }
  }

  private agentFor(kind: DialKind, url: string, target: Target | undefined): Agent {
    if (this.isClosed) return new RefusingAgent("the network is closed");
    if (target === undefined) {
      return new RefusingAgent(`cannot dial ${url}: no URL of http or https`);
    }
    if (!target.isSecure) return this.plain[kind];
    return (
      this.secure?.[kind] ??
      new RefusingAgent(`cannot dial ${url}: TLS is not set up for peers here (--peer-cert-file)`)
    );
  }
}

const agentsOf = (make: (keepsIdle: boolean) => PeerAgent): Agents => ({
  stream: make(keepsConnections.stream),
  pipeline: make(keepsConnections.pipeline),
  snapshot: make(keepsConnections.snapshot),
  probe: make(keepsConnections.probe),
});

interface Target {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port: string;
  readonly prefix: string;
}

const noTarget: Target = { isSecure: false, hostname: "", port: "", prefix: "" };

function targetOf(url: string): Target | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(url);
  const isSecure = protocol === "https:";
  if (!isSecure && protocol !== "http:") return undefined;
  return {
    isSecure,
    // An address of IPv6 stands in brackets in a URL only.
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (isSecure ? "443" : "80") : port,
    prefix: pathname.replace(/\/$/, ""),
  };
}

/** Keeps connections, or does not, whatever they are made of. */
abstract class PeerAgent extends Agent {
  protected readonly dialTimeoutMs: number;
  private readonly keepsIdle: boolean;

  constructor(dialTimeoutMs: number, keepsIdle: boolean) {
    super({ keepAlive: true });
    this.dialTimeoutMs = dialTimeoutMs;
    this.keepsIdle = keepsIdle;
  }

  /** Node.js keeps the connection for another request when this returns true; its type does not say so. */
  override keepSocketAlive(socket: Duplex): boolean {
    if (!this.keepsIdle) return false;
    super.keepSocketAlive(socket);
    // The agent ends an idle connection when this runs out.
    if (socket instanceof Socket) socket.setTimeout(idleMsMax);
    return true;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request);
    if (socket instanceof Socket) socket.setTimeout(0);
  }
}

class PlainAgent extends PeerAgent {
  override createConnection(options: ClientRequestArgs): Socket {
    const { host, port } = hostAndPort(options);
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      lookup: sharedLookup,
    });
    const onTimeout = (): void => {
      socket.destroy(new Error(`could not connect within ${this.dialTimeoutMs} ms`));
    };
    socket.setTimeout(this.dialTimeoutMs);
    socket.on("timeout", onTimeout);
    socket.once("connect", () => {
      socket.off("timeout", onTimeout);
      socket.setTimeout(0);
    });
    return socket;
  }
}

type ConnectionCallback = (error: Error | null, socket?: Duplex) => void;

/** Its requests get their connection when it is made and the other end is known: nothing of them can leave before. */
class SecureAgent extends PeerAgent {
  private readonly secure: SecureConnect;
  /** Of connections that are being made. */
  private readonly waiting = new Set<ConnectionCallback>();

  constructor(secure: SecureConnect, dialTimeoutMs: number, keepsIdle: boolean) {
    super(dialTimeoutMs, keepsIdle);
    this.secure = secure;
  }

  override createConnection(
    options: ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    const give = callback as ConnectionCallback;
    this.waiting.add(give);
    this.secure(hostAndPort(options), this.dialTimeoutMs).then(
      (socket) => {
        // Too late, or it has ended again: whoever listens from now on would wait for ever.
        if (!this.waiting.delete(give)) socket.destroy();
        else if (socket.destroyed) give(new Error("the connection was closed"));
        else give(null, socket);
      },
      (error: unknown) => {
        if (!this.waiting.delete(give)) return;
        give(error instanceof Error ? error : new Error(String(error)));
      },
    );
  }

  override destroy(): void {
    super.destroy();
    for (const give of this.waiting) give(new Error("the network is closed"));
    this.waiting.clear();
  }
}

const hostAndPort = ({ hostname, host, port }: ClientRequestArgs) => ({
  host: hostname ?? host ?? "",
  port: Number(port),
});

/** Makes no connection: its requests fail. */
class RefusingAgent extends Agent {
  private readonly reason: string;

  constructor(reason: string) {
    super();
    this.reason = reason;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    (callback as ConnectionCallback)(new Error(this.reason));
  }
}

/**
 * What to write into a log: Node.js gives an error without a text where several addresses of one name were tried, and OpenSSL's words where the other member
 * refuses our certificate, which it tells after the handshake.
 */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(errorText).join("; ");
  }
  if (!(error instanceof Error)) return String(error);
  return tlsErrorText(error) ?? error.message;
}
