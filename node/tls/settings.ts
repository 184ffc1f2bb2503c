/** What the flags say of TLS, for one of the two sides of a member: its clients, or the other members (etcd client/pkg/transport, TLSInfo). */

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** Paths are as the user gave them; "" stands for none. */
export interface TlsSettings {
  /** Whose flags these are; a text of an error names the flag. */
  readonly side: "client" | "peer";
  /** What this member shows to those who dial it. Both or none are set. */
  readonly certFile: string;
  readonly keyFile: string;
  /** What it shows to those whom it dials; the pair above where it has none. */
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** PEM bundle. Whoever dials must have a certificate of one of these, as soon as it is set; those who are dialled too. */
  readonly trustedCaFile: string;
  /** Certificates are asked for and verified even without a CA file: by the system's CAs then, as on etcd. */
  readonly clientCertAuth: boolean;
  /** DER or PEM. */
  readonly crlFile: string;
  /** The remote's certificate must have one of these as its common name. At most one of the two lists has members. */
  readonly allowedCns: readonly string[];
  /** The remote's certificate must be valid for one of these names. */
  readonly allowedHostnames: readonly string[];
  /** The address of a peer need not stand in its certificate. False on the client side, where only the metrics listeners have that check. */
  readonly skipsClientSanVerification: boolean;
  /** By Go's names, for TLS 1.2; empty for the defaults. */
  readonly cipherSuites: readonly string[];
  readonly minVersion: TlsVersion;
  /** Undefined for the newest. */
  readonly maxVersion: TlsVersion | undefined;
  /** --auto-tls, --peer-auto-tls: the pair is made at the start, and no certificate of those who are dialled is verified. */
  readonly isSelfSigned: boolean;
}

/** A certificate that is in use, for logs and metrics. */
export interface CertificateUse {
  readonly side: "client" | "peer";
  readonly file: string;
  readonly use: "server" | "client" | "ca";
  readonly subject: string;
  /** Milliseconds since the Unix epoch. */
  readonly notAfterMs: number;
}

/** What one side has counted since the start. */
export interface TlsStats {
  readonly side: "client" | "peer";
  /** Changes of its files that came into use. */
  readonly reloads: number;
  /** Changes that were refused; what was in use stays. */
  readonly reloadFailures: number;
  /** Its files on the disk are bad at this moment, and what is in use is older. */
  readonly isStale: boolean;
  readonly certificates: readonly CertificateUse[];
  /** Connections that were refused, by whomever they were opened. */
  readonly handshakeFailures: number;
  readonly handshakes: number;
  /** Of the handshakes, those that resumed a session. */
  readonly resumed: number;
}
