/**
 * Certificates for tests: CAs, leaves with any property wrong on purpose, and CRLs. Made by node/tls/x509, which has its own tests
 * against OpenSSL and Go. P-256 unless told otherwise; a leaf takes about a millisecond.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import {
  type CertificateRequest,
  type Issuer,
  issueCertificate,
  randomSerial,
} from "../../node/tls/x509/certificate.ts";
import { issueCrl } from "../../node/tls/x509/crl.ts";
import { type KeyPair, type KeyType, newKeyPair, privateKeyPem } from "../../node/tls/x509/keys.ts";
import { pemBlock } from "../../node/tls/x509/pem.ts";
import { writeFiles } from "./pki/files.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Valid: from an hour ago to tomorrow. Expired: until a minute ago. Future: from an hour from now. */
export type Validity =
  | "valid"
  | "expired"
  | "future"
  | { readonly notBeforeMs: number; readonly notAfterMs: number };

export interface LeafOptions {
  /** "leaf" by default; "" for none. */
  readonly commonName?: string;
  readonly organization?: string;
  /** localhost, 127.0.0.1 and ::1 where neither list is given; with one of them given, nothing but what is given. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Both by default. */
  readonly usages?: CertificateRequest["usages"];
  readonly validity?: Validity;
  readonly keyType?: KeyType;
  /** A key to be used again, as after a renewal that keeps it. */
  readonly keyPair?: KeyPair;
  readonly serial?: Uint8Array;
}

export interface TestLeaf {
  readonly certPem: string;
  readonly keyPem: string;
  /** The leaf and the intermediate CAs above it: what a server should show. The leaf alone where the root has issued it. */
  readonly chainPem: string;
  readonly certificate: X509Certificate;
  readonly keyPair: KeyPair;
  readonly serial: Uint8Array;
}

export interface CaOptions {
  readonly keyType?: KeyType;
  /** A CA that renews its certificate keeps its key. */
  readonly keyPair?: KeyPair;
  readonly validity?: Validity;
  readonly pathLength?: number;
  /** Makes an intermediate CA. */
  readonly issuer?: TestCa;
}

export interface TestCrl {
  readonly der: Uint8Array;
  readonly pem: string;
}

export class TestCa {
  readonly certPem: string;
  readonly keyPem: string;
  readonly certificate: X509Certificate;
  readonly keyPair: KeyPair;
  readonly serial: Uint8Array;
  /** PEM of this CA and those between it and the root; "" for a root. */
  readonly intermediatesPem: string;

  /** `name` is its common name: two CAs of one name and different keys can be told apart by their signatures only. */
  static create(name: string, options: CaOptions = {}): TestCa {
    return new TestCa(name, options);
  }

  private constructor(name: string, options: CaOptions) {
    this.keyPair = options.keyPair ?? newKeyPair(options.keyType ?? "ecdsa-p256");
    this.serial = randomSerial();
    const request: CertificateRequest = {
      subject: { commonName: name, organization: "etcd-ts tests" },
      publicKey: this.keyPair.publicKey,
      serial: this.serial,
      ...bounds(options.validity ?? "valid"),
      isCa: true,
      ...(options.pathLength === undefined ? {} : { pathLength: options.pathLength }),
      usages: [],
      dnsNames: [],
      ipAddresses: [],
    };
    const issuer = options.issuer?.asIssuer() ?? { selfKey: this.keyPair.privateKey };
    this.certPem = issueCertificate(request, issuer);
    this.keyPem = privateKeyPem(this.keyPair.privateKey);
    this.certificate = new X509Certificate(this.certPem);
    const { issuer: above } = options;
    this.intermediatesPem = above === undefined ? "" : this.certPem + above.intermediatesPem;
  }

  asIssuer(): Issuer {
    return { certificate: this.certificate, privateKey: this.keyPair.privateKey };
  }

  /** An intermediate CA below this one. */
  intermediate(name: string, options: Omit<CaOptions, "issuer"> = {}): TestCa {
    return TestCa.create(name, { ...options, issuer: this });
  }

  leaf(options: LeafOptions = {}): TestLeaf {
    const keyPair = options.keyPair ?? newKeyPair(options.keyType ?? "ecdsa-p256");
    const request = leafRequest(options, keyPair.publicKey);
    return asLeaf(request, keyPair, {
      certPem: issueCertificate(request, this.asIssuer()),
      abovePem: this.intermediatesPem,
    });
  }

  /** Revokes leaves and intermediate CAs of this CA. A list that is out of date has a `nextUpdateMs` in the past. */
  crl(
    revoked: readonly { readonly serial: Uint8Array }[],
    times: { readonly thisUpdateMs?: number; readonly nextUpdateMs?: number } = {},
  ): TestCrl {
    const der = issueCrl({
      issuer: this.asIssuer(),
      revokedSerials: revoked.map(({ serial }) => serial),
      thisUpdateMs: times.thisUpdateMs ?? Date.now() - hourMs,
      nextUpdateMs: times.nextUpdateMs ?? Date.now() + dayMs,
    });
    return { der, pem: pemBlock("X509 CRL", der) };
  }
}

/** A leaf that nobody but itself has signed. */
export function selfSignedLeaf(options: LeafOptions = {}): TestLeaf {
  const keyPair = options.keyPair ?? newKeyPair(options.keyType ?? "ecdsa-p256");
  const request = leafRequest(options, keyPair.publicKey);
  const certPem = issueCertificate(request, { selfKey: keyPair.privateKey });
  return asLeaf(request, keyPair, { certPem, abovePem: "" });
}

/** What most tests need: one CA, one pair for servers, one for clients, in files. */
export interface TestPki {
  readonly ca: TestCa;
  readonly server: TestLeaf;
  readonly client: TestLeaf;
  /** Paths of PEM files. */
  readonly files: Readonly<
    Record<"ca" | "serverCert" | "serverKey" | "clientCert" | "clientKey", string>
  >;
}

/**
 * Writes ca.crt, server.crt, server.key, client.crt and client.key into `dir`. The server's pair also serves to dial other members
 * and is valid for localhost; the client's common name is "client", and it is no server.
 */
export function makePki(dir: string): TestPki {
  const ca = TestCa.create("test CA");
  const server = ca.leaf({ commonName: "server" });
  const client = ca.leaf({ commonName: "client", dnsNames: [], usages: ["clientAuth"] });
  const paths = writeFiles(dir, {
    "ca.crt": ca.certPem,
    "server.crt": server.certPem,
    "server.key": server.keyPem,
    "client.crt": client.certPem,
    "client.key": client.keyPem,
  });
  const files = {
    ca: paths["ca.crt"],
    serverCert: paths["server.crt"],
    serverKey: paths["server.key"],
    clientCert: paths["client.crt"],
    clientKey: paths["client.key"],
  };
  return { ca, server, client, files };
}

function leafRequest(options: LeafOptions, publicKey: KeyObject): CertificateRequest {
  const { commonName = "leaf", organization, dnsNames, ipAddresses } = options;
  const hasOwnNames = dnsNames !== undefined || ipAddresses !== undefined;
  return {
    subject: {
      ...(commonName === "" ? {} : { commonName }),
      ...(organization === undefined ? {} : { organization }),
    },
    publicKey,
    serial: options.serial ?? randomSerial(),
    ...bounds(options.validity ?? "valid"),
    isCa: false,
    usages: options.usages ?? ["serverAuth", "clientAuth"],
    dnsNames: dnsNames ?? (hasOwnNames ? [] : ["localhost"]),
    ipAddresses: ipAddresses ?? (hasOwnNames ? [] : ["127.0.0.1", "::1"]),
  };
}

function asLeaf(
  request: CertificateRequest,
  keyPair: KeyPair,
  pems: { readonly certPem: string; readonly abovePem: string },
): TestLeaf {
  return {
    certPem: pems.certPem,
    keyPem: privateKeyPem(keyPair.privateKey),
    chainPem: pems.certPem + pems.abovePem,
    certificate: new X509Certificate(pems.certPem),
    keyPair,
    serial: request.serial,
  };
}

function bounds(validity: Validity): { notBeforeMs: number; notAfterMs: number } {
  const now = Date.now();
  switch (validity) {
    case "valid":
      return { notBeforeMs: now - hourMs, notAfterMs: now + dayMs };
    case "expired":
      return { notBeforeMs: now - dayMs, notAfterMs: now - 60_000 };
    case "future":
      return { notBeforeMs: now + hourMs, notAfterMs: now + dayMs };
    default:
      return validity;
  }
}
