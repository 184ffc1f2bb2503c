/** Byte-wise helpers on plain Uint8Arrays; keys are compared as unsigned bytes, as etcd does. */

export const emptyBytes: Uint8Array = new Uint8Array(0);

/** Negative, zero or positive, as a sorts before, with or after b. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** A byte-order mark is text like any other. */
const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const textEncoder = new TextEncoder();

export const toText = (bytes: Uint8Array): string => textDecoder.decode(bytes);
export const fromText = (text: string): Uint8Array => textEncoder.encode(text);

/**
 * A copy of bytes[start, end). Never `bytes.slice()`: on a Buffer, which is a Uint8Array too, it is a view, and the copy changes
 * with the original.
 */
export function cloneBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

/** Not in Node's type declarations. */
const bufferMethods = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
};

/** bytes[start, end) with one character a byte, as a key for maps. Faster for short texts than a view and its toString. */
export function latin1(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return bufferMethods.latin1Slice.call(bytes, start, end);
}
