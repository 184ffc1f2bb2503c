/**
 * What the Secrets with certificates say, as the plan needs it: read by operator/tls/secret-facts.ts, so that the plan stays pure and sees no key.
 * Fingerprints are SHA-256 of the certificate in DER, lower-case hex.
 */

export interface CertificateFacts {
  readonly fingerprint: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** In their shortest form. */
  readonly ipAddresses: readonly string[];
  /** Milliseconds since the Unix epoch; both ends belong to the validity. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** "serverAuth", "clientAuth", and others by their OID; empty for any. */
  readonly usages: readonly string[];
  /** As in spec.tls.leaf.keyType; something else for keys of other kinds. */
  readonly keyType: string;
  readonly isCa: boolean;
  /** The CA that has signed it, as far as it is in one of the cluster's Secrets. */
  readonly issuerFingerprint: string | undefined;
}

/** A certificate in a Secret, and whether its key is there too. `broken`: no certificate can be read, or the key is another one's. */
export type PairFacts =
  | { readonly kind: "pair"; readonly certificate: CertificateFacts; readonly hasKey: boolean }
  | { readonly kind: "broken"; readonly why: string };

export interface SecretFacts {
  /** By the key under which the certificate stands, such as "server.crt". What is not there is missing. */
  readonly pairs: ReadonlyMap<string, PairFacts>;
  /** Fingerprints of the certificates in ca.crt, in their order; undefined where it is missing or cannot be read. */
  readonly bundle: readonly string[] | undefined;
  /** Value of the annotation etcd-ts.dev/rotate of the cluster at the time when the leaves were made; "" for none. */
  readonly rotation: string;
  /** When the operator wrote it last, milliseconds since the Unix epoch; undefined where it does not say. */
  readonly changedAtMs: number | undefined;
}

export interface TlsFacts {
  /** By the name of the Secret, for each of Observed.secrets. */
  readonly secrets: ReadonlyMap<string, SecretFacts>;
}

/** Of a cluster without TLS. */
export const noTlsFacts: TlsFacts = { secrets: new Map() };
