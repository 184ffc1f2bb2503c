/** What a certificate says, in the terms in which one is requested. */
import { X509Certificate } from "node:crypto";
import { readElement, readElements } from "./der.ts";
import { extensionOids, extensionValue } from "./extensions.ts";
import { ipText } from "./ip-address.ts";
import { generalNameTags } from "./names.ts";

export interface CertificateFacts {
  /** The last one where there are several, as for Go; "" for none. */
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** In their shortest form. */
  readonly ipAddresses: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Of the first certificate in a PEM text, or of one in DER. Throws node:crypto's Error where there is none. */
export function readCertificate(pemOrDer: string | Uint8Array): CertificateFacts {
  return certificateFacts(new X509Certificate(pemOrDer));
}

/** Throws an Error where the alternative names are no DER; the certificate is a stranger's perhaps. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts {
  const names = alternativeNamesOf(certificate);
  const texts = (tag: number, text: (value: Uint8Array) => string): string[] =>
    names.filter((name) => name.tag === (0x80 | tag)).map(({ content }) => text(content));
  return {
    commonName: commonNameOf(certificate),
    dnsNames: texts(generalNameTags.dns, (value) => Buffer.from(value).toString("latin1")),
    ipAddresses: texts(generalNameTags.ip, ipText),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

function alternativeNamesOf(certificate: X509Certificate) {
  const value = extensionValue(certificate, extensionOids.subjectAltName);
  return value === undefined ? [] : readElements(readElement(value).content);
}

function commonNameOf(certificate: X509Certificate): string {
  const found: string | string[] | undefined = certificate.toLegacyObject().subject.CN;
  return (Array.isArray(found) ? found.at(-1) : found) ?? "";
}
