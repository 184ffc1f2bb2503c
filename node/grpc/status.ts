/** gRPC status codes, and the text form of grpc-message (gRPC over HTTP/2, "Responses"). */

export const statusCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** What a call is answered with instead of a message; refused before any handler saw it, in grpc-go's words. */
export interface Refusal {
  readonly httpStatus: number;
  readonly code: number;
  readonly text: string;
}

const hexDigits = "0123456789ABCDEF";
const isPlain = (byte: number): boolean => byte >= 0x20 && byte <= 0x7e && byte !== 0x25;

/**
 * Percent-encodes all bytes but printable ASCII without "%"; ill-formed UTF-16 becomes U+FFFD. Cut to `bytesMax`, never
 * within an escape.
 */
export function encodeStatusText(text: string, bytesMax: number): Buffer {
  const utf8 = Buffer.from(text, "utf8");
  const encoded = Buffer.allocUnsafe(Math.min(utf8.length * 3, bytesMax));
  let length = 0;
  for (const byte of utf8) {
    if (isPlain(byte)) {
      if (length + 1 > bytesMax) break;
      encoded[length++] = byte;
    } else {
      if (length + 3 > bytesMax) break;
      encoded[length++] = 0x25;
      encoded[length++] = hexDigits.charCodeAt(byte >> 4);
      encoded[length++] = hexDigits.charCodeAt(byte & 15);
    }
  }
  return encoded.subarray(0, length);
}

/** A string between double quotes, as Go's %q prints it for text without exotic characters. */
export function quote(text: string): string {
  let quoted = '"';
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    if (char === '"' || char === "\\") quoted += `\\${char}`;
    else if (code >= 0x20 && code !== 0x7f) quoted += char;
    else quoted += `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return `${quoted}"`;
}
