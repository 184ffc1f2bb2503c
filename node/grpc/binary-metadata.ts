/** Metadata whose name ends in "-bin" holds base64 (gRPC over HTTP/2, "Custom-Metadata"); we judge it and pass it on as it came. */

export const isBinaryName = (name: string): boolean => name.endsWith("-bin");

const isDigit = (code: number): boolean =>
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x2b ||
  code === 0x2f;

/**
 * Where Go's encoding/base64 stops reading `text`, or -1 when it is well-formed: padded when its length is a multiple of 4, without
 * padding otherwise, as grpc-go tells the two apart.
 */
export function base64Problem(text: string): number {
  const { length } = text;
  let digits = 0;
  while (digits < length && isDigit(text.charCodeAt(digits))) digits++;
  const inQuantum = digits % 4;
  if (digits === length) return inQuantum === 1 ? length - 1 : -1;
  const padding = inQuantum === 2 ? "==" : "=";
  if (length % 4 !== 0 || inQuantum < 2 || !text.startsWith(padding, digits)) return digits;
  const end = digits + padding.length;
  return end === length ? -1 : end;
}
