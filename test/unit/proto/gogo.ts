/**
 * The presence that etcd up to 3.6 gives the fields of its proto2 messages. Its generator (gogo) made most of them Go
 * values without a pointer, and wrote such a field always, zero or not; bytes it wrote unless they were nil; a pointer
 * when it was set. Etcd 3.7 writes what was set.
 */
import protobuf from "protobufjs";

import { protoRoot } from "./any-message.ts";
import type { Json, JsonObject } from "./go-marshal.ts";

/** Embedded messages that were values without a pointer; raft 3.5 and older had Message.snapshot among them. */
const embeddedValues = new Set([
  "raftpb.SnapshotMetadata.confState",
  "raftpb.Snapshot.metadata",
  "raftpb.Message.snapshot",
]);

export const isProto2 = (name: string): boolean =>
  /^(raftpb|walpb|snappb)\./.test(name) || name === "etcdserverpb.Metadata";

/** The message in protobuf's JSON mapping with every field that gogo always wrote. */
export function asGogoWrote(name: string, json: JsonObject): JsonObject {
  const filled: JsonObject = { ...json };
  for (const field of protoRoot.lookupType(name).fieldsArray) {
    const value = filled[field.name] ?? whenUnset(field);
    if (value !== undefined) filled[field.name] = filledField(field, value);
  }
  return filled;
}

function whenUnset(field: protobuf.Field): Json | undefined {
  if (field.repeated || field.type === "bytes") return undefined;
  if (field.resolvedType instanceof protobuf.Enum) return 0;
  if (field.resolvedType === null) return field.type === "bool" ? false : "0";
  return embeddedValues.has(field.fullName.slice(1)) ? {} : undefined;
}

function filledField(field: protobuf.Field, value: Json): Json {
  if (!(field.resolvedType instanceof protobuf.Type)) return value;
  const name = field.resolvedType.fullName.slice(1);
  return Array.isArray(value)
    ? value.map((one) => asGogoWrote(name, one as JsonObject))
    : asGogoWrote(name, value as JsonObject);
}
