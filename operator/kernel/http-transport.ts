/**
 * The transport over Node.js's own HTTP/1.1 client. Credentials are asked for per request, so that rotated tokens and certificates are
 * taken up; connections are kept alive; a watch has one for itself.
 */
import * as http from "node:http";
import * as https from "node:https";

import { ApiError } from "./api-error.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** How to reach the server and who we are there, for one request. */
export interface Access {
  /** Scheme, host, port, and a path in front of all others where the server stands behind a proxy. */
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Certificates and names for TLS; "user:password" in `auth`. */
  readonly tls: Pick<
    https.RequestOptions,
    "ca" | "cert" | "key" | "pfx" | "passphrase" | "rejectUnauthorized" | "servername" | "auth"
  >;
  /** A way through a proxy; undefined for the transport's own agent. */
  readonly agent?: http.Agent | undefined;
}

export interface AccessSource {
  access(): Promise<Access>;
}

/** Below the idle time-out of the API server and of the usual load balancers, which close without telling. */
const idleConnectionMs = 55_000;

export class HttpTransport implements Transport {
  private readonly source: AccessSource;
  private readonly plain = new http.Agent({ keepAlive: true, timeout: idleConnectionMs });
  private readonly secure = new https.Agent({ keepAlive: true, timeout: idleConnectionMs });

  constructor(source: AccessSource) {
    this.source = source;
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    const access = await unlessAborted(this.source.access(), request.signal);
    return this.exchange(request, access);
  }

  /** Closes kept connections; requests under way end with "Unanswered". */
  close(): void {
    this.plain.destroy();
    this.secure.destroy();
  }

  private exchange(request: TransportRequest, access: Access): Promise<TransportResponse> {
    const isSecure = access.server.protocol === "https:";
    const { promise, resolve, reject } = Promise.withResolvers<TransportResponse>();
    let isSent = false;
    const outgoing = (isSecure ? https : http).request({
      protocol: access.server.protocol,
      hostname: access.server.hostname.replace(/^\[|\]$/g, ""),
      port: access.server.port,
      path: `${access.server.pathname.replace(/\/$/, "")}${request.path}`,
      method: request.method,
      headers: { ...access.headers, ...request.headers },
      ...access.tls,
      agent: access.agent ?? (isSecure ? this.secure : this.plain),
    });
    const abort = (): void => {
      outgoing.destroy(new Error("aborted"));
    };
    request.signal.addEventListener("abort", abort, { once: true });
    outgoing.on("close", () => request.signal.removeEventListener("abort", abort));
    outgoing.on("error", (error) => reject(transportError(isSent, error)));
    outgoing.on("response", (response) => resolve(responseOf(response)));
    whenConnected(outgoing, isSecure, () => {
      try {
        request.beforeSend?.();
      } catch (error) {
        reject(error);
        outgoing.destroy();
        return;
      }
      isSent = true;
      outgoing.end(request.body);
    });
    if (request.signal.aborted) abort();
    return promise;
  }
}

/** Runs `go` when the request has a connection whose handshake is done. */
function whenConnected(outgoing: http.ClientRequest, isSecure: boolean, go: () => void): void {
  outgoing.on("socket", (socket) => {
    if (outgoing.reusedSocket || (!isSecure && !socket.connecting)) go();
    else socket.once(isSecure ? "secureConnect" : "connect", go);
  });
}

function transportError(isSent: boolean, cause: unknown): ApiError {
  return isSent
    ? new ApiError({ kind: "Unanswered", message: "the API server's answer was lost", cause })
    : new ApiError({ kind: "NotSent", message: "the API server was not reached", cause });
}

function responseOf(response: http.IncomingMessage): TransportResponse {
  // An error before anybody reads the body must not be an unhandled one; reading it reports the error again.
  response.on("error", () => undefined);
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    chunks: chunksOf(response),
  };
}

async function* chunksOf(response: http.IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (error) {
    throw transportError(true, error);
  }
}

/** Credentials may come from a program that hangs: the request's time-out covers them too. */
async function unlessAborted(access: Promise<Access>, signal: AbortSignal): Promise<Access> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(new Error("aborted while credentials were read"));
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([access, aborted]);
  } catch (cause) {
    throw new ApiError({ kind: "NotSent", message: "no credentials for the API server", cause });
  } finally {
    signal.removeEventListener("abort", abort);
    access.catch(() => undefined);
    aborted.catch(() => undefined);
  }
}
