/** Connections of Go's TLS to a server, one after the other: the program in test/peers/tls. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { goPeer } from "./peers.ts";

/** Paths are of PEM files. */
export interface TlsDial {
  /** host:port. */
  readonly address: string;
  /** The system's CAs where it is left out. */
  readonly ca?: string;
  /** Shown whatever CAs the server names. */
  readonly cert?: string;
  readonly key?: string;
  /** The host where it is left out. */
  readonly serverName?: string;
  readonly insecure?: boolean;
  readonly minVersion?: "1.0" | "1.1" | "1.2" | "1.3";
  readonly maxVersion?: "1.0" | "1.1" | "1.2" | "1.3";
  /** Go's names, for TLS 1.2. */
  readonly cipherSuites?: readonly string[];
  /** h2 where it is left out. */
  readonly alpn?: readonly string[];
  /** Keeps sessions and resumes them. */
  readonly resume?: boolean;
  /** One where it is left out. */
  readonly connections?: number;
  /** A call of etcd's client, or an HTTP/1.1 request for `path`. Without it a server has to greet (h2), or to answer a request for `path`. */
  readonly call?: "put" | "range" | "get";
  /** /version where it is left out. */
  readonly path?: string;
}

/** What became of one connection. */
export interface TlsAnswer {
  /** The server has answered on it: with TLS 1.3 a handshake that ends says nothing about the client's certificate. */
  readonly accepted: boolean;
  /** "TLS 1.3"; absent when the handshake failed. */
  readonly version?: string;
  readonly resumed: boolean;
  /** Negotiated by ALPN, "" for none. */
  readonly protocol: string;
  readonly cipher?: string;
  /** Where it failed. */
  readonly stage?: "dial" | "handshake" | "answer";
  /** Go's text. */
  readonly error?: string;
  readonly status?: number;
  readonly body?: string;
  readonly revision?: number;
  /** Common names of the certificates that the server has shown, its own first. */
  readonly peerNames?: readonly string[];
}

const execute = promisify(execFile);

export async function dialTls(dial: TlsDial): Promise<readonly TlsAnswer[]> {
  const texts = {
    address: dial.address,
    cacert: dial.ca,
    cert: dial.cert,
    key: dial.key,
    "server-name": dial.serverName,
    "min-version": dial.minVersion,
    "max-version": dial.maxVersion,
    "cipher-suites": dial.cipherSuites?.join(","),
    alpn: dial.alpn?.join(","),
    connections: dial.connections,
    call: dial.call,
    path: dial.path,
    insecure: dial.insecure,
    resume: dial.resume,
  };
  const flags = Object.entries(texts).flatMap(([name, value]) =>
    value === undefined ? [] : [`-${name}=${value}`],
  );
  const { stdout } = await execute(goPeer("tls"), flags, { timeout: 120_000 });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as TlsAnswer);
}
