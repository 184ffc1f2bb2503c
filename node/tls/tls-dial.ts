/** Dials a server over TLS. What comes out is a connection whose other end has been judged: not a byte of a request left before. */
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { sharedLookup } from "../lib/platform/address-lookup.ts";
import type { Timers } from "../lib/ports.ts";
import { tlsErrorText } from "../lib/tls-error-text.ts";
import type { TlsIdentity } from "./identity.ts";
import { ipBytes } from "./x509/ip-address.ts";

interface Target {
  /** A name or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Of node:net, which node:tls passes on and its types do not know. */
interface TcpOptions {
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
  readonly noDelay: boolean;
}

const keepAliveProbeMs = 30_000;

/**
 * Rejects with an Error that says in Go's words what went wrong, or why the server is refused. `timeoutMs` counts from here to the end of the handshake, name
 * resolution included. Sessions are not resumed and no ALPN is offered: etcd offers only h2 on its peer port, and serves HTTP/1.1 to those who ask for nothing.
 */
export function tlsConnect(
  identity: TlsIdentity,
  timers: Timers,
): (target: Target, timeoutMs: number) => Promise<TLSSocket> {
  return async (target, timeoutMs) => {
    const socket = begin(identity, target);
    let isConnected = false as boolean;
    socket.once("connect", () => {
      isConnected = true;
    });
    try {
      await secured(socket, timers, timeoutMs);
      const problem = identity.refusal(socket, { role: "dialled", host: target.host });
      if (problem !== undefined) throw new Error(problem);
    } catch (error) {
      if (isConnected) identity.countHandshake({ isAdmitted: false });
      socket.destroy();
      throw error;
    }
    identity.countHandshake({ isAdmitted: true, isResumed: socket.isSessionReused() });
    return socket;
  };
}

function begin(identity: TlsIdentity, { host, port }: Target): TLSSocket {
  const options: ConnectionOptions & TcpOptions = {
    host,
    port,
    secureContext: identity.clientOptions().secureContext,
    // An address is no name for SNI, and the root's dot is no part of one.
    ...(ipBytes(host) === undefined ? { servername: host.replace(/\.$/, "") } : {}),
    // All that Node.js would verify, and more, `refusal` does.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
    noDelay: true,
    lookup: sharedLookup,
  };
  const socket = connect(options);
  // Whoever gets it listens a moment later; until then nothing else may end the process.
  socket.on("error", () => undefined);
  return socket;
}

function secured(socket: TLSSocket, timers: Timers, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      timer.cancel();
      socket.off("secureConnect", settle).off("error", onError).off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onError = (error: Error): void => {
      const text = tlsErrorText(error);
      settle(text === undefined ? error : new Error(text, { cause: error }));
    };
    const onClose = (): void => settle(new Error("the connection was closed"));
    const onTimeout = (): void => settle(new Error(`could not connect within ${timeoutMs} ms`));
    const timer = timers.after(timeoutMs, onTimeout);
    socket.once("secureConnect", settle).once("error", onError).once("close", onClose);
  });
}
