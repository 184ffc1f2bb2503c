/** Names in certificates: the subject, and the subject's alternative names, which are those that TLS compares. */
import {
  type Element,
  objectId,
  printableString,
  sequence,
  set,
  taggedBytes,
  utf8String,
} from "./der.ts";
import { ipBytes } from "./ip-address.ts";

export interface Subject {
  readonly commonName?: string;
  readonly organization?: string;
}

const oids = { organization: "2.5.4.10", commonName: "2.5.4.3" };
/** Tags of GeneralName (RFC 5280 4.2.1.6). */
export const generalNameTags = { dns: 2, ip: 7 };

const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/;
const visibleAscii = /^[\x21-\x7e]+$/;

/** A Name (RFC 5280 4.1.2.4); organization first, as Go orders it. Throws an Error for an empty part: X.520 has none. */
export function distinguishedName({ organization, commonName }: Subject): Element {
  const parts: Element[] = [];
  if (organization !== undefined) parts.push(attribute(oids.organization, organization));
  if (commonName !== undefined) parts.push(attribute(oids.commonName, commonName));
  return sequence(...parts);
}

function attribute(oid: string, value: string): Element {
  if (value === "" || !value.isWellFormed())
    throw new Error(`${JSON.stringify(value)} cannot stand in a certificate's name`);
  const text = printable.test(value) ? printableString(value) : utf8String(value);
  return set(sequence(objectId(oid), text));
}

/** Throws an Error that names what is no DNS name in ASCII (international ones are written in their xn-- form), or no IP address. */
export function alternativeNames(
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
): Element {
  const dns = dnsNames.map((name) => {
    if (!visibleAscii.test(name))
      throw new Error(`${JSON.stringify(name)} is not a DNS name that a certificate can hold`);
    return taggedBytes(generalNameTags.dns, Buffer.from(name, "latin1"));
  });
  const ips = ipAddresses.map((address) => {
    const bytes = ipBytes(address);
    if (bytes === undefined) throw new Error(`${JSON.stringify(address)} is not an IP address`);
    return taggedBytes(generalNameTags.ip, bytes);
  });
  return sequence(...dns, ...ips);
}
