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

export interface DialerOptions {
  /** How long making a connection may take, name resolution included. etcd's: one second and the election timeout. */
  readonly dialTimeoutMs: number;
}

/** A real etcd closes a connection on which it read nothing for five seconds; a request that is just then on its way would be lost. */
const idleMsMax = 4500;

const keepsConnections: Readonly<Record<DialKind, boolean>> = {
  stream: false,
  pipeline: true,
  snapshot: false,
  probe: true,
};

export class Dialer {
  private readonly agents: Readonly<Record<DialKind, PeerAgent>>;
  private readonly open = new Set<ClientRequest>();
  private isClosed = false;

  constructor({ dialTimeoutMs }: DialerOptions) {
    const agentFor = (kind: DialKind): PeerAgent =>
      new PeerAgent(dialTimeoutMs, keepsConnections[kind]);
    this.agents = {
      stream: agentFor("stream"),
      pipeline: agentFor("pipeline"),
      snapshot: agentFor("snapshot"),
      probe: agentFor("probe"),
    };
  }

  /**
   * Begins a request to `url`, a member's peer URL; the caller ends it. What goes wrong comes as the request's "error" and "close" events,
   * in a later turn, also for a URL that is none or has another scheme than http; nobody has to listen.
   */
  request(url: string, { path, method, headers, kind }: DialRequest): ClientRequest {
    const { hostname, port, prefix } = targetOf(url) ?? noTarget;
    const request = httpRequest({
      hostname,
      port,
      path: `${prefix}${path}`,
      method,
      headers,
      agent: this.agentFor(kind, hostname === "" ? url : undefined),
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
    for (const agent of Object.values(this.agents)) agent.destroy();
  }

  private agentFor(kind: DialKind, badUrl: string | undefined): Agent {
    if (this.isClosed) return new RefusingAgent("the network is closed");
    return badUrl === undefined
      ? this.agents[kind]
      : new RefusingAgent(`cannot dial ${badUrl}: no URL of http`);
  }
}

const noTarget: Target = { hostname: "", port: "", prefix: "" };

interface Target {
  readonly hostname: string;
  readonly port: string;
  readonly prefix: string;
}

function targetOf(url: string): Target | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol !== "http:") return undefined;
  return {
    // An address of IPv6 stands in brackets in a URL only.
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? "80" : port,
    prefix: pathname.replace(/\/$/, ""),
  };
}

class PeerAgent extends Agent {
  private readonly dialTimeoutMs: number;
  private readonly keepsIdle: boolean;

  constructor(dialTimeoutMs: number, keepsIdle: boolean) {
    super({ keepAlive: true });
    this.dialTimeoutMs = dialTimeoutMs;
    this.keepsIdle = keepsIdle;
  }

  override createConnection(options: ClientRequestArgs): Socket {
    const socket = connect({
      host: options.hostname ?? options.host ?? "",
      port: Number(options.port),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
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
    (callback as (error: Error) => void)(new Error(this.reason));
  }
}

/** What to write into a log: Node.js gives an error without a text where several addresses of one name were tried. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(errorText).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
