/** HTTP/2 bytes by hand: frames and header blocks, well-formed or not. Shares no code with the server's encoder. */

export const type = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
  unknown: 0x42,
} as const;

export const flag = {
  none: 0,
  ack: 1,
  endStream: 1,
  endHeaders: 4,
  padded: 8,
  priority: 0x20,
} as const;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const echoPath = "/test.Svc/Echo";

export type Bytes = Uint8Array | readonly number[];
export type Field = readonly [name: string, value: string];

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** `length` may lie about the payload. */
export function frame(
  frameType: number,
  flags: number,
  streamId: number,
  payload: Bytes = [],
  length = payload.length,
): Buffer {
  const head = [length >>> 16, (length >>> 8) & 255, length & 255, frameType, flags];
  return Buffer.from([...head, ...uint32(streamId), ...payload]);
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = pairs.flatMap(([id, value]) => [id >>> 8, id & 255, ...uint32(value)]);
  return frame(type.settings, flag.none, 0, payload);
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(type.windowUpdate, flag.none, streamId, uint32(increment));
}

export function rstStream(streamId: number, code = 8): Buffer {
  return frame(type.rstStream, flag.none, streamId, uint32(code));
}

export function priority(streamId: number, dependsOn: number): Buffer {
  return frame(type.priority, flag.none, streamId, [...uint32(dependsOn), 15]);
}

export function ping(payload: Bytes = [0, 1, 2, 3, 4, 5, 6, 7], flags: number = flag.none): Buffer {
  return frame(type.ping, flags, 0, payload);
}

/** HPACK integer (RFC 7541 section 5.1). */
export function integer(first: number, prefixBits: number, value: number): number[] {
  const most = 2 ** prefixBits - 1;
  if (value < most) return [first | value];
  const bytes = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

export function text(value: string): number[] {
  return [...integer(0, 7, value.length), ...Buffer.from(value, "latin1")];
}

/** A literal without indexing and with a literal name: leaves the dynamic table alone. */
export function literal([name, value]: Field): number[] {
  return [0, ...text(name), ...text(value)];
}

export function block(fields: readonly Field[]): number[] {
  return fields.flatMap(literal);
}

export const method: Field = [":method", "POST"];
export const scheme: Field = [":scheme", "http"];
export const path: Field = [":path", echoPath];
export const authority: Field = [":authority", "localhost"];
export const contentType: Field = ["content-type", "application/grpc"];
export const te: Field = ["te", "trailers"];
/** What a gRPC client sends, in its order. */
export const requestFields: readonly Field[] = [method, scheme, path, authority, contentType, te];

/** HEADERS that are whole, and end the request if `flags` say so. */
export function headers(
  streamId: number,
  fields: readonly Field[] = requestFields,
  flags: number = flag.none,
): Buffer {
  return frame(type.headers, flag.endHeaders | flags, streamId, block(fields));
}

/** One gRPC message, which to another server is just a body. */
export const message: readonly number[] = [0, ...uint32(5), ...Buffer.from("hello", "latin1")];

export function data(
  streamId: number,
  payload: Bytes = message,
  flags: number = flag.endStream,
): Buffer {
  return frame(type.data, flags, streamId, payload);
}

/** A whole request with a whole message. */
export function request(streamId: number, fields: readonly Field[] = requestFields): Buffer {
  return Buffer.concat([headers(streamId, fields), data(streamId)]);
}

export function padded(
  frameType: number,
  flags: number,
  payload: Bytes,
  padLength: number,
): (streamId: number) => Buffer {
  return (streamId) =>
    frame(frameType, flags | flag.padded, streamId, [
      padLength,
      ...payload,
      ...new Uint8Array(padLength),
    ]);
}
