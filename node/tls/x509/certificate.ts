/** Certificates (RFC 5280), issued by a CA or by their own key. Checked against OpenSSL and Go: test/unit/tls/x509. */
import { createPublicKey, type KeyObject, randomBytes, type X509Certificate } from "node:crypto";
import {
  type Element,
  encode,
  readElement,
  sequence,
  tagged,
  unsigned,
  unsignedNumber,
  verbatim,
} from "./der.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  certificateFields,
  type ExtendedUsage,
  extendedKeyUsage,
  extension,
  extensionOids,
  extensionValue,
  type KeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from "./extensions.ts";
import { keyIdentifier, publicKeyInfo } from "./keys.ts";
import { alternativeNames, distinguishedName, type Subject } from "./names.ts";
import { pemBlock } from "./pem.ts";
import { signatureAlgorithm, signed } from "./signature.ts";
import { validityTime } from "./time.ts";

export interface CertificateRequest {
  /** Empty only for a leaf with alternative names, which are critical then. */
  readonly subject: Subject;
  readonly publicKey: KeyObject;
  /** Positive, big-endian, at most 20 bytes with the sign's bit free. `randomSerial` draws one. */
  readonly serial: Uint8Array;
  /** Milliseconds since the Unix epoch; fractions of a second are cut off. Both ends belong to the validity. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
  /** For a CA: how many CAs may stand between it and a leaf; any number where it is left out. */
  readonly pathLength?: number;
  /** By default keyCertSign and cRLSign for a CA, digitalSignature (for RSA keyEncipherment too) for others. */
  readonly keyUsages?: readonly KeyUsage[];
  /** Empty for any. */
  readonly usages: readonly ExtendedUsage[];
  /** The name or address that one dials must be among these two; nobody looks at the common name. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface Issuer {
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
}

interface Authority {
  readonly name: Element;
  /** Undefined where the CA's certificate does not name its key. */
  readonly keyIdentifier: Uint8Array | undefined;
  readonly privateKey: KeyObject;
}

/**
 * PEM. The issuer's name is copied byte for byte, since Go compares bytes. Throws an Error where the private key does not fit the
 * issuer or a request cannot be written; it does not ask whether the issuer may issue (`X509Certificate.ca`, its validity).
 */
export function issueCertificate(
  request: CertificateRequest,
  issuer: Issuer | { readonly selfKey: KeyObject },
): string {
  const subject = distinguishedName(request.subject);
  const authority =
    "selfKey" in issuer ? selfAuthority(request, subject, issuer.selfKey) : authorityOf(issuer);
  const { publicKey, notBeforeMs, notAfterMs } = request;
  if (!(notBeforeMs <= notAfterMs)) throw new RangeError("a certificate that is never valid");
  const toBeSigned = sequence(
    tagged(0, unsignedNumber(2)), // version 3
    serialNumber(request.serial),
    signatureAlgorithm(authority.privateKey),
    authority.name,
    sequence(validityTime(notBeforeMs), validityTime(notAfterMs)),
    subject,
    verbatim(publicKeyInfo(publicKey)),
    tagged(3, sequence(...extensions(request, authority))),
  );
  return pemBlock("CERTIFICATE", signed(toBeSigned, authority.privateKey));
}

/** Sixteen bytes, of which 126 bits are drawn. */
export function randomSerial(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x7f) | 0x40;
  return serial;
}

/** Throws a RangeError for what RFC 5280 4.1.2.2 forbids. */
export function serialNumber(serial: Uint8Array): Element {
  const element = unsigned(serial);
  const { content } = readElement(encode(element));
  if (content.every((byte) => byte === 0) || content.length > 20)
    throw new RangeError("a serial number is positive and has at most 20 bytes");
  return element;
}

/** What a certificate or CRL says of its issuer. Throws an Error where the private key is not the certificate's. */
export function authorityOf({ certificate, privateKey }: Issuer): Authority {
  if (!certificate.checkPrivateKey(privateKey))
    throw new Error("the issuer's private key does not fit its certificate");
  const [, , , , subject] = certificateFields(certificate);
  const identifier = extensionValue(certificate, extensionOids.subjectKeyIdentifier);
  return {
    name: subject === undefined ? sequence() : verbatim(subject.whole),
    keyIdentifier: identifier && readElement(identifier).content,
    privateKey,
  };
}

function selfAuthority(
  { publicKey }: CertificateRequest,
  name: Element,
  privateKey: KeyObject,
): Authority {
  if (!createPublicKey(privateKey).equals(publicKey))
    throw new Error("a self-signed certificate is signed with its own key");
  return { name, keyIdentifier: keyIdentifier(publicKey), privateKey };
}

function extensions(request: CertificateRequest, authority: Authority): (Element | undefined)[] {
  const { subject, publicKey, isCa, usages, dnsNames, ipAddresses } = request;
  const hasNames = dnsNames.length + ipAddresses.length > 0;
  const hasSubject = subject.commonName !== undefined || subject.organization !== undefined;
  if (!hasSubject && (isCa || !hasNames))
    throw new Error(isCa ? "a CA needs a subject" : "a certificate without any name");
  const { keyIdentifier: issuerKey } = authority;
  return [
    keyUsage(request.keyUsages ?? defaultKeyUsages(publicKey, isCa)),
    usages.length === 0 ? undefined : extendedKeyUsage(usages),
    basicConstraints(isCa, request.pathLength),
    subjectKeyIdentifier(keyIdentifier(publicKey)),
    issuerKey === undefined ? undefined : authorityKeyIdentifier(issuerKey),
    hasNames
      ? extension(
          extensionOids.subjectAltName,
          !hasSubject,
          alternativeNames(dnsNames, ipAddresses),
        )
      : undefined,
  ];
}

/** RSA keys encipher in the TLS 1.2 suites without a Diffie-Hellman exchange; no other key does. */
function defaultKeyUsages(publicKey: KeyObject, isCa: boolean): readonly KeyUsage[] {
  if (isCa) return ["keyCertSign", "cRLSign"];
  return publicKey.asymmetricKeyType === "rsa"
    ? ["digitalSignature", "keyEncipherment"]
    : ["digitalSignature"];
}
