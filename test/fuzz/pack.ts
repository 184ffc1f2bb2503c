/** Several pieces in the one byte sequence that a fuzz input is: each behind its length in three bytes. */

const lengthBytes = 3;

export function pack(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    pieces.flatMap((piece) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUIntBE(piece.length, 0, lengthBytes);
      return [length, piece];
    }),
  );
}

/** Takes any bytes: a length beyond the end means up to the end. */
export function unpack(bytes: Uint8Array): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (at + lengthBytes <= buffer.length) {
    const start = at + lengthBytes;
    at = Math.min(start + buffer.readUIntBE(at, lengthBytes), buffer.length);
    pieces.push(buffer.subarray(start, at));
  }
  return pieces;
}
