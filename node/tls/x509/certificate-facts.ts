/** What a certificate says, in the terms in which one is requested. */
import { X509Certificate } from "node:crypto";
import { encode, objectId, type ReadElement, readElement, readElements } from "./der.ts";
import { certificateFields, extensionOids, extensionValue } from "./extensions.ts";
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

const commonNameOid = encode(objectId("2.5.4.3"));
const stringTags = { utf8: 0x0c, bmp: 0x1e };

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

/** From the DER: node:crypto's toLegacyObject() ends the process for a certificate whose public key is no point of its curve (Node.js 24). */
function commonNameOf(certificate: X509Certificate): string {
  const [, , , , subject] = certificateFields(certificate);
  const sets = subject === undefined ? [] : readElements(subject.content);
  const attributes = sets.flatMap(({ content }) => readElements(content));
  const values = attributes.flatMap(({ content }) => {
    const [type, value] = readElements(content);
    return type !== undefined && value !== undefined && commonNameOid.equals(type.whole)
      ? [stringText(value)]
      : [];
  });
  return values.at(-1) ?? "";
}

/** The strings that X.520 allows; what is not of these counts as Latin-1. */
function stringText({ tag, content }: ReadElement): string {
  const bytes = Buffer.from(content);
  if (tag === stringTags.utf8) return bytes.toString("utf8");
  if (tag !== stringTags.bmp || bytes.length % 2 !== 0) return bytes.toString("latin1");
  return bytes.swap16().toString("utf16le");
}
