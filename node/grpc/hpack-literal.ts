/** Header fields as HPACK literals that touch no table (RFC 7541 section 6.2.2), without Huffman. */

export const ascii = (text: string): number[] => [...Buffer.from(text, "latin1")];

/** content-type has index 31 of the static table: 15 in the first byte's four bits, 16 in the next. */
const contentTypeName = [0x0f, 0x10];

export function contentTypeLiteral(value: string): number[] {
  return [...contentTypeName, ...stringLength(value.length), ...ascii(value)];
}

export function literal(name: string, value: string): number[] {
  return [
    0x00,
    ...stringLength(name.length),
    ...ascii(name),
    ...stringLength(value.length),
    ...ascii(value),
  ];
}

/** HPACK integer with a 7-bit prefix. */
export function stringLength(length: number): number[] {
  if (length < 0x7f) return [length];
  const encoded = [0x7f];
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest >>>= 7) encoded.push((rest & 0x7f) | 0x80);
  encoded.push(rest);
  return encoded;
}
