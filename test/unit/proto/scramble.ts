/**
 * Other bytes of the same message: what a reader of protobuf must take for equal. Fields in any order, embedded messages
 * in several pieces, fields nobody knows in between, lengths and numbers longer than they need be, packed lists unpacked.
 */
import fc from "fast-check";
import protobuf from "protobufjs";

import { Reader, Writer, wireType } from "../../../node/proto/wire.ts";
import { protoRoot } from "./any-message.ts";

/** A whole number from 0 to below `count`. */
export type Choose = (count: number) => number;

/** Drawn by fast-check. */
export const anyChoices: fc.Arbitrary<Choose> = fc
  .infiniteStream(fc.nat())
  .map((numbers) => (count) => (numbers.next().value as number) % count);

interface Piece {
  readonly tag: number;
  readonly bytes: Uint8Array;
}

export function scramble(name: string, bytes: Uint8Array, choose: Choose): Uint8Array {
  const type = protoRoot.lookupType(name);
  const pieces = piecesOf(bytes).flatMap((piece) => scramblePiece(type, piece, choose));
  for (let count = choose(3); count > 0; count--) {
    pieces.splice(choose(pieces.length + 1), 0, unknownPiece(choose));
  }
  return Buffer.concat(inAnyOrder(pieces, choose).map(({ bytes: one }) => one));
}

/** The fields of a message, each with its tag. */
function piecesOf(bytes: Uint8Array): Piece[] {
  const reader = new Reader(bytes);
  const pieces: Piece[] = [];
  while (!reader.isDone) {
    const start = reader.position;
    const tag = reader.tag();
    reader.skip(tag);
    pieces.push({ tag, bytes: bytes.subarray(start, reader.position) });
  }
  return pieces;
}

function scramblePiece(type: protobuf.Type, piece: Piece, choose: Choose): Piece[] {
  const field = type.fieldsById[piece.tag >>> 3];
  if (field === undefined) return [piece];
  if ((piece.tag & 7) === wireType.varint) return [longerNumber(piece, choose)];
  if (isPackedNumbers(piece, field)) return choose(2) === 0 ? [piece] : unpacked(piece);
  if (!(field.resolvedType instanceof protobuf.Type) || field.map) return [piece];
  const content = scramble(field.resolvedType.fullName.slice(1), contentOf(piece), choose);
  const parts = field.repeated || choose(3) > 0 ? [content] : split(content, choose);
  return parts.map((part) => bytesPiece(piece.tag, part, choose));
}

/** A packed list of enum values; no message of etcd's has other ones. */
const isPackedNumbers = (piece: Piece, field: protobuf.Field): boolean =>
  (piece.tag & 7) === wireType.bytes && field.resolvedType instanceof protobuf.Enum;

function unpacked(piece: Piece): Piece[] {
  const reader = new Reader(contentOf(piece));
  const pieces: Piece[] = [];
  const tag = piece.tag - wireType.bytes;
  while (!reader.isDone) pieces.push(varintPiece(tag, reader.varint64(), 0));
  return pieces;
}

function contentOf(piece: Piece): Uint8Array {
  const reader = new Reader(piece.bytes);
  reader.tag();
  return reader.view();
}

/** Two messages that a reader merges to the one. */
function split(content: Uint8Array, choose: Choose): Uint8Array[] {
  const pieces = piecesOf(content);
  const at = choose(pieces.length + 1);
  const join = (some: readonly Piece[]): Uint8Array =>
    Buffer.concat(some.map(({ bytes }) => bytes));
  return [join(pieces.slice(0, at)), join(pieces.slice(at))];
}

function longerNumber(piece: Piece, choose: Choose): Piece {
  const reader = new Reader(piece.bytes);
  return varintPiece(reader.tag(), reader.varint64(), choose(4));
}

function varintPiece(tag: number, value: bigint, zeros: number): Piece {
  const writer = new Writer(24);
  writer.varint(tag);
  writeLonger(writer, value, zeros);
  return { tag, bytes: writer.finish() };
}

function bytesPiece(tag: number, content: Uint8Array, choose: Choose): Piece {
  const writer = new Writer(content.length + 16);
  writer.varint(tag);
  writeLonger(writer, BigInt(content.length), choose(3));
  writeWhole(writer, content);
  return { tag, bytes: writer.finish() };
}

/** A varint with up to `zeros` bytes that say nothing, within the ten bytes of a varint. */
function writeLonger(writer: Writer, value: bigint, zeros: number): void {
  const start = writer.position;
  writer.varint64(value);
  for (; zeros > 0 && writer.position - start < 9; zeros--) {
    const last = writer.position - 1;
    writer.buffer[last] = (writer.buffer[last] as number) | 0x80;
    writer.byte(0);
  }
}

/** A field number that no message of etcd's has, of any wire type. */
function unknownPiece(choose: Choose): Piece {
  const writer = new Writer(64);
  const field = 20_000 + choose(500_000_000);
  const type = [
    wireType.varint,
    wireType.fixed64,
    wireType.bytes,
    wireType.startGroup,
    wireType.fixed32,
  ][choose(5)] as number;
  const tag = field * 8 + type;
  writer.varint(tag);
  if (type === wireType.varint) writer.varint64(BigInt(choose(2 ** 30)) << BigInt(choose(34)));
  else if (type === wireType.bytes) writeRandom(writer, choose(20), choose, true);
  else if (type === wireType.fixed64) writeRandom(writer, 8, choose);
  else if (type === wireType.fixed32) writeRandom(writer, 4, choose);
  else {
    if (choose(2) === 0) writeWhole(writer, unknownPiece(choose).bytes);
    writer.bytesField(1 + choose(5), Buffer.from("in a group"));
    writer.varint(field * 8 + wireType.endGroup);
  }
  return { tag, bytes: writer.finish() };
}

const writeWhole = (writer: Writer, bytes: Uint8Array): void => writer.raw(bytes, 0, bytes.length);

function writeRandom(writer: Writer, length: number, choose: Choose, isPrefixed = false): void {
  if (isPrefixed) writer.varint(length);
  for (let at = 0; at < length; at++) writer.byte(choose(256));
}

/** Shuffled, but fields of one number keep their order: it is the order of a list, or of what is merged. */
function inAnyOrder(pieces: readonly Piece[], choose: Choose): Piece[] {
  const queues = new Map<number, Piece[]>();
  for (const piece of pieces) {
    const number = Math.floor(piece.tag / 8);
    queues.set(number, [...(queues.get(number) ?? []), piece]);
  }
  const shuffled: Piece[] = [];
  while (queues.size > 0) {
    const [number, queue] = [...queues][choose(queues.size)] as [number, Piece[]];
    shuffled.push(queue.shift() as Piece);
    if (queue.length === 0) queues.delete(number);
  }
  return shuffled;
}
