/** One connection to a port of a member, to see what it shows and whether it lets a certificate in. */
import { connect, type SecureVersion, type TLSSocket } from "node:tls";

export interface DialOptions {
  readonly port: number;
  /** What is said on the connection, so that there is an answer. */
  readonly protocol: "h2" | "http/1.1";
  /** Believed. */
  readonly caPem: string;
  /** Shown. */
  readonly leaf: { readonly chainPem: string; readonly keyPem: string };
  /** Of an earlier connection, to be resumed. */
  readonly session?: Buffer | undefined;
  readonly maxVersion?: SecureVersion;
}

export interface DialAnswer {
  /** SHA-256 of the certificate that the member has shown; "" for none, as in a session that was resumed. */
  readonly fingerprint: string;
  /** Its certificate is one that the CAs given have issued, for this address. */
  readonly isBelieved: boolean;
  /** It has answered: with TLS 1.3 a handshake that ends says nothing about our certificate. */
  readonly isAccepted: boolean;
  readonly isResumed: boolean;
  /** The newest that could be resumed. */
  readonly session: Buffer | undefined;
  readonly error: string | undefined;
}

const timeoutMs = 10_000;
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const http1Request = "GET /version HTTP/1.1\r\nHost: member\r\nConnection: close\r\n\r\n";

/** Resolves when the member has answered, or has ended the connection. */
export function dial(options: DialOptions): Promise<DialAnswer> {
  const { port, protocol, caPem, leaf, session, maxVersion } = options;
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: caPem,
    cert: leaf.chainPem,
    key: leaf.keyPem,
    rejectUnauthorized: false,
    ...(protocol === "h2" ? { ALPNProtocols: ["h2"] } : {}),
    ...(session === undefined ? {} : { session }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  });
  return new Promise((resolve) => {
    const seen = { newest: undefined as Buffer | undefined, facts: unknownFacts };
    const done = (isAccepted: boolean, error?: string): void => {
      resolve({ ...seen.facts, isAccepted, session: seen.newest, error });
      socket.destroy();
    };
    socket.on("session", (given) => (seen.newest = given));
    socket.once("secureConnect", () => {
      seen.facts = factsOf(socket);
      if (socket.getProtocol() !== "TLSv1.3") seen.newest = socket.getSession();
      socket.write(protocol === "h2" ? http2Preface : http1Request);
    });
    socket.once("data", () => done(true));
    socket.on("error", (error) => done(false, error.message));
    socket.once("close", () => done(false, "the member closed the connection"));
    socket.setTimeout(timeoutMs, () => done(false, "no answer"));
  });
}

const unknownFacts = { fingerprint: "", isBelieved: false, isResumed: false };

const factsOf = (socket: TLSSocket): typeof unknownFacts => ({
  fingerprint: socket.getPeerX509Certificate()?.fingerprint256 ?? "",
  isBelieved: socket.authorized,
  isResumed: socket.isSessionReused(),
});
