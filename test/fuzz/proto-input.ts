/**
 * Encoded messages of any type in node/proto, made from the .proto files, with faults where a reader can go wrong: wire
 * types and lengths that do not fit, numbers too long, fields twice, unknown fields and groups, nesting without end.
 */
import { globSync } from "node:fs";
import { join } from "node:path";

import protobuf from "protobufjs";

import { tagOf, varintSize, Writer, wireType } from "../../node/proto/wire.ts";
import type { FuzzRandom } from "./random.ts";

type Kind = "varint" | "bool" | "bytes" | "message";

interface FieldShape {
  readonly number: number;
  readonly kind: Kind;
  readonly isRepeated: boolean;
  readonly message: string;
}

export interface FaultOptions {
  /** A field is written wrongly once in so many fields; Infinity for valid messages. */
  readonly oneIn: number;
}

const nestingMax = 4;
const shapes = new Map<string, readonly FieldShape[]>();

const root = new protobuf.Root();
const protoDir = join(import.meta.dirname, "../../node/proto");
root.resolvePath = (_origin, target) => join(protoDir, target);
root.loadSync(globSync("*.proto", { cwd: protoDir })).resolveAll();

function shapeOf(message: string): readonly FieldShape[] {
  let shape = shapes.get(message);
  if (shape === undefined) {
    shape = root.lookupType(message).fieldsArray.map((field) => ({
      number: field.id,
      kind: kindOf(field),
      isRepeated: field.repeated,
      message: field.resolvedType?.fullName.slice(1) ?? "",
    }));
    shapes.set(message, shape);
  }
  return shape;
}

function kindOf(field: protobuf.Field): Kind {
  if (field.resolvedType instanceof protobuf.Type) return "message";
  if (field.type === "bytes" || field.type === "string") return "bytes";
  return field.type === "bool" ? "bool" : "varint";
}

/** Appends the fields of a message. */
function writeMessage(
  writer: Writer,
  message: string,
  random: FuzzRandom,
  faults: FaultOptions,
  depth = 0,
): void {
  for (const field of shapeOf(message)) {
    // A message with many kinds of content, such as an entry's request, has one or two of them.
    const isUnlikely =
      field.kind === "message" ? depth >= nestingMax || random.below(3) > 0 : random.oneIn(3);
    if (isUnlikely) continue;
    const count = field.isRepeated ? random.below(4) : 1;
    for (let at = 0; at < count; at++) writeField(writer, field, random, faults, depth);
  }
  if (random.oneIn(12)) writeUnknown(writer, random, 0);
}

export function messageBytes(
  message: string,
  random: FuzzRandom,
  faults: FaultOptions,
): Uint8Array {
  const writer = new Writer(256);
  writeMessage(writer, message, random, faults);
  return writer.finish();
}

function writeField(
  writer: Writer,
  field: FieldShape,
  random: FuzzRandom,
  faults: FaultOptions,
  depth: number,
): void {
  if (faults.oneIn !== Infinity && random.oneIn(faults.oneIn)) {
    writeFaulty(writer, field, random);
    return;
  }
  switch (field.kind) {
    case "varint":
      writer.varint(tagOf(field.number, wireType.varint));
      writer.varint64(random.uint64());
      return;
    case "bool":
      writer.varint(tagOf(field.number, wireType.varint));
      writer.byte(random.below(2));
      return;
    case "bytes":
      writer.bytesField(field.number, text(random));
      return;
    case "message": {
      const mark = writer.beginMessage(field.number);
      writeMessage(writer, field.message, random, faults, depth + 1);
      writer.endMessage(mark);
    }
  }
}

const texts = [
  "",
  "a",
  "b",
  "foo",
  "foo/bar",
  "\0",
  "\xff",
  "/registry/pods/default/x",
  "3.7.0",
  "http://a:2380",
].map((some) => Buffer.from(some, "latin1"));

function text(random: FuzzRandom): Uint8Array {
  if (random.oneIn(4)) return random.bytes(random.below(random.oneIn(20) ? 400 : 20));
  return random.pick(texts);
}

function writeFaulty(writer: Writer, field: FieldShape, random: FuzzRandom): void {
  const { number } = field;
  switch (random.below(9)) {
    case 0: // Another wire type than the field has.
      writer.varint(tagOf(number, random.below(8)));
      writer.varint64(random.uint64());
      return;
    case 1: // A length that leads out of the message, or stops short of the content.
      writer.varint(tagOf(number, wireType.bytes));
      writer.varint(random.pick([1, 2, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1]));
      writeRaw(writer, random.bytes(random.below(6)));
      return;
    case 2: // A number of more than 64 bits, or with a tenth byte too large.
      writer.varint(tagOf(number, wireType.varint));
      for (let count = random.between(8, 11); count > 0; count--)
        writer.byte(0x80 | random.below(128));
      writer.byte(random.below(128));
      return;
    case 3: // A longer spelling of a small number.
      writer.varint(tagOf(number, wireType.varint));
      writer.byte(0x80 | random.below(128));
      for (let count = random.below(8); count > 0; count--) writer.byte(0x80);
      writer.byte(0);
      return;
    case 4:
      writer.bytesField(number, random.bytes(random.below(30)));
      return;
    case 5: // The last byte of a number is missing.
      writer.varint(tagOf(number, wireType.varint));
      writer.byte(0x80 | random.below(128));
      return;
    case 6: // Field number 0, or one above 2^29.
      writer.varint64(
        random.pick([0n, 1n, 2n, 7n, 1n << 32n, (1n << 32n) + 10n, (1n << 64n) - 1n]),
      );
      return;
    case 7:
      writeUnknown(writer, random, 0);
      return;
    default: // A group where none belongs, open, closed twice or by another one's end.
      writer.varint(tagOf(number, random.pick([wireType.startGroup, wireType.endGroup])));
  }
}

/** A field that no message has, well-formed. */
function writeUnknown(writer: Writer, random: FuzzRandom, depth: number): void {
  const number = random.between(9_901, 536_870_911);
  switch (random.below(5)) {
    case 0:
      writer.varint(tagOf(number, wireType.varint));
      writer.varint64(random.uint64());
      return;
    case 1:
      writer.varint(tagOf(number, wireType.fixed64));
      writeRaw(writer, random.bytes(8));
      return;
    case 2:
      writer.bytesField(number, random.bytes(random.below(20)));
      return;
    case 3:
      writer.varint(tagOf(number, wireType.fixed32));
      writeRaw(writer, random.bytes(4));
      return;
    default:
      writer.varint(tagOf(number, wireType.startGroup));
      for (let count = random.below(3); count > 0 && depth < 20; count--)
        writeUnknown(writer, random, depth + 1);
      writer.varint(tagOf(number, wireType.endGroup));
  }
}

const writeRaw = (writer: Writer, bytes: Uint8Array): void => writer.raw(bytes, 0, bytes.length);

/** A message inside itself so many times; the innermost one is empty. Field numbers are taken in turns, from outside. */
export function nestedBytes(numbers: readonly number[], depth: number): Uint8Array {
  const lengths: number[] = [];
  let length = 0;
  for (let at = depth - 1; at >= 0; at--) {
    lengths.push(length);
    length += varintSize(tagOf(numberAt(numbers, at), wireType.bytes)) + varintSize(length);
  }
  const writer = new Writer(length + 16);
  for (let at = 0; at < depth; at++) {
    writer.varint(tagOf(numberAt(numbers, at), wireType.bytes));
    writer.varint(lengths.pop() ?? 0);
  }
  return writer.finish();
}

const numberAt = (numbers: readonly number[], at: number): number =>
  numbers[at % numbers.length] ?? 1;

/** Full names of all messages of node/proto. */
export function messageNames(): string[] {
  const names: string[] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const item of namespace.nestedArray) {
      if (item instanceof protobuf.Type) names.push(item.fullName.slice(1));
      if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(root);
  return names.sort();
}
