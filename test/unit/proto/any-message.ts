/**
 * fast-check arbitraries for any message of node/proto, made from the .proto files themselves, in protobuf's JSON
 * mapping: 64-bit integers as decimal strings, bytes as base64, enums as numbers.
 */
import { globSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import protobuf from "protobufjs";

import { int64Long, uint64Long } from "../../../node/proto/long.ts";
import type { Json, JsonObject } from "./go-marshal.ts";

const protoDir = join(import.meta.dirname, "../../../node/proto");
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(protoDir, target.replace(/.*\//, ""));
root.loadSync(globSync("*.proto", { cwd: protoDir })).resolveAll();

export { root as protoRoot };

const nestingMax = 3;

/** Full names of all messages, such as "etcdserverpb.PutRequest". */
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

export const int64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
export const uint64 = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
export const bytes = fc.uint8Array({ maxLength: 40 });

/** Etcd takes every 32-bit value of an enum. */
const valuesWithoutName = [99, 2 ** 31 - 1, -1, -(2 ** 31)];

/** Any value of a message: each field absent, zero or anything. */
export function anyMessage(name: string, depth = 0): fc.Arbitrary<JsonObject> {
  const type = root.lookupType(name);
  const plain = type.fieldsArray.filter((field) => field.partOf === null);
  const fields = Object.fromEntries(
    plain
      .filter((field) => depth < nestingMax || !isMessage(field))
      .map((field) => [field.name, anyField(field, depth)]),
  );
  const parts = type.oneofsArray.map((oneof) => anyOneof(oneof, depth));
  return fc
    .tuple(fc.record(fields, { requiredKeys: [], noNullPrototype: true }), ...parts)
    .map((all) => Object.assign({}, ...all) as JsonObject);
}

function anyOneof(oneof: protobuf.OneOf, depth: number): fc.Arbitrary<JsonObject> {
  const members = oneof.fieldsArray
    .filter((field) => depth < nestingMax || !isMessage(field))
    .map((field) => anyField(field, depth).map((value): JsonObject => ({ [field.name]: value })));
  return fc.oneof(fc.constant<JsonObject>({}), ...members);
}

const isMessage = (field: protobuf.Field): boolean => field.resolvedType instanceof protobuf.Type;

function anyField(field: protobuf.Field, depth: number): fc.Arbitrary<Json> {
  const value = anyValue(field, depth);
  // Go is asked to write a map in the order of its keys, protobufjs keeps the order of insertion.
  if (field.map) {
    return fc
      .dictionary(fc.stringMatching(/^[a-z][a-z.]{0,6}$/), value, {
        maxKeys: 3,
        noNullPrototype: true,
      })
      .map((entries) =>
        Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))),
      );
  }
  return field.repeated ? fc.array(value, { maxLength: 3 }) : value;
}

function anyValue(field: protobuf.Field, depth: number): fc.Arbitrary<Json> {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Enum)
    return fc.constantFrom(...Object.values(resolvedType.values), ...valuesWithoutName);
  if (resolvedType !== null) return anyMessage(resolvedType.fullName.slice(1), depth + 1);
  switch (field.type) {
    case "bool":
      return fc.boolean();
    case "string":
      return fc.string({ unit: "binary", maxLength: 12 });
    case "bytes":
      return bytes.map(toBase64);
    case "int64":
      return int64.map(String);
    case "uint64":
      return uint64.map(String);
    case "uint32":
      return fc.oneof(fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1), fc.nat());
    default:
      throw new Error(`no arbitrary for ${field.type} of ${field.fullName}`);
  }
}

export const toBase64 = (value: Uint8Array): string => Buffer.from(value).toString("base64");

/** The same value as the generated codecs take it. */
export function toGenerated(name: string, json: JsonObject): object {
  const type = root.lookupType(name);
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => {
      const field = type.fields[key] as protobuf.Field;
      return [key, fieldOf(field, value)];
    }),
  );
}

function fieldOf(field: protobuf.Field, value: Json): unknown {
  if (Array.isArray(value)) return value.map((one) => valueOf(field, one));
  if (!field.map) return valueOf(field, value);
  const entries = Object.entries(value as JsonObject);
  return Object.fromEntries(entries.map(([key, one]) => [key, valueOf(field, one)]));
}

function valueOf(field: protobuf.Field, value: Json): unknown {
  if (isMessage(field)) {
    return toGenerated(
      (field.resolvedType as protobuf.Type).fullName.slice(1),
      value as JsonObject,
    );
  }
  if (field.type === "bytes") return Buffer.from(value as string, "base64");
  if (field.type === "int64") return int64Long(BigInt(value as string));
  if (field.type === "uint64") return uint64Long(BigInt(value as string));
  return value;
}
