/** Identities over temporary files, and real handshakes with them on loopback sockets. */
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect, type SecureContext, TLSSocket } from "node:tls";
import { SystemTimers, systemClock } from "../../../node/lib/platform/clock.ts";
import type { Clock, LogFields, Logger } from "../../../node/lib/ports.ts";
import { TlsIdentity } from "../../../node/tls/identity.ts";
import type { Remote } from "../../../node/tls/remote-check.ts";
import type { TlsSettings } from "../../../node/tls/settings.ts";

const noTls: TlsSettings = {
  side: "client",
  certFile: "",
  keyFile: "",
  clientCertFile: "",
  clientKeyFile: "",
  trustedCaFile: "",
  clientCertAuth: false,
  crlFile: "",
  allowedCns: [],
  allowedHostnames: [],
  skipsClientSanVerification: true,
  cipherSuites: [],
  minVersion: "TLSv1.2",
  maxVersion: undefined,
  isSelfSigned: false,
};

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

export function linesLogger(): { lines: LogLine[]; logger: Logger } {
  const lines: LogLine[] = [];
  const log =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ level, message, fields });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  return { lines, logger };
}

export function temporaryDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "etcd-ts-tls-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function openIdentity(
  t: TestContext,
  settings: Partial<TlsSettings>,
  clock: Clock = systemClock,
): Promise<{ identity: TlsIdentity; lines: LogLine[] }> {
  const { lines, logger } = linesLogger();
  const ports = { clock, timers: new SystemTimers(), logger };
  const identity = await TlsIdentity.open({ ...noTls, ...settings }, ports);
  t.after(() => identity.close());
  return { identity, lines };
}

export interface HandshakeResult {
  /** What `refusal` said on the side of the identity; "no handshake: …" when it broke off before. */
  readonly refusal: string | undefined;
  readonly isResumed: boolean;
  readonly protocol: string | null;
  readonly cipher: string;
  /** For a later connection of the same client; undefined when the server gave none. */
  readonly session: Buffer | undefined;
}

type Finished = Omit<HandshakeResult, "session">;

function judged(identity: TlsIdentity, socket: TLSSocket, remote: Remote): Finished {
  return {
    refusal: identity.refusal(socket, remote),
    isResumed: socket.isSessionReused(),
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
  };
}

const brokenOff = (error: Error & { code?: string }): Finished => ({
  refusal: `no handshake: ${error.code ?? error.message}`,
  isResumed: false,
  protocol: null,
  cipher: "",
});

/**
 * A client dials a listener of the identity, as the listener of a member makes its handshakes. `context` replaces the identity's own; with `onConnect` it is
 * the client that ends the connection.
 */
export async function handshakeWith(
  identity: TlsIdentity,
  client: ConnectionOptions,
  context?: SecureContext,
  onConnect?: (socket: TLSSocket) => void,
): Promise<HandshakeResult> {
  const { secureContext, requestsCertificate } = identity.serverOptions();
  const ended = Promise.withResolvers<Finished>();
  const server = createServer((raw) => {
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: context ?? secureContext,
      requestCert: requestsCertificate,
      rejectUnauthorized: false,
    });
    socket.once("secure", () => {
      ended.resolve(judged(identity, socket, { role: "dialler" }));
      // Its byte follows the tickets.
      if (onConnect === undefined) socket.end("x");
      socket.resume();
    });
    socket.on("error", (error) => ended.resolve(brokenOff(error)));
  });
  const port = await listening(server);
  const session = await sessionOf({ port, host: "127.0.0.1", ...client }, onConnect);
  server.close();
  return { ...(await ended.promise), session };
}

/** The identity dials a server that shows `server`'s certificate. */
export async function dialWith(
  identity: TlsIdentity,
  server: SecureContext,
  host: string,
): Promise<HandshakeResult & { readonly shown: string | undefined }> {
  let shown: string | undefined;
  const listener = createServer((raw) => {
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: server,
      requestCert: true,
      rejectUnauthorized: false,
    });
    socket.on("secure", () => {
      shown = socket.getPeerX509Certificate()?.subject;
      socket.end("done");
    });
    socket.on("error", () => undefined);
  });
  const port = await listening(listener);
  const ended = Promise.withResolvers<Finished>();
  const { secureContext } = identity.clientOptions();
  const socket = connect({ port, host: "127.0.0.1", secureContext, rejectUnauthorized: false });
  socket.on("error", (error) => ended.resolve(brokenOff(error)));
  socket.on("secureConnect", () => {
    ended.resolve(judged(identity, socket, { role: "dialled", host }));
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume();
  await closed;
  listener.close();
  return { ...(await ended.promise), session: undefined, shown };
}

function listening(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Connects, reads to the end, and gives the last session that came. */
function sessionOf(
  options: ConnectionOptions,
  onConnect?: (socket: TLSSocket) => void,
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let session: Buffer | undefined;
    const socket = connect({ rejectUnauthorized: false, ...options });
    socket.on("session", (bytes) => {
      session = bytes;
    });
    socket.on("error", () => undefined);
    if (onConnect !== undefined) socket.once("secureConnect", () => onConnect(socket));
    socket.once("close", () => resolve(session));
    socket.resume();
  });
}

/** Waits for something that a follower of files will do. */
export async function until(isDone: () => boolean): Promise<void> {
  for (let tries = 0; !isDone(); tries++) {
    if (tries > 2_000) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
