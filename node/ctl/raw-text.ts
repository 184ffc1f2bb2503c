/**
 * Texts that may hold bytes that are no UTF-8: keys and values are bytes. A byte that does not decode stands as the lone surrogate
 * U+DC00 + byte (Python's "surrogateescape"), so that text becomes exactly the bytes it came from.
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const escapeBase = 0xdc00;

export function rawText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    // Piece by piece below.
  }
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(escapeBase + (bytes[at] as number))
        : strict.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** Of the character that begins there; 0 when none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) {
    try {
      strict.decode(bytes.subarray(at, at + length));
      return length;
    } catch {
      // Longer, or none.
    }
  }
  return 0;
}

/** The byte that this UTF-16 unit stands for; undefined when it is text. */
export function escapedByte(unit: number): number | undefined {
  return unit >= escapeBase + 0x80 && unit <= escapeBase + 0xff ? unit - escapeBase : undefined;
}

export const escapeByte = (byte: number): string =>
  byte < 0x80 ? String.fromCharCode(byte) : String.fromCharCode(escapeBase + byte);

export function rawBytes(text: string): Uint8Array {
  const parts: Buffer[] = [];
  for (const character of text) {
    const byte = character.length === 1 ? escapedByte(character.charCodeAt(0)) : undefined;
    parts.push(byte === undefined ? Buffer.from(character) : Buffer.of(byte));
  }
  return new Uint8Array(Buffer.concat(parts));
}
