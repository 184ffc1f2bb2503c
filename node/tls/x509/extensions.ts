/** The extensions of a certificate (RFC 5280 4.2), written and found again. */
import type { X509Certificate } from "node:crypto";
import {
  type Element,
  encode,
  isTrue,
  namedBits,
  objectId,
  octets,
  type ReadElement,
  readElement,
  readElements,
  sequence,
  taggedBytes,
  tags,
  unsignedNumber,
} from "./der.ts";

export const extensionOids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
};

/** Bits of KeyUsage. */
const keyUsageBits = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 };
const extendedUsageOids = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
};

export type KeyUsage = keyof typeof keyUsageBits;
export type ExtendedUsage = keyof typeof extendedUsageOids;

export function extension(oid: string, isCritical: boolean, value: Element): Element {
  return sequence(objectId(oid), isCritical ? isTrue() : undefined, octets(encode(value)));
}

/** `pathLength`: how many CAs may stand between this one and a leaf; undefined for any number. */
export function basicConstraints(isCa: boolean, pathLength: number | undefined): Element {
  const length = pathLength === undefined ? undefined : unsignedNumber(pathLength);
  const value = isCa ? sequence(isTrue(), length) : sequence();
  return extension(extensionOids.basicConstraints, true, value);
}

export function keyUsage(usages: readonly KeyUsage[]): Element {
  const bits = namedBits(usages.map((usage) => keyUsageBits[usage]));
  return extension(extensionOids.keyUsage, true, bits);
}

export function extendedKeyUsage(usages: readonly ExtendedUsage[]): Element {
  const oids = usages.map((usage) => objectId(extendedUsageOids[usage]));
  return extension(extensionOids.extendedKeyUsage, false, sequence(...oids));
}

export function subjectKeyIdentifier(identifier: Uint8Array): Element {
  return extension(extensionOids.subjectKeyIdentifier, false, octets(identifier));
}

export function authorityKeyIdentifier(identifier: Uint8Array): Element {
  const value = sequence(taggedBytes(0, identifier));
  return extension(extensionOids.authorityKeyIdentifier, false, value);
}

/** The fields of the signed part, without the optional version in front: serial, algorithm, issuer, validity, subject, key, ... */
export function certificateFields(certificate: X509Certificate): ReadElement[] {
  const [toBeSigned] = readElements(readElement(certificate.raw).content);
  const fields = toBeSigned === undefined ? [] : readElements(toBeSigned.content);
  return fields[0]?.tag === tags.explicit(0) ? fields.slice(1) : fields;
}

/** The value of an extension, DER; undefined where the certificate has none of that kind. Throws an Error where it is no DER. */
export function extensionValue(certificate: X509Certificate, oid: string): Uint8Array | undefined {
  const holder = certificateFields(certificate).find(({ tag }) => tag === tags.explicit(3));
  if (holder === undefined) return undefined;
  const wanted = encode(objectId(oid));
  for (const { content } of readElements(readElement(holder.content).content)) {
    const [id, ...rest] = readElements(content);
    if (id !== undefined && wanted.equals(id.whole)) return rest.at(-1)?.content;
  }
  return undefined;
}
