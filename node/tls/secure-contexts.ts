/**
 * The two SecureContexts of one side, made anew for every change of its files. Each has keys of its own for its session tickets, so that a ticket dies with the
 * context it was made for: with the leaf, the CA bundle and the revocation list of that time.
 *
 * Where certificates are asked for there are no tickets at all. A resumed session verifies nothing and brings the client's leaf only (Node.js 24, TLS 1.2 and
 * 1.3), so an intermediate CA that has expired could not be seen, and TLS 1.3 renews tickets for ever. What that costs, measured with P-256: 1.5 ms of processor for
 * both ends of a connection instead of 0.85; etcd's own clients never resume.
 */
import { constants, randomBytes } from "node:crypto";
import {
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type SecureContextOptions,
} from "node:tls";
import { assert } from "../lib/assert.ts";
import type { Credentials, Pair } from "./credentials.ts";
import type { TlsSettings } from "./settings.ts";

/** For those who dial us. */
export interface ServerContext {
  readonly secureContext: SecureContext;
  /** Then every handshake is made with requestCert. It ends well whatever the certificate is worth: `TlsIdentity.refusal` judges it. */
  readonly requestsCertificate: boolean;
}

/** For those whom we dial. */
export interface ClientContext {
  readonly secureContext: SecureContext;
  /** False under --auto-tls: any certificate will do. */
  readonly verifies: boolean;
}

/** Etcd asks for certificates as soon as there is a CA to verify them with, or --client-cert-auth. */
export const requestsCertificate = (settings: TlsSettings): boolean =>
  settings.trustedCaFile !== "" || settings.clientCertAuth;

export class SecureContexts {
  private readonly settings: TlsSettings;
  private readonly credentials: Credentials;
  private readonly ciphers: string;
  private readonly server: ServerContext | undefined;
  private client: ClientContext | undefined;

  /** Throws OpenSSL's Error for what it will not use, such as a key that is too short. */
  constructor(settings: TlsSettings, credentials: Credentials, ciphers: string) {
    this.settings = settings;
    this.credentials = credentials;
    this.ciphers = ciphers;
    this.server =
      credentials.server === undefined ? undefined : this.makeServer(credentials.server);
    // The system's CAs take 50 ms to load: only for those who dial with them.
    this.client = this.needsSystemAuthorities ? undefined : this.makeClient();
  }

  serverContext(): ServerContext {
    assert(this.server !== undefined, "who listens has a certificate", this.settings.side);
    return this.server;
  }

  clientContext(): ClientContext {
    this.client ??= this.makeClient();
    return this.client;
  }

  private get needsSystemAuthorities(): boolean {
    return this.credentials.authorities === undefined && !this.settings.isSelfSigned;
  }

  private makeServer(pair: Pair): ServerContext {
    const isRequesting = requestsCertificate(this.settings);
    const secureContext = createSecureContext({
      ...this.common(pair),
      ca: isRequesting ? this.authorities() : [],
      honorCipherOrder: true,
      // Without one OpenSSL breaks off handshakes that want to resume a session with a certificate.
      sessionIdContext: randomBytes(16).toString("hex"),
      // A connection that was admitted must not turn into another client's: Node.js allows TLS 1.2 clients to renegotiate, Go does not.
      secureOptions:
        constants.SSL_OP_NO_RENEGOTIATION | (isRequesting ? constants.SSL_OP_NO_TICKET : 0),
    });
    return { secureContext, requestsCertificate: isRequesting };
  }

  private makeClient(): ClientContext {
    const verifies = !this.settings.isSelfSigned;
    const secureContext = createSecureContext({
      ...this.common(this.credentials.client),
      ca: verifies ? this.authorities() : [],
    });
    return { secureContext, verifies };
  }

  private common(pair: Pair | undefined): SecureContextOptions {
    const { minVersion, maxVersion } = this.settings;
    return {
      ...(pair === undefined ? {} : { cert: pair.chainPem, key: pair.keyPem }),
      ciphers: this.ciphers,
      minVersion,
      ...(maxVersion === undefined ? {} : { maxVersion }),
      // As for Go, every certificate of the bundle is an anchor, an intermediate CA's too.
      allowPartialTrustChain: true,
    };
  }

  private authorities(): string[] {
    return this.credentials.authorities?.certificates.map(String) ?? getCACertificates("system");
  }
}
