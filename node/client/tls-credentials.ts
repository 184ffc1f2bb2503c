/**
 * TLS of a client's channels. Unlike the credentials of @grpc/grpc-js these can be renewed: each new connection takes the certificates that are
 * the newest then, and connections that stand go on with theirs. They also keep why the last connection failed, since the library forgets it
 * while it tries again.
 */
import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  getCACertificates,
  type SecureContext,
} from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { tlsErrorText } from "./tls-error.ts";

/** PEM texts, and how a server is recognised. */
export interface TlsOptions {
  /** Servers must have a certificate of one of these; of one that the system trusts where it is left out. */
  readonly ca?: Uint8Array;
  /** What the client shows, with its key; both or none. */
  readonly cert?: Uint8Array;
  readonly key?: Uint8Array;
  /** The name that certificates of servers must be valid for, and that servers are told; the endpoint's host where it is left out. */
  readonly serverName?: string;
  /** The same for single endpoints, by their text in `endpoints`: for those that are addresses while their certificates have names. */
  readonly serverNames?: Readonly<Record<string, string>>;
  /** Takes any certificate of any server: for experiments. */
  readonly insecureSkipVerify?: boolean;
}

/** A server that is connected but does not shake hands is given up after this; the channel then tries again. */
const handshakeMsMax = 10_000;

const silentRefusal =
  "tls: the server closed the connection without a word: it may have refused the client's certificate";

/** What all channels of one client share. */
export class ClientTls {
  private options: TlsOptions;
  private context: SecureContext | undefined;

  constructor(options: TlsOptions) {
    this.options = options;
  }

  /** Throws when the certificates are bad: asked before the first connection, so that whoever makes a client is told. */
  check(): void {
    this.context ??= contextOf(this.options);
  }

  /** For connections from now on. Throws, and keeps what was, when the texts are no certificates or the key is another one's. */
  renew(options: TlsOptions): void {
    this.context = contextOf(options);
    this.options = options;
  }

  connectionOptions(endpoint: string, host: string): ConnectionOptions {
    const { serverName, serverNames, insecureSkipVerify = false } = this.options;
    this.context ??= contextOf(this.options);
    const name = serverNames?.[endpoint] ?? serverName ?? host;
    return {
      secureContext: this.context,
      // An address is verified as well, but must not be sent as a name (RFC 6066, section 3).
      host: name,
      servername: isIP(name) === 0 ? name : "",
      rejectUnauthorized: !insecureSkipVerify,
      ALPNProtocols: ["h2"],
    };
  }
}

function contextOf({ ca, cert, key }: TlsOptions): SecureContext {
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError("a certificate needs its key, and a key its certificate");
  return createSecureContext({
    ca: ca === undefined ? getCACertificates("system") : Buffer.from(ca),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
  });
}

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** Of one channel. */
export class TlsCredentials extends ChannelCredentials {
  private readonly tls: ClientTls;
  private readonly endpoint: string;
  private readonly host: string;
  private failure: string | undefined;

  /** `host`: of the endpoint, without brackets. */
  constructor(tls: ClientTls, endpoint: string, host: string) {
    super();
    this.tls = tls;
    this.endpoint = endpoint;
    this.host = host;
  }

  /** Why the last connection could not be used; undefined when nothing is known against it. */
  get lastFailure(): string | undefined {
    return this.failure;
  }

  override _isSecure(): boolean {
    return true;
  }

  /** No two channels share a connection: their servers may have different names. */
  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): Connector {
    return {
      connect: (socket) =>
        this.handshake(socket).then((secured) => ({ socket: secured, secure: true })),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }

  private handshake(socket: Socket): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const secured = connect({ socket, ...this.tls.connectionOptions(this.endpoint, this.host) });
      const overdue = setTimeout(() => {
        secured.destroy(new Error("tls: handshake timed out"));
      }, handshakeMsMax);
      secured.once("secureConnect", () => {
        clearTimeout(overdue);
        this.failure = undefined;
        resolve(secured);
      });
      // With TLS 1.3 a server refuses a client's certificate after the handshake: the channel then sees the error too.
      secured.on("error", (error: Error) => {
        this.failure = tlsErrorText(error);
        reject(error);
      });
      secured.once("close", () => {
        clearTimeout(overdue);
        // Not every server sends an alert: Node's does not.
        if (secured.bytesRead === 0) this.failure ??= silentRefusal;
        reject(new Error("closed during the handshake"));
      });
    });
  }
}
