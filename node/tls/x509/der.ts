/**
 * DER as certificates and CRLs need it. Writing goes through node-forge's asn1; what another party has written (names, public keys)
 * is passed on byte for byte, so reading needs no more than a walk over elements.
 */
import asn1, { type Asn1 } from "node-forge/lib/asn1.js";
import { assert } from "../../lib/assert.ts";

const { Class, Type } = asn1;

/** An element that is still to be written. */
export type Element = Asn1;

/** Tag bytes that readers here look for. */
export const tags = { bitString: 0x03, explicit: (tag: number): number => 0xa0 | tag };

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const primitive = (type: number, value: string): Element =>
  asn1.create(Class.UNIVERSAL, type, false, value);

/** Members that are undefined are left out: OPTIONAL ones, and those that have their DEFAULT value. */
export const sequence = (...members: readonly (Element | undefined)[]): Element =>
  asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, present(members));

export const set = (...members: readonly Element[]): Element =>
  asn1.create(Class.UNIVERSAL, Type.SET, true, members);

/** `[tag] EXPLICIT`, or an implicit tag over a constructed type. */
export const tagged = (tag: number, ...members: readonly Element[]): Element =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, true, members);

/** `[tag] IMPLICIT` over a primitive type. */
export const taggedBytes = (tag: number, value: Uint8Array): Element =>
  asn1.create(Class.CONTEXT_SPECIFIC, tag, false, binary(value));

export const objectId = (oid: string): Element =>
  primitive(Type.OID, asn1.oidToDer(oid).getBytes());

export const isTrue = (): Element => primitive(Type.BOOLEAN, "\xff");
export const nothing = (): Element => primitive(Type.NULL, "");
export const octets = (value: Uint8Array): Element => primitive(Type.OCTETSTRING, binary(value));
export const utf8String = (value: string): Element =>
  primitive(Type.UTF8, binary(Buffer.from(value)));
export const printableString = (value: string): Element => primitive(Type.PRINTABLESTRING, value);
export const generalizedTime = (value: string): Element => primitive(Type.GENERALIZEDTIME, value);
export const utcTime = (value: string): Element => primitive(Type.UTCTIME, value);

/** INTEGER from a big-endian magnitude, never negative; leading zeros do not count. */
export function unsigned(magnitude: Uint8Array): Element {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : magnitude.subarray(first);
  const sign = (digits[0] as number) >= 0x80 ? "\0" : "";
  return primitive(Type.INTEGER, sign + binary(digits));
}

export function unsignedNumber(value: number): Element {
  assert(Number.isSafeInteger(value) && value >= 0, "an unsigned integer", value);
  const hex = value.toString(16);
  return unsigned(Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex"));
}

/** BIT STRING of whole bytes. */
export const bitString = (value: Uint8Array): Element =>
  primitive(Type.BITSTRING, `\0${binary(value)}`);

/** BIT STRING with named bits (X.690 11.2.2): bit 0 is the highest of the first byte, trailing zeros are not written. */
export function namedBits(bits: readonly number[]): Element {
  if (bits.length === 0) return primitive(Type.BITSTRING, "\0");
  const last = Math.max(...bits);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] as number) | (0x80 >> (bit & 7));
  return primitive(Type.BITSTRING, String.fromCharCode(7 - (last & 7)) + binary(bytes));
}

/** An element that another party has encoded; `element` is the whole of it, with a tag of one byte. */
export function verbatim(element: Uint8Array): Element {
  const { tag, content } = readElement(element);
  // Node-forge ORs class, number and its own "constructed" bit; a plain value whose number has that bit is copied as it is.
  return asn1.create(tag & 0xc0, tag & 0x3f, false, binary(content));
}

export const encode = (element: Element): Buffer<ArrayBuffer> =>
  Buffer.from(asn1.toDer(element).getBytes(), "latin1");

/** The length of an element that only an end mark ends: BER has such elements, DER has not. */
const indefinite = 0x80;

/** An element that was read; both views are parts of what was given. */
export interface ReadElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length too. */
  readonly whole: Uint8Array;
}

/**
 * The first element in `bytes`. Throws an Error, in Go's words, for what is no DER: OpenSSL looks into most extensions only when it is
 * asked for them, so a certificate that it has parsed may still hold anything.
 */
export function readElement(bytes: Uint8Array): ReadElement {
  const [tag = 0, first = indefinite] = bytes;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  let length = lengthBytes === 0 ? first : 0;
  for (const byte of bytes.subarray(2, 2 + lengthBytes)) length = length * 256 + byte;
  const start = 2 + lengthBytes;
  if (first === indefinite || lengthBytes > 4 || start + length > bytes.length)
    throw new Error("x509: malformed certificate");
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(0, start + length),
  };
}

/** The elements that stand one after the other in the content of a constructed one. Throws as `readElement`. */
export function readElements(content: Uint8Array): ReadElement[] {
  const elements: ReadElement[] = [];
  for (let rest = content; rest.length > 0; ) {
    const element = readElement(rest);
    elements.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return elements;
}

function present(members: readonly (Element | undefined)[]): Element[] {
  return members.filter((member) => member !== undefined);
}
